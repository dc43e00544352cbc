//! Outages of a control plane with a real etcd behind it, each with its one right answer.

use std::time::Duration;

use e2e::World;
use serde_json::Value;
use talos_sim::{HeldUp, Replacement, Simulator};

use super::{check, compare, concludes, json, of, shows, steady, verdict, world_with};

pub(super) fn etcd() -> talos_sim::Builder {
    Simulator::builder()
        .etcd(&e2e::tool("etcd-3.5/etcd"))
        .machine_config(super::CONFIG)
}

pub(super) fn admin(talos: Simulator) -> World {
    world_with(talos, &["os:admin"])
}

/// What is not ok, as `check severity`, each once.
fn not_ok(value: &Value) -> Vec<String> {
    let findings = value["findings"].as_array().unwrap().iter();
    let not_ok = findings.filter(|one| one["severity"] != "ok");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let mut shown: Vec<String> = not_ok
        .map(|one| format!("{} {}", text(one, "check"), text(one, "severity")))
        .collect();
    shown.dedup();
    shown
}

/// A check only looks.
pub(super) fn assert_nothing_changed(world: &World) {
    let calls = world.talos.calls();
    assert!(!calls.is_empty());
    let mutating: Vec<_> = calls.iter().filter(|call| call.is_mutating()).collect();
    assert!(mutating.is_empty(), "{mutating:?}");
}

#[test]
fn a_healthy_cluster_is_ok_and_fit_and_back_but_for_what_nobody_shows() {
    let world = admin(etcd().start().unwrap());
    let (exit, value) = json(&world, &[]);
    assert_eq!((exit, verdict(&value)), (0, "healthy"));
    assert_eq!(not_ok(&value), [""; 0]);
    let (exit, value) = json(&world, &["nodes"]);
    assert_eq!(exit, 0, "{value}");
    assert_eq!(not_ok(&value), ["machine-config warn"]);
    let (exit, value) = json(&world, &["recovered"]);
    assert_eq!(exit, 69);
    // Here nobody serves a Kubernetes API.
    let unseen = [
        "api",
        "api-services",
        "api-addresses",
        "nodes",
        "kubelets",
        "pods",
        "workloads",
        "volumes",
        "webhooks",
    ];
    assert_eq!(not_ok(&value), unseen.map(|one| format!("{one} unknown")));
    assert_nothing_changed(&world);
}

#[test]
fn who_lost_its_quorum_is_salvaged_only_when_the_silent_one_is_gone_for_good() {
    let world = admin(etcd().start().unwrap());
    world.talos.wipe(1).unwrap();
    world.talos.stop_node(2).unwrap();
    // Whether the second has joined as a learner by then is chance: a learner has no vote.
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (69, "unknown"), "{value}");
    let third = world.talos.address(2);
    let (exit, value) = json(&world, &["unrecoverable", "--lost", &third]);
    assert_eq!((exit, verdict(&value)), (1, "salvageable"), "{value}");
    let save = value["next"]["commands"][0].as_str().unwrap();
    assert!(
        save.starts_with(&format!(
            "talosctl-snapshot-take --salvage -n {}",
            world.talos.address(0)
        )),
        "{save}"
    );
    assert_nothing_changed(&world);
}

#[test]
fn an_etcd_that_waits_for_the_time_is_repaired_and_not_restored() {
    let world = admin(etcd().start().unwrap());
    for node in 0..3 {
        world.talos.hold_up(node, HeldUp::Time);
    }
    world.talos.power_cut().unwrap();
    world.talos.power_back().unwrap();
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (1, "blocked"), "{value}");
    let obstacles = of(&value, "obstacle");
    assert_eq!(obstacles.len(), 3);
    assert!(
        obstacles.iter().all(|(_, what)| what.contains("time sync")),
        "{obstacles:?}"
    );
    assert_eq!(of(&value, "time")[0].0, "fail");
    shows(&world, "power-cut-time", &[]);
}

#[test]
fn an_empty_cluster_waits_for_its_bootstrap_and_is_told_how_long() {
    let world = admin(etcd().unbootstrapped().start().unwrap());
    let triage = check(&world, &[]);
    compare("recover-check/awaiting.txt", &steady(&world, &triage));
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (0, "awaiting-bootstrap"));
    let (exit, value) = json(&world, &["preparing"]);
    assert_eq!(exit, 0, "{value}");
    assert_eq!(
        value["next"]["commands"][0],
        format!(
            "talosctl-recover-bootstrap -n {} FILE",
            world.talos.address(0)
        )
        .as_str()
    );
    world.talos.let_pass(0, Duration::from_secs(25 * 60));
    let (exit, value) = json(&world, &["preparing"]);
    assert_eq!(exit, 0, "{value}");
    let state = of(&value, "state");
    assert_eq!(state[0].0, "warn");
    // By the node's own clock: this machine's would be named.
    assert!(state[0].1.ends_with("5 min left"), "{state:?}");
    shows(&world, "preparing-expires", &["preparing"]);
    assert_nothing_changed(&world);
}

#[test]
fn an_empty_directory_is_no_proof_while_the_disk_is_away() {
    let world = admin(etcd().unbootstrapped().start().unwrap());
    world.talos.stop_node(1).unwrap();
    world.talos.hold_up(1, HeldUp::Disk);
    world.talos.start_node(1).unwrap();
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (69, "unknown"), "{value}");
    concludes(&world, "disk-away", &[]);
}

#[test]
fn a_machine_in_maintenance_mode_is_unknown_and_recognised() {
    let world = admin(etcd().unbootstrapped().start().unwrap());
    world
        .talos
        .replace_node(2, Replacement::Maintenance)
        .unwrap();
    let (exit, value) = json(&world, &["preparing"]);
    assert_eq!(exit, 69, "{value}");
    let findings = value["findings"].as_array().unwrap();
    let unknown = findings.iter().find(|one| one["severity"] == "unknown");
    let hint = unknown.unwrap()["hint"].as_str().unwrap();
    assert!(hint.contains("maintenance mode"), "{hint}");
    shows(&world, "maintenance-mode", &["preparing"]);
}

#[test]
fn what_makes_nodes_unfit_is_found_on_the_node_that_has_it() {
    let world = admin(etcd().init_node(1).start().unwrap());
    world
        .talos
        .add_file(2, "/var/lib/longhorn/disk", 5_000_000)
        .unwrap();
    let (exit, value) = json(&world, &["nodes"]);
    assert_eq!(exit, 1);
    assert_eq!(
        not_ok(&value),
        [
            "machine-type fail",
            "local-data warn",
            "machine-config warn"
        ],
        "{value}"
    );
    shows(&world, "init-and-local-volumes", &["nodes"]);
    let local = of(&value, "local-data");
    assert!(
        local
            .iter()
            .any(|(_, what)| what.contains("/var/lib/longhorn")),
        "{local:?}"
    );
}
