//! Snapshots that do not fit the cluster: of another one, of other keys, of another etcd. What
//! `recover-check snapshot` says of them, and that neither recover program goes on with one.

use e2e::{World, text};
use serde_json::Value;
use talos_sim::Simulator;

use super::{check, code, json, of, refused, reviewed, shows, world_with};

/// etcd 3.5 in a Talos of this version, etcd 3.6 in the default, etcd 3.7 in the last.
const OLDER: &str = "v1.10.0";
const NEWER: &str = "v1.14.0";
const USUAL: &str = "v1.13.9";

fn fixture(name: &str) -> String {
    let path = e2e::repository().join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn unpacked(name: &str) -> Vec<u8> {
    let packed = e2e::repository().join("tests/fixtures").join(name);
    zstd::decode_all(&*std::fs::read(packed).unwrap()).unwrap()
}

/// Control planes that wait for a restore, with this machine config; `db.snapshot` is of the
/// cluster that the fixtures are of, with etcd 3.6.
fn waiting(version: &str, config: &str) -> World {
    let talos = Simulator::builder()
        .version(version.parse().unwrap())
        .machine_config(config)
        .cluster_name("prod");
    let world = world_with(talos.start().unwrap(), &["os:admin"]);
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    std::fs::write(world.path("db.snapshot"), unpacked("after.snap.zst")).unwrap();
    world
}

/// The fixtures' machine config, and in it this CA of Kubernetes.
fn with_authority(pem: &str) -> String {
    use base64::Engine as _;
    let certificate = base64::prelude::BASE64_STANDARD.encode(pem);
    fixture("controlplane-v1alpha1.yaml") + &format!("  ca:\n    crt: {certificate}\n")
}

/// The CA that the snapshot's pods trust.
fn own_authority(world: &World) -> String {
    let what = ["get", "db.snapshot", "configmaps/kube-root-ca.crt"];
    let arguments = [&what[..], &["-n", "default", "-o", "json"]].concat();
    let shown = world.ours("talosctl-snapshot-inspect", &arguments);
    let value: serde_json::Value = serde_json::from_slice(&shown.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&shown.stderr)));
    value["data"]["ca.crt"].as_str().unwrap().to_owned()
}

/// The snapshot's member, which is nobody here.
fn lost(value: &Value) -> String {
    let nodes = value["survey"]["nodes"].as_array().unwrap().iter();
    let strange = nodes.filter(|node| node["sources"][0] == "snapshot");
    let names: Vec<&str> = strange.map(|node| node["node"].as_str().unwrap()).collect();
    names.join(",")
}

/// `recover-check snapshot` fails in this finding with these words, and neither program that
/// would destroy or restore goes on.
fn stops(world: &World, check: &str, words: &str, name: &str) {
    let (exit, value) = json(world, &["snapshot", "db.snapshot"]);
    assert_eq!(exit, 1, "{value}");
    assert_eq!(value["holds"], false);
    let found = of(&value, check);
    let told = |(severity, what): &(&str, &str)| *severity == "fail" && what.contains(words);
    assert!(found.iter().any(told), "{words}: {found:?}");
    shows(world, name, &["snapshot", "db.snapshot"]);
    let gone = lost(&value);
    let node = world.talos.address(0);
    let bootstrap = ["-n", &node, "--lost", &gone, "db.snapshot"];
    let output = world.ours("talosctl-recover-bootstrap", &bootstrap);
    refused(&output, 65, words);
    reviewed(world, &format!("recover/{name}"), &output);
    let wipe = [
        "-n",
        &node,
        "--restore-from",
        "db.snapshot",
        "--lost",
        &gone,
        "--confirm",
        "prod",
        "--survey-pause",
        "1ms",
    ];
    refused(&world.ours("talosctl-recover-wipe", &wipe), 65, words);
    assert!(world.talos.record().changes().is_empty());
}

/// It would be restored.
fn goes_on(world: &World) {
    let (_, value) = json(world, &["snapshot", "db.snapshot"]);
    let gone = lost(&value);
    let node = world.talos.address(0);
    let bootstrap = ["-n", &node, "--lost", &gone, "db.snapshot", "--dry-run"];
    let done = world.ours("talosctl-recover-bootstrap", &bootstrap);
    assert_eq!(code(&done), 0, "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("would upload"));
}

#[test]
fn a_snapshot_of_another_cluster_is_known_by_its_ca() {
    let world = waiting(USUAL, "");
    let own = with_authority(&own_authority(&world));
    let strange = with_authority(&world.talos.authority().pem());
    for (config, stranger) in [(own, false), (strange, true)] {
        for node in 0..3 {
            world.talos.set_machine_config(node, &config);
        }
        if stranger {
            stops(
                &world,
                "cluster",
                "its cluster CA is not the machine config's",
                "snapshot-of-another-cluster",
            );
        } else {
            let (_, value) = json(&world, &["snapshot", "db.snapshot"]);
            assert_eq!(of(&value, "cluster")[0].0, "ok", "{value}");
            goes_on(&world);
        }
    }
    // A machine config at hand is held against it just as well.
    let saved = fixture("controlplane-v1alpha1.yaml");
    std::fs::write(world.path("saved.yaml"), saved).unwrap();
    let output = check(
        &world,
        &["snapshot", "db.snapshot", "--machine-config", "saved.yaml"],
    );
    assert!(
        text(&output.stdout).contains("it holds no cluster CA to compare"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_snapshot_under_another_key_cannot_be_read_and_is_not_restored() {
    let world = waiting(USUAL, &fixture("controlplane-wrong-key.yaml"));
    stops(
        &world,
        "keys",
        "live values cannot be read with the keys of",
        "snapshot-under-another-key",
    );
    let world = waiting(USUAL, &fixture("controlplane-v1alpha1.yaml"));
    goes_on(&world);
}

#[test]
fn a_snapshot_of_a_newer_etcd_is_refused_and_of_an_older_one_taken() {
    let config = fixture("controlplane-v1alpha1.yaml");
    let words = "etcd 3.5, the snapshot is of 3.6";
    let world = waiting(OLDER, &config);
    stops(&world, "etcd", words, "snapshot-of-newer-etcd");
    let hint = check(&world, &["snapshot", "db.snapshot"]);
    assert!(
        text(&hint.stdout).contains("upgrade Talos there first"),
        "{}",
        text(&hint.stdout)
    );
    let world = waiting(NEWER, &config);
    let (_, value) = json(&world, &["snapshot", "db.snapshot"]);
    let found = of(&value, "etcd");
    assert_eq!(found[0], ("ok", "etcd 3.7, the snapshot is of 3.6"));
    goes_on(&world);
    std::fs::write(world.path("db.snapshot"), unpacked("small.snap.zst")).unwrap();
    let (_, value) = json(&world, &["snapshot", "db.snapshot"]);
    let found = of(&value, "etcd");
    assert_eq!(found[0], ("ok", "etcd 3.7, the snapshot is of 3.5"));
    shows(
        &world,
        "snapshot-of-older-etcd",
        &["snapshot", "db.snapshot"],
    );
    goes_on(&world);
}
