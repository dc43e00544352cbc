//! `talosctl-recover-check` against a control plane that is well, or less so.

mod configs;
mod kubernetes;
mod outage;
mod stored;
mod strangers;
mod unwell;

use std::process::Output;

use e2e::golden::{compare, filtered, replaced};
use e2e::{World, text};
use serde_json::Value;
use talos_sim::{Alarm, Fault, Simulator, Validity};

use crate::screen::{conclusion, reviewed};
use crate::support::{SIZE, code, refused, sample};

/// A world whose talosconfig has these roles.
fn world_with(talos: Simulator, roles: &[&str]) -> World {
    let world = World::around(talos);
    let config = world.talos.talosconfig(roles).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
    world
}

/// A machine config without a secret in it.
const CONFIG: &str =
    "version: v1alpha1\nmachine:\n  type: controlplane\ncluster:\n  clusterName: sim\n";

fn three() -> World {
    let talos = Simulator::builder()
        .snapshot_bytes(sample(SIZE))
        .machine_config(CONFIG);
    world_with(talos.start().unwrap(), &["os:admin"])
}

fn check(world: &World, arguments: &[&str]) -> Output {
    let mut command = world.command(e2e::programs().join("talosctl-recover-check"));
    command
        .args(arguments)
        // Between two looks nothing changes here.
        .env("ETCDBACKUP_SURVEY_PAUSE", "1ms")
        .output()
        .unwrap()
}

/// What is shown, reviewed.
fn shows(world: &World, name: &str, arguments: &[&str]) {
    let output = check(world, arguments);
    reviewed(world, &format!("recover-check/{name}"), &output);
}

/// What it comes to, reviewed: see [`conclusion`].
fn concludes(world: &World, name: &str, arguments: &[&str]) {
    let output = check(world, arguments);
    conclusion(world, &format!("recover-check/{name}"), &output);
}

fn json(world: &World, arguments: &[&str]) -> (i32, Value) {
    let output = check(world, &[arguments, &["-o", "json"]].concat());
    let shown = text(&output.stdout);
    let parsed = serde_json::from_str(&shown);
    let value = parsed.unwrap_or_else(|error| panic!("{error}: {shown}{}", text(&output.stderr)));
    (code(&output), value)
}

fn verdict(value: &Value) -> &str {
    value["judgement"]["verdict"].as_str().unwrap()
}

/// What differs from run to run besides: who said it first, and when.
fn steady(world: &World, output: &Output) -> String {
    let shown = filtered(world, &text(&output.stdout));
    replaced(&shown, r"for \d+ days", "for N days")
}

/// Findings of one check: severity and what.
fn of<'a>(value: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let findings = value["findings"].as_array().unwrap().iter();
    let these = findings.filter(|one| one["check"] == check);
    these
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (text("severity"), text("what"))
        })
        .collect()
}

#[test]
fn where_nothing_is_the_matter_the_triage_says_so_and_a_restore_is_refused() {
    let world = three();
    let triage = check(&world, &[]);
    assert_eq!(code(&triage), 0, "{}", text(&triage.stdout));
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (1, "healthy"));
    assert_eq!(value["holds"], false);
    assert_eq!(value["survey"]["nodes"].as_array().unwrap().len(), 3);
    let yaml = check(&world, &["-o", "yaml"]);
    assert!(
        text(&yaml.stdout).contains("verdict: healthy"),
        "{}",
        text(&yaml.stdout)
    );
}

#[test]
fn a_node_that_is_down_is_unknown_while_the_quorum_holds() {
    let world = three();
    world.talos.take_down(2).unwrap();
    let (exit, value) = json(&world, &[]);
    assert_eq!((exit, verdict(&value)), (1, "degraded"));
    let reachable = of(&value, "reachable");
    let unknown = reachable.iter().filter(|(state, _)| *state == "unknown");
    assert_eq!(unknown.count(), 1, "{reachable:?}");
    // The member is still in the list: its removal is printed, with its id and a voter.
    let removal = format!(
        "talosctl -n {} etcd remove-member 8e9e05c521646902",
        world.talos.address(0)
    );
    assert_eq!(value["troubles"][0]["commands"][0], removal.as_str());
    shows(&world, "one-down", &[]);
}

