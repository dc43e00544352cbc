//! Progress: a bar for who watches, a line now and then in a log, nothing otherwise.

use std::process::Stdio;
use std::time::Duration;

use e2e::{World, text};
use talos_sim::{Fault, Simulator};

use crate::support::ok;

/// One node that gives its 2 MiB of snapshot at this many bytes a tenth of a second.
fn dripping(bytes: u64) -> World {
    let snapshot = talos_sim::sample::snapshot(3_000_000);
    let talos = Simulator::builder()
        .control_planes(1)
        .snapshot_bytes(snapshot)
        .start()
        .unwrap();
    let world = World::around(talos);
    let drip = Fault::Drip {
        bytes,
        pause: Duration::from_millis(100),
    };
    world.talos.inject(0, drip).unwrap();
    world
}

/// What a terminal shows while the program runs.
fn watched(world: &World, more: &str) -> String {
    let line = format!("stty cols 100; talosctl-snapshot-take --force -o db {more}");
    let run = world
        .command("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .output()
        .unwrap();
    ok(&run);
    text(&run.stdout)
}

#[test]
fn a_bar_is_drawn_on_a_terminal_with_the_total_of_the_header() {
    let world = dripping(200_000);
    let shown = watched(&world, "");
    assert!(shown.contains("taking from node 127."), "{shown}");
    assert!(
        shown.contains(" MiB/2.86 MiB ") && shown.contains("left"),
        "{shown}"
    );
    let last = shown.trim_end().rsplit(['\r', '\n']).next().unwrap();
    assert!(last.contains("took a proven snapshot"), "{shown}");
}

#[test]
fn no_bar_where_it_is_unwanted_or_nobody_watches() {
    let world = dripping(200_000);
    for quiet in ["--no-progress", "-q", "--log-format json"] {
        let shown = watched(&world, quiet);
        assert!(!shown.contains("MiB/"), "{quiet}: {shown}");
    }
    let piped = world.ours("talosctl-snapshot-take", &["--force", "-o", "db"]);
    ok(&piped);
    let stderr = text(&piped.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_log_gets_a_line_now_and_then_at_v() {
    let world = dripping(60_000);
    let logged = world.ours("talosctl-snapshot-take", &["-v", "--force", "-o", "db"]);
    ok(&logged);
    let stderr = text(&logged.stderr);
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("taking from node"))
        .collect();
    assert!((1..4).contains(&lines.len()), "{stderr}");
    assert!(
        lines[0].contains(" of 2.9 MiB (") && lines[0].contains("/s, "),
        "{stderr}"
    );
}
