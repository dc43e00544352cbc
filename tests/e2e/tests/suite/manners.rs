//! Streams, exit codes and talk as shells and people rely on them.

use std::process::Stdio;

use e2e::{BUCKET, World, text};
use talos_sim::Fault;

use crate::support::{code, ok, refused, serving};

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn to_closed_pipe(world: &World, program: &str, arguments: &[&str]) -> std::process::Output {
    let mut run = world.command(e2e::programs().join(program));
    run.args(arguments)
        .stdout(closed_pipe())
        .stderr(Stdio::piped());
    let child = run.spawn().unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_key_of_a_backup_can_be_had_in_a_shell() {
    let world = serving();
    let kept = world
        .command("sh")
        .args([
            "-ec",
            "key=$(kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt -o name)
            talosctl-snapshot-pull \"$key\" -i key.txt -o back
            echo \"<$key>\"",
        ])
        .output()
        .unwrap();
    ok(&kept);
    let key = &world.s3.keys(BUCKET, "prod")[0];
    assert_eq!(text(&kept.stdout), format!("<s3://{BUCKET}/{key}>\n"));
}

#[test]
fn a_closed_stdout_is_quiet_for_a_listing_and_a_failure_for_bytes() {
    let world = serving();
    ok(&world.ours(
        "kubectl-etcdbackup",
        &[
            "now",
            "--direct",
            "s3://backups/prod",
            "-R",
            "recipients.txt",
        ],
    ));
    for format in ["table", "wide", "json", "yaml", "name"] {
        let list = to_closed_pipe(
            &world,
            "kubectl-etcdbackup",
            &["list", "s3://backups/prod", "-o", format],
        );
        assert_eq!(
            (code(&list), text(&list.stderr).as_str()),
            (0, ""),
            "{format}"
        );
    }
    let stale = to_closed_pipe(
        &world,
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", "--max-age", "0s"],
    );
    assert_eq!(code(&stale), 1);
    let take = to_closed_pipe(&world, "talosctl-snapshot-take", &[]);
    refused(&take, 74, "roken pipe");
    let pull = to_closed_pipe(
        &world,
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "key.txt"],
    );
    refused(&pull, 74, "roken pipe");
    // The backup lies there; its name did not arrive.
    let now = [
        "now",
        "--direct",
        "s3://backups/named",
        "-R",
        "recipients.txt",
    ];
    let now = to_closed_pipe(&world, "kubectl-etcdbackup", &now);
    refused(&now, 74, "stdout");
    assert!(
        text(&now.stderr).contains("pushed s3://backups/named/"),
        "{}",
        text(&now.stderr)
    );
}

#[test]
fn quiet_says_nothing_of_success_and_everything_of_failure() {
    let world = serving();
    let take = world.ours("talosctl-snapshot-take", &["-q", "-o", "db"]);
    ok(&take);
    assert_eq!(text(&take.stderr), "");
    refused(
        &world.ours("talosctl-snapshot-take", &["-q", "-o", "db"]),
        74,
        "exists",
    );
}

#[test]
fn more_is_said_at_each_level_and_kubectls_levels_are_known() {
    let world = serving();
    let length = |level: &[&str]| {
        let take = world.ours(
            "talosctl-snapshot-take",
            &[level, &["--force", "-o", "db"]].concat(),
        );
        ok(&take);
        text(&take.stderr).lines().count()
    };
    let (none, two) = (length(&[]), length(&["-vv"]));
    assert!(none < two, "{none} lines, {two} at -vv");
    assert_eq!(length(&["-v=6"]), two);
    assert_eq!(length(&["-v", "-v"]), two);
    assert_eq!(length(&["-v=0"]), none);
}

