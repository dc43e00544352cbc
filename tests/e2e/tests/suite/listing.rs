//! `list`: every form of it, and what an object's name may try.

use e2e::golden::{compare, replaced};
use e2e::{BUCKET, World, text};

use crate::support::{code, ok, serving};

/// Objects of every kind under one prefix.
fn objects() -> World {
    let world = serving();
    let objects: [(&str, &[u8]); 10] = [
        (
            "prod/prod-2024-01-03T03:04:05.678Z.snap.zst.age",
            &[7; 5000],
        ),
        (
            "prod/prod-2024-01-02T05:04:05+02:00.snap.age",
            &[7; 1_500_000],
        ),
        ("prod/prod-2024-01-01T03:04:05Z.snap", &[7; 900]),
        ("prod/prod-2024-01-04T03:04:05.678Z.snap.zst.age", &[]),
        (
            "prod/prod-2999-01-01T00:00:00.000Z.snap.zst.age",
            &[7; 5000],
        ),
        ("prod/before-upgrade.snapshot", &[7; 5000]),
        ("prod/etcd-snapshot-cp-1-1735689600", &[7; 5000]),
        ("prod/notes.txt", &[7; 10]),
        (
            "prod/größe-2024-01-02T00:00:00.000Z.snap.zst.age",
            &[7; 5000],
        ),
        ("prod-eu/prod-eu-2024-01-05T00:00:00.000Z.snap", &[7; 10]),
    ];
    for (key, bytes) in objects {
        world.s3.put(BUCKET, key, bytes);
    }
    world
}

/// Ages grow, and the store's own times are of today: neither belongs into a golden. Columns
/// are as wide as what stands in them.
fn steady(shown: &str) -> String {
    let shown = replaced(
        shown,
        r"\b20(2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
        "$$MODIFIED",
    );
    let shown = replaced(
        &shown,
        r"(\bin )?\b(\d+d\d+h|\d+h\d+m|\d+m|\d+s)\b",
        "$$AGE",
    );
    replaced(&shown, r"(\S) {2,}", "$1   ")
}

fn list(world: &World, more: &[&str]) -> String {
    let list = world.ours(
        "kubectl-etcdbackup",
        &[&["list", "s3://backups/prod"], more].concat(),
    );
    ok(&list);
    assert_eq!(text(&list.stderr), "");
    text(&list.stdout)
}

/// Entries with a time of the store come in the order in which they were put.
#[test]
fn each_format_is_the_reviewed_one() {
    let world = objects();
    for format in ["table", "wide", "json", "yaml", "name"] {
        let mut shown = steady(&list(&world, &["-o", format]));
        if matches!(format, "table" | "wide" | "name") {
            let mut lines: Vec<&str> = shown.lines().collect();
            let header = usize::from(format != "name");
            lines[header..].sort_unstable();
            shown = lines.join("\n") + "\n";
        }
        if format == "json" {
            let mut values: Vec<serde_json::Value> = serde_json::from_str(&shown).unwrap();
            values.sort_by_key(|value| value["key"].to_string());
            shown = serde_json::to_string_pretty(&values).unwrap() + "\n";
        }
        if format == "yaml" {
            // The same values as JSON: one entry shows the form.
            let entry = shown.split("- ").find(|entry| entry.contains("2024-01-03"));
            shown = format!("- {}", entry.unwrap());
        }
        compare(&format!("list/{format}.txt"), &shown);
    }
}

#[test]
fn columns_line_up_and_states_are_coloured_in_place() {
    let world = objects();
    let plain = list(&world, &["-o", "wide"]);
    let column = plain.lines().next().unwrap().find("STATE").unwrap();
    for line in plain.lines().skip(1) {
        let state: String = line
            .chars()
            .skip(column)
            .take_while(|c| *c != ' ')
            .collect();
        let states = ["snapshot", "future-dated", "undated", "partial", "foreign"];
        assert!(states.contains(&state.as_str()), "{state} in {line}");
    }
    let colored = list(&world, &["-o", "wide", "--color", "always"]);
    assert!(colored.contains("\u{1b}[32msnapshot\u{1b}[0m"), "{colored}");
    assert!(
        colored.contains("\u{1b}[1m\u{1b}[33mpartial\u{1b}[0m"),
        "{colored}"
    );
    assert_eq!(replaced(&colored, "\u{1b}\\[[0-9]+m", ""), plain);
}

#[test]
fn newest_first_and_only_the_cluster_asked_for() {
    let world = objects();
    let names = list(&world, &["-o", "name", "--cluster-name", "größe"]);
    assert!(
        names.contains("größe") && !names.contains("prod/prod-2024"),
        "{names}"
    );
    let names = list(&world, &["-o", "name"]);
    let at = |part: &str| names.find(part).unwrap();
    assert!(
        at("2999-01-01") < at("2024-01-03") && at("2024-01-03") < at("2024-01-01"),
        "{names}"
    );
    assert!(!names.contains("prod-eu"), "{names}");
}