#[test]
fn the_table_is_the_reviewed_one() {
    let world = three();
    let healthy = check(&world, &[]);
    compare("recover-check/healthy.txt", &steady(&world, &healthy));
    world.talos.take_down(2).unwrap();
    let alarmed = |script: &mut talos_sim::EtcdScript| script.alarms = vec![Alarm::NoSpace];
    world.talos.script(1, alarmed);
    for (arguments, golden) in [
        (&["unrecoverable"][..], "degraded"),
        (&["recovered"], "recovered-not"),
        (&["nodes", "-o", "wide"], "nodes-wide"),
        (&["preparing"], "preparing-not"),
    ] {
        let output = check(&world, arguments);
        let shown = steady(&world, &output);
        let widest = shown
            .lines()
            // A command is not broken.
            .filter(|line| !line.starts_with("  talosctl") && !line.contains('`'))
            .map(|line| line.chars().count())
            .max();
        assert!(widest.unwrap() <= 80, "{shown}");
        compare(&format!("recover-check/{golden}.txt"), &shown);
    }
}

#[test]
fn without_quorum_and_without_a_look_at_the_disks_nothing_is_said() {
    let world = three();
    for node in 0..3 {
        world.talos.script(node, |script| script.listening = false);
        world
            .talos
            .inject_on(node, "List", Fault::Denied, None)
            .unwrap();
    }
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (77, "unknown"));
    assert_eq!(value["holds"], Value::Null);
}

#[test]
fn etcd_that_runs_without_a_leader_is_blocked_and_not_restored() {
    let world = three();
    for node in 0..3 {
        world.talos.script(node, |script| {
            script.leader = 0;
            script.quorum = false;
        });
    }
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (1, "blocked"));
    assert_eq!(of(&value, "obstacle").len(), 3);
    shows(&world, "no-leader", &[]);
}

#[test]
fn a_survivor_without_quorum_is_salvaged_once_the_others_are_named_lost() {
    let world = three();
    world.talos.script(0, |script| {
        script.leader = 0;
        script.quorum = false;
    });
    let (second, third) = (world.talos.address(1), world.talos.address(2));
    world.talos.take_down(1).unwrap();
    world.talos.take_down(2).unwrap();
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (69, "unknown"));
    let next = value["next"]["commands"][0].as_str().unwrap();
    assert!(
        next.contains(&format!("--lost {second} --lost {third}")),
        "{next}"
    );
    shows(&world, "two-silent", &[]);
    let lost = format!("{second},{third}");
    let (exit, value) = json(&world, &["unrecoverable", "--lost", &lost]);
    assert_eq!((exit, verdict(&value)), (1, "salvageable"));
    let all = check(&world, &["unrecoverable", "--lost", &lost]);
    reviewed(&world, "recover-check/two-silent-for-good", &all);
    assert!(
        text(&all.stderr).contains("salvageable: looking again"),
        "{}",
        text(&all.stderr)
    );
}

#[test]
fn a_node_named_lost_that_answers_is_a_contradiction() {
    let world = three();
    let (exit, value) = json(&world, &["nodes", "--lost", &world.talos.address(1)]);
    assert_eq!(exit, 1);
    let contradiction = of(&value, "reachable");
    let contradiction = contradiction.iter().find(|(state, _)| *state == "fail");
    assert!(
        contradiction
            .unwrap()
            .1
            .contains("named lost, and it answers")
    );
}

#[test]
fn a_role_that_may_not_ask_is_not_permitted_and_never_ok() {
    let world = world_with(Simulator::builder().start().unwrap(), &["os:etcd:backup"]);
    let (exit, value) = json(&world, &["unrecoverable"]);
    assert_eq!((exit, verdict(&value)), (77, "unknown"));
    shows(&world, "wrong-role", &[]);
    let reader = world.talos.talosconfig(&["os:reader"]).unwrap();
    reader.write(&world.path("talosconfig")).unwrap();
    let (exit, value) = json(&world, &["nodes"]);
    assert_eq!(exit, 1);
    assert_eq!(of(&value, "role")[0].0, "fail");
    shows(&world, "wrong-role-nodes", &["nodes"]);
}

#[test]
fn an_expired_certificate_ends_the_check_before_anything_is_asked() {
    let world = three();
    let expired = world
        .talos
        .authority()
        .client(&["os:admin"], Validity::expired());
    let config = world.talos.talosconfig_for(expired.unwrap());
    config.write(&world.path("talosconfig")).unwrap();
    let ended = check(&world, &[]);
    refused(&ended, 77, "expired");
    reviewed(&world, "recover-check/expired-certificate", &ended);
    assert!(world.talos.calls().is_empty());
}

