//! Clusters that are unwell: what a restore would make worse, and the repair that is printed.

use std::collections::BTreeSet;

use e2e::{World, text};
use serde_json::Value;
use talos_sim::{Alarm, HeldUp};

use super::outage::{admin, assert_nothing_changed, etcd};
use super::{concludes, json, shows, verdict};
use crate::support::{code, ok};

/// The commands of every trouble, one text.
fn repairs(value: &Value) -> String {
    let troubles = value["troubles"].as_array().unwrap().iter();
    let commands = troubles.flat_map(|one| one["commands"].as_array().unwrap());
    let commands: Vec<&str> = commands.map(|one| one.as_str().unwrap()).collect();
    commands.join("\n")
}

fn degraded(world: &World) -> Value {
    let (exit, value) = json(world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (1, "degraded"), "{value}");
    value
}

#[test]
fn two_of_three_stopped_with_good_disks_are_started_and_not_restored() {
    let world = admin(etcd().start().unwrap());
    for node in [1, 2] {
        world.talos.hold_up(node, HeldUp::Image);
        world.talos.stop_node(node).unwrap();
        world.talos.start_node(node).unwrap();
    }
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (1, "blocked"), "{value}");
    let next = value["next"].to_string();
    assert!(next.contains("wipe nothing"), "{next}");
    concludes(&world, "two-down-disks-good", &[]);
    assert_nothing_changed(&world);
}

#[test]
fn a_full_database_is_defragmented_and_disarmed() {
    let world = admin(etcd().start().unwrap());
    world.talos.raise_alarm(1, Alarm::NoSpace).unwrap();
    let repair = repairs(&degraded(&world));
    for word in ["etcd defrag", "etcd alarm disarm"] {
        assert!(repair.contains(word), "{repair}");
    }
    shows(&world, "nospace", &[]);
    assert_nothing_changed(&world);
}

#[test]
fn a_corrupt_member_is_named_and_replaced_alone() {
    let world = admin(etcd().start().unwrap());
    world.talos.raise_alarm(1, Alarm::Corrupt).unwrap();
    let value = degraded(&world);
    let troubles = value["troubles"].to_string();
    assert!(troubles.contains("(cp-2) raised CORRUPT"), "{troubles}");
    assert!(repairs(&value).contains("etcd remove-member"), "{troubles}");
    shows(&world, "corrupt", &[]);
    assert_nothing_changed(&world);
}

/// The printed commands, one after the other: talosctl's as etcd gets them, ours as they are.
#[test]
fn the_repair_of_a_corrupt_member_ends_with_a_healthy_cluster() {
    let world = admin(etcd().start().unwrap());
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    world.talos.raise_alarm(1, Alarm::Corrupt).unwrap();
    let before = etcd_ids(&world);
    let endpoint = &world.talos.etcd_endpoints()[0];
    let etcdctl = e2e::tool("etcd-3.5/etcdctl");
    let etcdctl = format!("{} --endpoints {endpoint}", etcdctl.display());
    let commands = repairs(&degraded(&world));
    assert_eq!(commands.lines().count(), 3, "{commands}");
    for command in commands.lines() {
        let words: Vec<&str> = command.split(' ').collect();
        let typed = match words[..] {
            ["talosctl", "-n", _, "etcd", "remove-member", id] => {
                // A cluster that is seconds old is not healthy enough for it (etcd's own check).
                format!("timeout 90 sh -c 'until {etcdctl} member remove {id}; do sleep 1; done'")
            }
            ["talosctl", "-n", _, "etcd", "alarm", "disarm"] => {
                world.talos.await_healthy(1).unwrap();
                format!("{etcdctl} alarm disarm")
            }
            _ => command.replace("FILE", "db.snapshot") + " --confirm sim",
        };
        let output = world.shell(&typed);
        assert_eq!(code(&output), 0, "{typed}: {}", text(&output.stderr));
    }
    let (exit, value) = json(&world, &[]);
    assert_eq!((exit, verdict(&value)), (0, "healthy"), "{value}");
    let kept = etcd_ids(&world).intersection(&before).count();
    assert_eq!(kept, 2, "one member is another now, and no more");
}

/// The ids of the members, as the quorum lists them.
fn etcd_ids(world: &World) -> BTreeSet<String> {
    let (_, value) = json(world, &[]);
    let members = value["survey"]["nodes"][0]["members"].as_array();
    let ids = members.expect("members").iter();
    ids.map(|member| member["id"].to_string()).collect()
}

#[test]
fn a_member_that_exists_nowhere_is_removed_by_its_id() {
    let world = admin(etcd().start().unwrap());
    let id = world.talos.add_phantom_member(0, 77).unwrap();
    let repair = repairs(&degraded(&world));
    let removal = format!("etcd remove-member {id:016x}");
    assert!(repair.contains(&removal), "{repair}");
    shows(&world, "phantom-member", &[]);
    assert_nothing_changed(&world);
}

#[test]
fn a_learner_that_is_stuck_is_named() {
    let world = admin(etcd().start().unwrap());
    world.talos.keep_learner(2, true);
    world.talos.wipe(2).unwrap();
    let (exit, value) = loop {
        let (exit, value) = json(&world, &["unrecoverable"]);
        // As soon as it answers: before, nobody knows how far behind it is.
        if value["troubles"].to_string().contains("entries behind") {
            break (exit, value);
        }
        assert!(world.talos.calls().len() < 20_000, "{value}");
        std::thread::sleep(std::time::Duration::from_millis(300));
    };
    assert_eq!((exit, verdict(&value)), (1, "degraded"), "{value}");
    concludes(&world, "learner-stuck", &[]);
}
