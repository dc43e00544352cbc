//! The programs that recover, against control planes of Talos' official stubs: every message of
//! ours is decoded by the official code, which refuses a field that it does not know, and every
//! answer and resource is encoded by it.

mod bootstrap;
mod check;
mod wipe;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use aws_lc_rs::digest::{SHA256, digest};
use e2e::kubernetes::fixture;
use e2e::{repository, text};
use serde_json::{Value, json};

use crate::etcd_tools::ETCD_3_6;
use crate::process::ours;
use crate::stubs::Stubs;
use crate::support::serving;

/// Control planes behind one endpoint; no packet could reach their addresses themselves.
const ADDRESSES: [&str; 3] = ["10.5.0.2", "10.5.0.3", "fd00::4"];
const FILE: &str = "db.snapshot";

/// Control planes whose etcd is as named, waiting, stopped or running, with what else is told of
/// each; beside them a snapshot that fits them.
fn stubs(etcd: [&str; 3], more: [Value; 3]) -> Stubs {
    let world = serving();
    fs::write(world.path(FILE), fixture("after")).unwrap();
    let nodes = ADDRESSES.iter().zip(etcd).zip(more).enumerate();
    let scenario: Vec<Value> = nodes
        .map(|(index, ((address, etcd), more))| {
            let mut machine = json!({
                "hostname": format!("stub-{index}"), "version": "v1.13.9", "etcd": etcd,
            });
            for (name, value) in more.as_object().into_iter().flatten() {
                machine[name] = value.clone();
            }
            json!({"address": address, "machine": machine})
        })
        .collect();
    let config = repository().join("tests/fixtures/controlplane-v1alpha1.yaml");
    let config = ["-machine-config", config.to_str().unwrap()];
    Stubs::play(
        world,
        &scenario,
        &[&["-role", "os:admin"], &config[..]].concat(),
    )
}

/// All wait for a bootstrap; more is told of the second.
fn waiting(second: Value) -> Stubs {
    stubs(["waiting"; 3], [Value::Null, second, Value::Null])
}

fn run(stubs: &Stubs, program: &str, arguments: &[&str]) -> Output {
    ours(&stubs.world, program)
        .args(arguments)
        // Between two looks nothing changes here.
        .env("ETCDBACKUP_SURVEY_PAUSE", "1ms")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// These lines were said in this order, whatever else was.
fn assert_said(output: &Output, lines: &[&str]) {
    let stderr = text(&output.stderr);
    let mut rest = stderr.as_str();
    for line in lines {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("`{line}` is not where it should be: {stderr}"));
        rest = &rest[at + line.len()..];
    }
}

/// The database of a member that a release of etcd restored from the snapshot.
fn database(folder: &Path) -> PathBuf {
    let snapshot = folder.join("snapshot");
    fs::write(&snapshot, fixture("after")).unwrap();
    let data = folder.join("data");
    // At an address that leads to the first node, so that no other is looked for.
    let url = "https://127.0.0.1:2380";
    let mut restoring = ETCD_3_6.restoring(&snapshot, &data);
    restoring.args(["--initial-advertise-peer-urls", url]);
    restoring.args(["--initial-cluster", &format!("default={url}")]);
    assert!(restoring.output().unwrap().status.success());
    data.join("member/snap/db")
}

fn sha256(bytes: &[u8]) -> String {
    let sum = digest(&SHA256, bytes);
    let digits = sum.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// The nodes of calls that change something, by method.
fn changes(stubs: &Stubs) -> Vec<(String, String)> {
    const CHANGES: [&str; 4] = ["Reset", "EtcdRecover", "Bootstrap", "ServiceRestart"];
    let mut calls = stubs.calls();
    calls.retain(|call| CHANGES.iter().any(|method| call["method"] == *method));
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    calls
        .iter()
        .map(|call| (word(&call["method"]), word(&call["node"][0])))
        .collect()
}
