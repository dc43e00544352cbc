//! Our table of the Kubernetes API, and what we make of each object, against Kubernetes' own
//! types and decoder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use e2e::{programs, repository, text, tool};
use serde_json::Value as Json;

use crate::support::ok;

fn official(program: &str, arguments: &[&Path]) -> Vec<u8> {
    let output = Command::new(tool(&format!("kubernetes-go/{program}")))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

/// Key → object, as Kubernetes decodes it.
fn answers(lines: &[u8]) -> BTreeMap<String, Json> {
    let line = |line: &str| {
        let mut line: Json = serde_json::from_str(line).unwrap();
        (
            line["key"].as_str().unwrap().to_owned(),
            line["object"].take(),
        )
    };
    text(lines).lines().map(line).collect()
}

#[test]
fn the_table_is_that_of_the_official_types() {
    let ours =
        std::fs::read_to_string(repository().join("shared/src/snapshot/kubernetes/schema.txt"))
            .unwrap();
    assert!(
        text(&official("schema", &[])) == ours,
        "tests/interop/README.md says how to write it anew"
    );
}

#[test]
fn the_known_answers_are_those_of_the_official_decoder() {
    let fixtures = repository().join("tests/fixtures");
    let official = official(
        "answers",
        &[
            &fixtures.join("before.snap.zst"),
            &fixtures.join("secrets-bundle.yaml"),
        ],
    );
    let ours = zstd::decode_all(std::fs::File::open(fixtures.join("before.answers.zst")).unwrap())
        .unwrap();
    assert_eq!(answers(&ours), answers(&official));
}

#[test]
fn what_get_prints_is_what_the_official_decoder_reads() {
    let fixtures = repository().join("tests/fixtures");
    let (packed, bundle) = (
        fixtures.join("after.snap.zst"),
        fixtures.join("secrets-bundle.yaml"),
    );
    let official = answers(&official("answers", &[&packed, &bundle]));
    let folder = tempfile::tempdir().unwrap();
    let snapshot = zstd::decode_all(std::fs::File::open(packed).unwrap()).unwrap();
    std::fs::write(folder.path().join("after.snapshot"), snapshot).unwrap();
    let inspect = |arguments: &[&str]| -> Output {
        Command::new(programs().join("talosctl-snapshot-inspect"))
            .args(arguments)
            .arg("--secrets")
            .arg(&bundle)
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let listed = inspect(&["ls", "after.snapshot", "-o", "json"]);
    ok(&listed);
    let listed: Vec<Json> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.len(), 518);
    let got = inspect(&[
        "get",
        "after.snapshot",
        "--all",
        "--full",
        "--show-secrets",
        "-o",
        "json",
    ]);
    ok(&got);
    let got: Json = serde_json::from_slice(&got.stdout).unwrap();
    let mut by_uid: BTreeMap<&str, &Json> = BTreeMap::new();
    for item in got["items"].as_array().unwrap() {
        by_uid.insert(item["metadata"]["uid"].as_str().unwrap(), item);
    }
    for row in &listed {
        let mut ours = by_uid[row["uid"].as_str().unwrap()].clone();
        // etcd's revision is no part of a stored object, and definitions are served as v1.
        ours["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion")
            .unwrap();
        if row["resource"] != "customresourcedefinitions.apiextensions.k8s.io" {
            assert_eq!(ours, official[row["key"].as_str().unwrap()]);
        }
    }
}
