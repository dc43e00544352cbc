//! Every way a Talos stream goes wrong: another member is tried, or nothing is published.

use std::process::Output;
use std::time::Duration;

use e2e::{BUCKET, World, text};
use talos_sim::{Fault, Layer};

use crate::support::{code, ok, refused, serving};

const QUICK: [&str; 6] = [
    "--first-byte-timeout",
    "2s",
    "--idle-timeout",
    "2s",
    "--stream-timeout",
    "20s",
];

fn now(world: &World) -> Output {
    let mut arguments = vec![
        "now",
        "--direct",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
    ];
    arguments.extend(QUICK);
    world.ours("kubectl-etcdbackup", &arguments)
}

fn take(world: &World) -> Output {
    let mut arguments = vec!["-o", "taken"];
    arguments.extend(QUICK);
    world.ours("talosctl-snapshot-take", &arguments)
}

/// Faults of one node's stream, and a word of what is said about it.
fn faults() -> Vec<(Fault, &'static str)> {
    let failing = |after: &str| format!("fail{after}").parse::<Fault>().unwrap();
    vec![
        (Fault::CutWithOk(0), "no data"),
        (Fault::CutWithOk(150_000), "cut short"),
        (Fault::FlipBit(70_000), "SHA-256"),
        (Fault::StallAfter(50_000), "between messages"),
        (Fault::StallAfter(0), "before the first message"),
        (Fault::Hang, "no answer within 2 s"),
        (Fault::Reset(90_000), "connection broke"),
        (failing(":0"), "request timed out"),
        (failing(":100000"), "request timed out"),
    ]
}

#[test]
fn a_member_that_fails_is_passed_over_and_said() {
    for (fault, word) in faults() {
        let world = serving();
        for node in 0..2 {
            world.talos.inject(node, fault.clone()).unwrap();
        }
        let nodes = (0..3).map(|node| world.talos.address(node));
        let nodes = nodes.collect::<Vec<_>>().join(",");
        let mut arguments = vec!["now", "--direct", "s3://backups/prod", "-R"];
        arguments.extend(["recipients.txt", "--nodes", &nodes]);
        arguments.extend(QUICK);
        let done = world.ours("kubectl-etcdbackup", &arguments);
        ok(&done);
        let shown = text(&done.stderr);
        let warnings = shown.matches("trying another node").count();
        assert_eq!(warnings, 2, "{fault:?}: {shown}");
        assert!(shown.contains(word), "{fault:?}: `{word}` in {shown}");
        assert_eq!(world.s3.keys(BUCKET, "prod").len(), 1, "{fault:?}");
    }
}

#[test]
fn where_every_member_fails_nothing_is_published() {
    for (fault, word) in faults() {
        let world = serving();
        for node in 0..3 {
            world.talos.inject(node, fault.clone()).unwrap();
        }
        refused(&now(&world), 75, word);
        assert!(world.s3.keys(BUCKET, "prod").is_empty(), "{fault:?}");
        refused(&take(&world), 75, word);
        assert!(!world.path("taken").exists() && !world.path("taken.part").exists());
    }
}

#[test]
fn a_denied_snapshot_is_not_tried_elsewhere() {
    let world = serving();
    for node in 0..3 {
        world.talos.inject(node, Fault::Denied).unwrap();
    }
    refused(&now(&world), 77, "not authorized");
    let calls = world.talos.calls();
    let asked = calls
        .iter()
        .filter(|call| call.method == "EtcdSnapshot" && call.layer == Layer::Apid)
        .count();
    assert_eq!(asked, 1, "{calls:?}");
}

#[test]
fn a_slow_stream_that_never_pauses_for_long_is_no_fault() {
    let world = serving();
    for node in 0..3 {
        let drip = Fault::Drip {
            bytes: 60_000,
            pause: Duration::from_millis(300),
        };
        world.talos.inject(node, drip).unwrap();
    }
    ok(&now(&world));
}

/// Streams that Talos ended with success: at each message of a small snapshot and at odd bytes.
#[test]
fn no_cut_with_success_is_ever_published() {
    let whole = talos_sim::sample::snapshot(48 * 1024);
    let length = whole.len() as u64;
    let world = World::serving(whole);
    let node = world.talos.address(0);
    let boundaries = (0..length).step_by(1024);
    // A fixed sequence of odd places, the same in every run.
    let odd = (0..24).scan(0x2545_f491_4f6c_dd1d_u64, |state, _| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        Some(*state % length)
    });
    let mut cuts = 0;
    for cut in boundaries
        .chain(odd)
        .chain([length - 33, length - 32, length - 1])
    {
        world.talos.clear_faults().unwrap();
        world.talos.inject(0, Fault::CutWithOk(cut)).unwrap();
        let done = world.ours(
            "kubectl-etcdbackup",
            &[
                "now",
                "--direct",
                "s3://backups/prod",
                "-R",
                "recipients.txt",
                "--nodes",
                &node,
            ],
        );
        assert_eq!(code(&done), 75, "cut at {cut}: {}", text(&done.stderr));
        assert!(
            world.s3.keys(BUCKET, "").is_empty(),
            "published a cut at {cut}"
        );
        cuts += 1;
    }
    assert!(cuts > 70, "{cuts}");
    world.talos.clear_faults().unwrap();
    ok(&now(&world));
}
