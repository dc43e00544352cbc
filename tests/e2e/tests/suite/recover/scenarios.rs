//! Ways to lose a control plane and to get it back, each to its end.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use talos_sim::{Replacement, Restore};

use super::*;
use crate::support::{code, refused};

/// How long anything of this may take on a machine that stands still now and then.
const PATIENCE: Duration = Duration::from_secs(180);

fn healthy_again(world: &World, nodes: usize, before: (u32, i64)) {
    for node in 0..nodes {
        world.talos.await_healthy(node).unwrap();
        assert_eq!(world.talos.hash_kv(node).unwrap(), before, "node {node}");
    }
}

#[test]
fn a_single_control_plane_comes_back_by_itself() {
    let world = world(builder().control_planes(1).start().unwrap());
    world.fill(100);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    let before = world.talos.hash_kv(0).unwrap();
    // Its disk is good: nothing is wiped, nothing restored.
    let intact = bootstrap(&world, 0, &["db.snapshot"]);
    refused(&intact, 1, "hint: ");
    reviewed(&world, "recover/single-intact", &intact);
    world.talos.wipe(0).unwrap();
    world.talos.await_etcd(0, "Preparing").unwrap();
    ok(&run(&world, "talosctl-recover-check", &["unrecoverable"]));
    triage(&world, "single-wiped", &[]);
    let done = bootstrap(&world, 0, &["db.snapshot"]);
    ok(&done);
    reviewed(&world, "recover/single-wiped", &done);
    healthy_again(&world, 1, before);
    assert_eq!(bootstrapped(&world).len(), 1);
}

#[test]
fn machines_that_were_replaced_with_the_same_config_take_the_backup() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    for node in 0..3 {
        world
            .talos
            .replace_node(node, Replacement::SameSecrets)
            .unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    ok(&run(&world, "talosctl-recover-check", &["preparing"]));
    triage(&world, "replaced-same-config", &["preparing"]);
    let done = bootstrap(&world, 0, &["db.snapshot"]);
    ok(&done);
    reviewed(&world, "recover/replaced-same-config", &done);
    healthy_again(&world, 3, before);
}

#[test]
fn a_machine_with_other_secrets_is_not_trusted_and_stops_all() {
    let world = all_lost();
    world
        .talos
        .replace_node(2, Replacement::OtherSecrets)
        .unwrap();
    forget(&world);
    let stopped = bootstrap(&world, 0, &["db.snapshot"]);
    let third = world.talos.address(2);
    assert!(matches!(code(&stopped), 69 | 77), "{}", said(&stopped));
    assert!(said(&stopped).contains(&third), "{}", said(&stopped));
    reviewed(&world, "recover/replaced-other-secrets", &stopped);
    assert_eq!(changes(&world), []);
    // With its own config again it joins as the others.
    world.talos.apply_config(2).unwrap();
    world.talos.await_etcd(2, "Preparing").unwrap();
    ok(&bootstrap(&world, 0, &["db.snapshot"]));
    world.talos.await_healthy(2).unwrap();
}

#[test]
fn a_reboot_after_bootstrap_forgets_it_and_a_second_run_finishes() {
    let world = all_lost();
    world.talos.script_restore(0, Restore::Reboot);
    let first = bootstrap(&world, 0, &["db.snapshot", "--restore-timeout", "20s"]);
    assert_ne!(code(&first), 0, "{}", said(&first));
    assert!(text(&first.stderr).contains("hint: "), "{}", said(&first));
    world.talos.script_restore(0, Restore::Real);
    world.talos.await_etcd(0, "Preparing").unwrap();
    let second = bootstrap(&world, 0, &["db.snapshot"]);
    ok(&second);
    reviewed(&world, "recover/reboot-after-bootstrap", &second);
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
    }
    assert_eq!(bootstrapped(&world).len(), 1);
}

/// Killed as soon as `method` was seen, and run again.
fn cut_at(method: &str) {
    let world = all_lost();
    let mut child = world
        .command(e2e::programs().join("talosctl-recover-bootstrap"))
        .args(["-n", &world.talos.address(0), "db.snapshot"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while !world.talos.calls().iter().any(|call| call.method == method) {
        assert!(Instant::now() < until, "{method} was not called");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let again = bootstrap(&world, 0, &["db.snapshot"]);
    assert_eq!(code(&again), 0, "{method}: {}", said(&again));
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
    }
    assert_eq!(bootstrapped(&world).len(), 1, "{method}");
    // Where the first run was when it was killed is chance, and so is what the second one finds.
    triage(&world, "cut-and-finished", &[]);
}

#[test]
fn killed_at_the_upload_a_second_run_finishes() {
    cut_at("EtcdRecover");
}

#[test]
fn killed_after_bootstrap_a_second_run_finishes() {
    cut_at("Bootstrap");
}

/// Upstream's own test of a recovery: snapshot, the members leave, all are wiped, the snapshot is
/// uploaded, one is bootstrapped, all become healthy.
#[test]
fn upstreams_recovery_passes_with_these_programs() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    let all = nodes(&world, &[0, 1, 2]);
    let arguments = [
        "-n",
        &all,
        "--restore-from",
        "db.snapshot",
        "--discard-cluster",
        "prod",
        "--confirm",
        "prod",
    ];
    let wiped = run(&world, "talosctl-recover-wipe", &arguments);
    ok(&wiped);
    reviewed(&world, "recover/upstreams-wipe", &wiped);
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    ok(&run(&world, "talosctl-recover-check", &["unrecoverable"]));
    let done = bootstrap(&world, 2, &["db.snapshot"]);
    ok(&done);
    reviewed(&world, "recover/upstreams-bootstrap", &done);
    healthy_again(&world, 3, before);
}