#[test]
fn an_age_is_asked_of_every_destination() {
    let world = serving();
    std::fs::create_dir(world.path("nas")).unwrap();
    let nas = format!("file://{}", world.path("nas").display());
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
    let fresh = ["list", "s3://backups/prod", "--max-age", "1h"];
    ok(&world.ours("kubectl-etcdbackup", &fresh));
    let both = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", &nas, "--max-age", "1h"],
    );
    assert_eq!(code(&both), 1);
    let stderr = text(&both.stderr);
    assert!(stderr.contains(&format!("no backup in {nas}")), "{stderr}");
    assert!(
        stderr.contains(&format!("warning: {nas}: there is no snapshot")),
        "{stderr}"
    );
    assert!(!stderr.contains("s3://backups/prod"), "{stderr}");
    assert!(
        text(&both.stdout).contains("DESTINATION"),
        "{}",
        text(&both.stdout)
    );
    let empty = world.ours("kubectl-etcdbackup", &["list", "s3://backups/none"]);
    assert_eq!((code(&empty), text(&empty.stdout).as_str()), (0, ""));
    assert_eq!(text(&empty.stderr), "no backup in s3://backups/none\n");
}

/// Peak memory in bytes of a listing of `world` in this format.
fn peak(world: &World, format: &str) -> u64 {
    let script = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)";
    let list = e2e::programs().join("kubectl-etcdbackup");
    let output = world
        .command("python3")
        .args(["-c", script])
        .arg(list)
        .args(["list", "s3://backups/prod", "-o", format])
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap();
    ok(&output);
    text(&output.stdout).trim().parse().unwrap()
}

/// A bucket with so many snapshots, an hour from each to the next.
fn history(objects: i64) -> World {
    let world = serving();
    let newest: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for hours in 0..objects {
        let taken_at = newest - jiff::SignedDuration::from_hours(hours);
        let key = format!("prod/prod-{taken_at:.3}.snap.zst.age");
        world.s3.put(BUCKET, &key, b"x");
    }
    world
}

/// A million of them would take less than 110 MiB more than a few; `make bench` has a million.
#[test]
fn each_object_of_a_long_listing_takes_little_memory() {
    const FEW: i64 = 10_000;
    const MANY: i64 = 70_000;
    const BYTES: u64 = 110;
    let (few, many) = (history(FEW), history(MANY));
    for format in ["table", "wide", "name", "json", "yaml"] {
        let more = peak(&many, format).saturating_sub(peak(&few, format));
        let each = more / (MANY - FEW).unsigned_abs();
        assert!(each < BYTES, "{format}: {each} bytes an object");
    }
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let world = serving();
    let name = "evil\u{1b}]0;owned\u{7}\u{1b}[2J\nline\u{202e}-2024-01-01T00-00-00.000Z.snap";
    let nas = world.path("nas");
    std::fs::create_dir(&nas).unwrap();
    std::fs::write(nas.join(name), b"x").unwrap();
    // S3 allows any character in a key, and XML only some: listings come encoded.
    let beside = "prod+a b-2024-01-02T00:00:00.000Z.snap";
    for key in [name, beside] {
        world.s3.put(BUCKET, &format!("odd/{key}"), b"x");
    }
    let place = format!("file://{}", nas.display());
    steered_by_none(&world, &place);
    steered_by_none(&world, "s3://backups/odd");
    assert!(list_of(&world, "s3://backups/odd", "name").contains(beside));
}

fn list_of(world: &World, place: &str, format: &str) -> String {
    let list = world.ours("kubectl-etcdbackup", &["list", place, "-o", format]);
    ok(&list);
    text(&list.stdout)
}

fn steered_by_none(world: &World, place: &str) {
    for format in ["table", "wide", "json", "yaml", "name"] {
        let shown = list_of(world, place, format);
        assert!(shown.contains("evil"), "{format}: {shown}");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        let escaped = matches!(format, "json" | "yaml");
        assert!(
            !shown.contains(|c: char| steers(c) && !(escaped && c == '\u{202e}')),
            "{format}: {shown:?}"
        );
        if !escaped {
            assert!(
                shown.lines().all(|line| !line.starts_with("line")),
                "{format}: {shown:?}"
            );
        }
    }
    let pull = world.ours("talosctl-snapshot-pull", &[place, "-o", "back"]);
    assert_ne!(code(&pull), 0);
    assert!(
        !text(&pull.stderr).contains('\u{1b}'),
        "{}",
        text(&pull.stderr)
    );
}
