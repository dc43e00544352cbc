//! Every directory looks intact, and no database in them is: the way out of `blocked`.

use super::*;
use crate::support::{code, refused};

const PROVE: &str = "--prove-databases";

/// The first so many databases are damaged: etcd starts and ends again on them.
pub(super) fn damaged(count: usize) -> World {
    let world = backed_up();
    for node in 0..count {
        world.talos.corrupt_database(node).unwrap();
    }
    for node in 0..count {
        world.talos.await_etcd(node, "Waiting").unwrap();
    }
    forget(&world);
    world
}

fn unrecoverable(world: &World, more: &[&str]) -> (i32, serde_json::Value) {
    let arguments = [&["unrecoverable", "-o", "json"], more].concat();
    let output = run(world, "talosctl-recover-check", &arguments);
    let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (code(&output), value)
}

fn concludes(world: &World, name: &str, more: &[&str]) {
    let output = run(world, "talosctl-recover-check", more);
    conclusion(world, &format!("recover-check/{name}"), &output);
}

fn verdict(value: &serde_json::Value) -> &str {
    value["judgement"]["verdict"].as_str().unwrap_or_default()
}

#[test]
fn that_all_databases_are_damaged_is_proven_by_reading_and_then_a_backup_is_the_way() {
    let world = damaged(3);
    let (exit, value) = unrecoverable(&world, &[]);
    assert_eq!((exit, verdict(&value)), (1, "blocked"));
    concludes(&world, "all-damaged", &[]);
    let next = value["next"].to_string();
    assert!(
        next.contains("unrecoverable -o json --prove-databases"),
        "{next}"
    );
    let (exit, value) = unrecoverable(&world, &[PROVE]);
    assert_eq!((exit, verdict(&value)), (0, "lost"), "{value}");
    concludes(&world, "all-damaged-proven", &[PROVE]);
    let proof = &value["survey"]["nodes"][0]["database"];
    assert!(proof["damage"].is_string(), "{proof}");
    assert_eq!(changes(&world), []);
    let all = nodes(&world, &[0, 1, 2]);
    let wipe = |more: &[&str]| {
        let target = ["-n", &all, "--restore-from", "db.snapshot"];
        let confirmed = ["--confirm", "prod"];
        let arguments = [&target[..], &confirmed, more].concat();
        run(&world, "talosctl-recover-wipe", &arguments)
    };
    // Without the proof, and without giving them up, nothing is wiped.
    refused(&wipe(&["--lose-database", &all]), 1, PROVE);
    let kept = wipe(&[PROVE]);
    refused(&kept, 1, "parts of it may be of use");
    conclusion(&world, "recover/wipe-damaged-refused", &kept);
    assert_eq!(changes(&world), []);
    ok(&wipe(&[PROVE, "--lose-database", &all]));
    ok(&bootstrap(&world, 0, &["db.snapshot"]));
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
    }
}

#[test]
fn one_sound_database_is_saved_before_a_backup_is_thought_of() {
    let world = damaged(2);
    let (exit, value) = unrecoverable(&world, &[PROVE]);
    assert_eq!((exit, verdict(&value)), (1, "salvageable"), "{value}");
    let next = value["next"].to_string();
    assert!(next.contains("talosctl-snapshot-take --salvage"), "{next}");
    concludes(&world, "two-damaged-proven", &[PROVE]);
    assert_eq!(changes(&world), []);
}