#[test]
fn a_worker_is_no_endpoint_and_no_control_plane() {
    let talos = Simulator::builder().workers(1).start().unwrap();
    let world = world_with(talos, &["os:admin"]);
    let worker = world.talos.address(3);
    let (exit, value) = json(&world, &["-n", &worker]);
    assert_eq!((exit, verdict(&value)), (0, "healthy"));
    assert_eq!(value["survey"]["workers"][0], worker.as_str());
    let endpoints = format!("{worker},{}", world.talos.address(0));
    let (exit, value) = json(&world, &["nodes", "-e", &endpoints]);
    assert_eq!(exit, 1);
    let found = of(&value, "endpoint");
    assert!(found[0].1.contains("is a worker"), "{found:?}");
    shows(&world, "worker-as-endpoint", &["nodes", "-e", &endpoints]);
    // The other endpoint leads to every node all the same.
    assert!(
        of(&value, "reachable")
            .iter()
            .all(|(state, _)| *state == "ok")
    );
}

#[test]
fn a_name_adds_to_the_census_and_never_narrows_it() {
    let world = three();
    let first = world.talos.address(0);
    let (_, value) = json(&world, &["-n", &first, "-e", &first]);
    assert_eq!(value["survey"]["nodes"].as_array().unwrap().len(), 3);
    let (exit, value) = json(&world, &["-n", "192.0.2.9"]);
    assert_eq!(value["survey"]["nodes"].as_array().unwrap().len(), 4);
    assert_eq!((exit, verdict(&value)), (1, "degraded"));
}

#[test]
fn a_call_that_hangs_is_unknown_by_its_own_deadline() {
    let world = three();
    world
        .talos
        .inject_on(1, "EtcdAlarmList", Fault::Hang, None)
        .unwrap();
    world
        .talos
        .inject_on(1, "ServiceList", Fault::Hang, None)
        .unwrap();
    let (exit, value) = json(&world, &[]);
    assert_eq!((exit, verdict(&value)), (1, "degraded"));
    let etcd = of(&value, "etcd");
    assert!(
        etcd.iter()
            .any(|(state, what)| *state == "unknown" && what.contains("no answer within")),
        "{etcd:?}"
    );
}

#[test]
fn a_snapshot_is_proven_and_compared_with_the_cluster() {
    let config = e2e::repository().join("tests/fixtures/controlplane-v1alpha1.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    let talos = Simulator::builder()
        .machine_config(&config)
        .start()
        .unwrap();
    let world = world_with(talos, &["os:admin"]);
    let packed = e2e::repository().join("tests/fixtures/after.snap.zst");
    let bytes = zstd::decode_all(&*std::fs::read(packed).unwrap()).unwrap();
    std::fs::write(world.path("db.snapshot"), &bytes).unwrap();
    let (_, value) = json(&world, &["snapshot", "db.snapshot"]);
    for check in ["digest", "structure", "keys"] {
        assert_eq!(of(&value, check)[0].0, "ok", "{check}: {value}");
    }
    // The members of the snapshot are control planes, too: here one that nobody reaches.
    let (exit, value) = json(&world, &["unrecoverable", "db.snapshot"]);
    assert_eq!((exit, verdict(&value)), (1, "degraded"));
    let from_snapshot = value["survey"]["nodes"].as_array().unwrap().iter();
    let from_snapshot = from_snapshot.filter(|node| node["sources"][0] == "snapshot");
    assert_eq!(from_snapshot.count(), 1, "{value}");
    let piped =
        world.shell("talosctl-recover-check snapshot - -o json < db.snapshot || test $? = 69");
    let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(of(&piped, "digest")[0].0, "ok");
    let mut wrong = bytes.clone();
    let end = wrong.len() - 1;
    wrong[end] ^= 1;
    std::fs::write(world.path("wrong.snapshot"), wrong).unwrap();
    let (exit, value) = json(&world, &["snapshot", "wrong.snapshot"]);
    assert_eq!(exit, 1);
    assert_eq!(of(&value, "digest")[0].0, "fail");
    refused(&check(&world, &["snapshot"]), 2, "no snapshot is named");
    refused(&check(&world, &["snapshot", "absent"]), 74, "absent");
}
