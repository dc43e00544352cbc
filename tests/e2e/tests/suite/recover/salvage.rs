//! `talosctl-snapshot-take --salvage`: what is left, saved before anything is wiped.

use std::os::unix::fs::PermissionsExt;

use e2e::golden::{compare, filtered, replaced};
use serde_json::Value;
use talos_sim::HeldUp;

use super::*;
use crate::support::{code, refused};

fn salvage(world: &World, more: &[&str]) -> Output {
    let arguments = [&["--salvage", "-o", "left"], more].concat();
    world.ours("talosctl-snapshot-take", &arguments)
}

fn status(world: &World, file: &str) -> Value {
    let output = world.ours("talosctl-snapshot-inspect", &["status", file, "-o", "json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A filled cluster whose etcd does not come up again: the disks are good, the image is not there.
fn held_up() -> World {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    for node in 0..3 {
        while world.talos.hash_kv(node).unwrap() != before {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        // A snapshot makes etcd write what is only in its log to the database.
        let (address, name) = (world.talos.address(node), format!("{node}.snapshot"));
        ok(&world.ours("talosctl-snapshot-take", &["-n", &address, "-o", &name]));
        world.talos.hold_up(node, HeldUp::Image);
    }
    world.talos.power_cut().unwrap();
    world.talos.power_back().unwrap();
    forget(&world);
    world
}

#[test]
fn a_member_without_quorum_gives_a_proven_snapshot_and_who_is_silent_is_named() {
    let world = backed_up();
    world.talos.stop_node(1).unwrap();
    world.talos.stop_node(2).unwrap();
    let saved = salvage(&world, &[]);
    ok(&saved);
    let shown = text(&saved.stdout);
    let address = world.talos.address(0);
    assert!(
        shown.contains(&format!("Restore left/{address}.snapshot")),
        "{shown}"
    );
    for silent in [1, 2] {
        let said = format!("{} was not saved", world.talos.address(silent));
        assert!(shown.contains(&said), "{shown}");
    }
    let file = format!("left/{address}.snapshot");
    let (kept, before) = (status(&world, &file), status(&world, "db.snapshot"));
    assert_eq!(kept["trueRevision"], before["trueRevision"]);
    let mode = |path: &str| {
        let found = std::fs::metadata(world.path(path)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("left"), mode(&file)), (0o700, 0o600));
    assert_eq!(changes(&world), []);
    // What was saved is never written over.
    refused(&salvage(&world, &[]), 74, &file);
}

#[test]
fn where_no_etcd_runs_its_files_are_copied_and_one_of_them_brings_all_back() {
    let world = held_up();
    let before = status(&world, "db.snapshot");
    await_preparing(&world, 0..3);
    triage(&world, "power-cut-image", &[]);
    world.talos.corrupt_database(2).unwrap();
    let saved = salvage(&world, &[]);
    ok(&saved);
    let shown = filtered(&world, &text(&saved.stdout));
    // Pages, elections and their entries are chance.
    let shown = replaced(&shown, r"\d+\.\d KiB +4 +\d+ +\d+", "SIZE 4 TERM APPLIED");
    compare("recover/salvage.txt", &shown);
    assert_eq!(changes(&world), []);
    let file = format!("left/{}.raw.db", world.talos.address(0));
    assert_eq!(status(&world, &file)["hashkv"], before["hashkv"]);
    for node in 0..3 {
        world.talos.release(node, HeldUp::Image);
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    ok(&bootstrap(&world, 0, &[&file, "--raw"]));
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
        let (hash, _) = world.talos.hash_kv(node).unwrap();
        assert_eq!(u64::from(hash), before["hashkv"]["hash"], "node {node}");
    }
}

#[test]
fn where_nothing_is_left_it_says_so() {
    let world = all_lost();
    let nothing = salvage(&world, &[]);
    refused(&nothing, 1, "every directory is empty");
    reviewed(&world, "recover/salvage-of-nothing", &nothing);
    assert_eq!(changes(&world), []);
}

#[test]
fn who_may_only_take_backups_saves_what_runs() {
    let world = backed_up();
    let config = world.talos.talosconfig(&["os:etcd:backup"]).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
    let saved = salvage(&world, &[]);
    assert_eq!(code(&saved), 0, "{}", said(&saved));
    let files = std::fs::read_dir(world.path("left")).unwrap();
    assert_eq!(files.count(), 3, "{}", said(&saved));
    world.talos.stop_etcd(0).unwrap();
    let address = world.talos.address(0);
    let again = world.ours(
        "talosctl-snapshot-take",
        &["--salvage", "-o", "again", "--first-byte-timeout", "2s"],
    );
    assert_eq!(code(&again), 0, "{}", said(&again));
    assert!(
        said(&again).contains(&format!("{address}: nothing saved")),
        "{}",
        said(&again)
    );
}