#[test]
fn a_log_for_machines_is_json_on_every_line() {
    let world = serving();
    world.talos.inject(0, Fault::CutWithOk(2048)).unwrap();
    world.talos.inject(1, Fault::CutWithOk(2048)).unwrap();
    let lines = |arguments: &[&str]| -> (i32, Vec<serde_json::Value>) {
        let run = world.ours("kubectl-etcdbackup", arguments);
        let stderr = text(&run.stderr);
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        (code(&run), stderr.lines().map(parse).collect())
    };
    let now = [
        "now",
        "--direct",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
        "-vv",
        "--log-format",
        "json",
    ];
    let (exit, log) = lines(&now);
    assert_eq!(exit, 0);
    let levels: Vec<&str> = log
        .iter()
        .map(|line| line["level"].as_str().unwrap())
        .collect();
    assert!(
        levels.contains(&"WARN") && levels.contains(&"INFO") && levels.contains(&"DEBUG"),
        "{levels:?}"
    );
    let (exit, log) = lines(&["list", "s3://absent/prod", "--log-format=json"]);
    let fields = &log.last().unwrap()["fields"];
    assert_eq!((exit, fields["exit"].as_i64()), (78, Some(78)));
    assert!(
        fields["message"].as_str().unwrap().contains("NoSuchBucket"),
        "{fields}"
    );
    assert!(fields["hint"].is_string());
    // Before flags are parsed, too.
    let (exit, log) = lines(&["list", "--frobnicate", "--log-format", "json"]);
    assert_eq!((exit, log[0]["fields"]["exit"].as_i64()), (2, Some(2)));
}

#[test]
fn colour_is_for_terminals_and_can_be_forced_and_refused() {
    let world = serving();
    const ESCAPE: char = '\u{1b}';
    let piped = |more: &str, variables: &[(&str, &str)]| {
        let line = format!("talosctl-snapshot-take --talosconfig absent {more}");
        let mut run = world.command("bash");
        let output = run
            .args(["-c", &line])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        text(&output.stderr).contains(ESCAPE)
    };
    let terminal = |more: &str, variables: &[(&str, &str)]| {
        let line = format!(
            "script -qec 'talosctl-snapshot-take --talosconfig absent -o x {more}' /dev/null"
        );
        let mut run = world.command("bash");
        let output = run
            .args(["-c", &line])
            .stdin(Stdio::null())
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let shown = text(&output.stdout);
        assert!(shown.contains("error:"), "{shown}");
        shown.contains(ESCAPE)
    };
    assert!(!piped("", &[]));
    assert!(piped("--color always", &[]));
    assert!(piped("", &[("CLICOLOR_FORCE", "1")]));
    assert!(piped("", &[("ETCDBACKUP_COLOR", "always")]));
    assert!(!piped("--color=never", &[("CLICOLOR_FORCE", "1")]));
    assert!(terminal("", &[]));
    assert!(!terminal("--color never", &[]));
    assert!(!terminal("", &[("NO_COLOR", "1")]));
    assert!(!terminal("", &[("TERM", "dumb")]));
    assert!(terminal("--color always", &[("NO_COLOR", "1")]));
}

#[test]
fn a_taken_stream_moves_to_another_member_only_before_its_first_byte() {
    let world = serving();
    let length = talos_sim::sample::snapshot(crate::support::SIZE).len() as u64;
    // A stream that is no snapshot, or breaks within the first batch, leaves stdout untouched.
    for fault in [
        Fault::FlipBit(20),
        Fault::Reset(60_000),
        Fault::CutWithOk(0),
    ] {
        world.talos.clear_faults().unwrap();
        world.talos.inject(0, fault.clone()).unwrap();
        world.talos.inject(1, fault).unwrap();
        let taken = world.shell("talosctl-snapshot-take > taken");
        ok(&taken);
        assert_eq!(
            std::fs::metadata(world.path("taken")).unwrap().len(),
            length
        );
    }
    world.talos.clear_faults().unwrap();
    (0..3).for_each(|node| world.talos.inject(node, Fault::CutWithOk(200_000)).unwrap());
    let taken = world.shell("talosctl-snapshot-take -o - > taken");
    refused(
        &taken,
        75,
        "from another node: `talosctl-snapshot-take -o - --nodes 127.",
    );
    assert!(std::fs::metadata(world.path("taken")).unwrap().len() < 200_000);
    // The command of the hint is one that works once its node does.
    let stderr = text(&taken.stderr);
    let command = stderr
        .rsplit_once("another node: `")
        .unwrap()
        .1
        .trim_end()
        .trim_end_matches('`');
    world.talos.clear_faults().unwrap();
    ok(&world.shell(&format!("{command} > again")));
}
