//! The restore itself.

use talos_sim::{HeldUp, Restore};

use super::*;
use crate::support::{code, refused};

#[test]
fn after_all_is_lost_one_command_brings_the_same_keys_back() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    let check = |assertion: &str| code(&run(&world, "talosctl-recover-check", &[assertion]));
    assert_eq!(check("unrecoverable"), 0);
    triage(&world, "all-wiped", &[]);
    assert_eq!(check("preparing"), 0);
    let done = bootstrap(&world, 1, &["db.snapshot", "--restart-kubelets"]);
    ok(&done);
    let shown = said(&done);
    assert!(shown.contains("etcd is back: "), "{shown}");
    reviewed(&world, "recover/all-wiped", &done);
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
        assert_eq!(world.talos.hash_kv(node).unwrap(), before, "node {node}");
    }
    assert_eq!(bootstrapped(&world).len(), 1);
    let restarts = changes(&world)
        .into_iter()
        .filter(|call| call.arguments == Arguments::Service("kubelet".to_owned()));
    assert!(restarts.count() >= 3);
    // Once more: it is only waited for.
    forget(&world);
    let again = bootstrap(&world, 1, &["db.snapshot"]);
    ok(&again);
    assert!(said(&again).contains("restored before"), "{}", said(&again));
    reviewed(&world, "recover/restored-before", &again);
    assert_eq!(changes(&world), []);
    // And nowhere else.
    let elsewhere = bootstrap(&world, 0, &["db.snapshot"]);
    refused(&elsewhere, 1, "votes");
    reviewed(&world, "recover/restored-elsewhere", &elsewhere);
    assert_eq!(changes(&world), []);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = all_lost();
    let done = bootstrap(&world, 0, &["db.snapshot", "--dry-run"]);
    ok(&done);
    assert!(said(&done).contains("would upload"), "{}", said(&done));
    reviewed(&world, "recover/dry-run", &done);
    assert_eq!(changes(&world), []);
}

#[test]
fn from_a_pipe_with_one_node_lost() {
    let world = all_lost();
    world.talos.stop_node(2).unwrap();
    let third = world.talos.address(2);
    let silent = bootstrap(&world, 0, &["db.snapshot"]);
    refused(&silent, 69, &third);
    reviewed(&world, "recover/one-silent", &silent);
    triage(&world, "one-silent-for-good", &["--lost", &third]);
    assert_eq!(changes(&world), []);
    let script = format!(
        "talosctl-recover-bootstrap -n {} --lost {third} < db.snapshot",
        world.talos.address(0)
    );
    let done = world.shell(&script);
    ok(&done);
    reviewed(&world, "recover/one-lost", &done);
    world.talos.await_healthy(1).unwrap();
}

#[test]
fn only_a_proven_snapshot_is_sent() {
    let world = all_lost();
    let whole = std::fs::read(world.path("db.snapshot")).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(world.path(name), bytes).unwrap();
    write("cut", &whole[..whole.len() / 2]);
    write("raw", &whole[..whole.len() - 32]);
    let mut flipped = whole.clone();
    flipped[100_000] ^= 1;
    write("flipped", &flipped);
    let mut wrong = whole;
    *wrong.last_mut().unwrap() ^= 1;
    write("wrong-hash", &wrong);
    for name in ["cut", "raw", "flipped", "wrong-hash"] {
        let refused = bootstrap(&world, 0, &[name]);
        assert_eq!(code(&refused), 65, "{name}: {}", said(&refused));
        assert!(text(&refused.stderr).contains("hint: "), "{name}");
        // What the others are taken for depends on the pages that etcd wrote.
        if matches!(name, "cut" | "wrong-hash") {
            reviewed(&world, &format!("recover/snapshot-{name}"), &refused);
        }
    }
    refused(&bootstrap(&world, 0, &["nowhere"]), 74, "nowhere");
    assert_eq!(changes(&world), []);
}

#[test]
fn data_anywhere_stops_it() {
    let world = backed_up();
    world.talos.wipe(0).unwrap();
    world.talos.await_etcd(0, "Preparing").ok();
    forget(&world);
    let stopped = bootstrap(&world, 0, &["db.snapshot"]);
    assert_eq!(code(&stopped), 1, "{}", said(&stopped));
    assert_eq!(changes(&world), []);
}

#[test]
fn a_node_with_old_data_stops_it() {
    let world = backed_up();
    world.talos.hold_up(2, HeldUp::Image);
    for node in 0..3 {
        world.talos.stop_node(node).unwrap();
    }
    for node in [0, 1] {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.start_node(node).unwrap();
    }
    await_preparing(&world, 0..3);
    forget(&world);
    triage(&world, "old-data-on-one", &[]);
    let stopped = bootstrap(&world, 0, &["db.snapshot"]);
    assert_eq!(code(&stopped), 1, "{}", said(&stopped));
    reviewed(&world, "recover/old-data-on-one", &stopped);
    assert_eq!(changes(&world), []);
}

#[test]
fn a_restore_that_fails_says_whether_the_directory_is_dirty() {
    for (restore, word) in [
        (
            Restore::FailClean("error verifying snapshot: bad".to_owned()),
            "still empty",
        ),
        (
            Restore::FailDirty("error recovering from the snapshot: bad".to_owned()),
            "dirty now",
        ),
    ] {
        let world = all_lost();
        world.talos.script_restore(0, restore);
        let failed = bootstrap(&world, 0, &["db.snapshot"]);
        refused(&failed, 1, word);
        let name = format!("recover/restore-failed-{}", word.replace(' ', "-"));
        reviewed(&world, &name, &failed);
        world.talos.script_restore(0, Restore::Real);
        // Another node is no way out while the upload waits here, or a half of it.
        let other = bootstrap(&world, 1, &["db.snapshot"]);
        refused(&other, 1, "hint: ");
        if word == "still empty" {
            reviewed(&world, "recover/upload-waits-elsewhere", &other);
        }
        let again = bootstrap(&world, 0, &["db.snapshot"]);
        if word == "dirty now" {
            refused(&again, 1, "talosctl-recover-wipe -n");
            reviewed(&world, "recover/restore-half-done", &again);
        } else {
            ok(&again);
        }
    }
}

#[test]
fn of_two_at_once_on_two_nodes_not_both_go_on() {
    let world = all_lost();
    std::thread::scope(|scope| {
        let runs = [0, 1].map(|node| {
            let world = &world;
            scope.spawn(move || code(&bootstrap(world, node, &["db.snapshot"])))
        });
        let codes = runs.map(|run| run.join().unwrap());
        assert!(
            codes.iter().filter(|code| **code == 0).count() <= 1,
            "{codes:?}"
        );
    });
    assert!(bootstrapped(&world).len() <= 1);
}
