//! `prune`: what goes, what stays, and that nothing else is touched.

use std::process::Output;
use std::time::SystemTime;

use e2e::golden::compare;
use e2e::{ACCESS_KEY, BUCKET, Run, SECRET_KEY, World, text};
use jiff::{SignedDuration, Timestamp};
use s3_sim::{Effect, Fault, Operation, Policy, Rules};
use serde_json::Value;

use crate::support::{code, ok, refused, serving};

const NOW: &str = "2026-03-01T00:30:00Z";
const PLACE: &str = "s3://backups/prod";

/// One of our programs at some time.
pub(crate) fn at(world: &World, time: &str, arguments: &[&str]) -> Run {
    let mut command = world.command(e2e::programs().join("kubectl-etcdbackup"));
    command.args(arguments).env("ETCDBACKUP_TEST_CLOCK", time);
    command
}

fn prune(world: &World, more: &[&str]) -> Output {
    let arguments = [&["prune", PLACE], more].concat();
    at(world, NOW, &arguments).output().unwrap()
}

/// The name of a snapshot of `cluster`, so many hours before the first of March.
fn name(cluster: &str, hours: i64) -> String {
    let first: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let taken_at = first - SignedDuration::from_hours(hours);
    format!("{cluster}-{taken_at:.3}.snap.zst.age")
}

/// `count` hourly snapshots with a manifest each.
fn hourly(world: &World, cluster: &str, count: i64) {
    for hours in 0..count {
        put(world, cluster, hours);
    }
}

fn put(world: &World, cluster: &str, hours: i64) {
    let name = name(cluster, hours);
    world.s3.put(BUCKET, &format!("prod/{name}"), &[7; 1000]);
    let digest = "a".repeat(64);
    let content = format!(r#"{{"bytes":1000,"sha256":"{digest}"}}"#);
    let manifest = format!(
        r#"{{"version":1,"object":"{name}","cluster":"{cluster}","created_at":"2026-01-01T00:00:00Z","snapshot":{content},"stored":{content},"verified":"digest"}}"#
    );
    let key = format!("prod/.manifest/{name}.json");
    world.s3.put(BUCKET, &key, manifest.as_bytes());
}

fn record(world: &World, cluster: &str, hours: i64, verdict: &str) {
    let key = format!("prod/.verified/{}.json", name(cluster, hours));
    let json = format!(r#"{{"depth":"deep","verdict":"{verdict}"}}"#);
    world.s3.put(BUCKET, &key, json.as_bytes());
}

fn stay(world: &World, cluster: &str) -> Vec<i64> {
    let keys = world.s3.keys(BUCKET, "prod");
    (0..2000)
        .filter(|hours| keys.contains(&format!("prod/{}", name(cluster, *hours))))
        .collect()
}

fn plan(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

#[test]
fn a_dry_run_says_everything_and_deletes_nothing() {
    let world = serving();
    hourly(&world, "prod", 30);
    record(&world, "prod", 3, "failed");
    record(&world, "prod", 10, "good");
    for other in ["notes.txt", "db.snapshot", "prod-2999-01-01T00:00:00Z.snap"] {
        world.s3.put(BUCKET, &format!("prod/{other}"), b"x");
    }
    let lost = format!("prod/.manifest/{}.json", name("prod", 99));
    world.s3.put(BUCKET, &lost, b"{}");
    let before = world.s3.all_keys(BUCKET);
    world.s3.clear_requests();
    let policy = [
        "--keep-last",
        "2",
        "--keep-hourly",
        "4",
        "--keep-daily",
        "2",
    ];
    let shown = prune(&world, &policy);
    ok(&shown);
    let all = format!("{}---\n{}", text(&shown.stdout), text(&shown.stderr));
    compare("prune/table.txt", &all.replace(&world.s3.endpoint(), "$S3"));
    assert!(text(&shown.stdout).lines().all(|line| line.len() <= 80));
    // Records from the newest on until a good one, and the manifest of the newest.
    let read: Vec<String> = world
        .s3
        .requests()
        .into_iter()
        .filter(|request| request.operation == Operation::GetObject)
        .map(|request| request.key)
        .collect();
    assert_eq!(
        read,
        [
            format!("prod/.verified/{}.json", name("prod", 3)),
            format!("prod/.verified/{}.json", name("prod", 10)),
            format!("prod/.manifest/{}.json", name("prod", 0)),
        ]
    );
    for format in ["wide", "json", "yaml", "name"] {
        let shown = prune(&world, &[&policy[..], &["-o", format]].concat());
        ok(&shown);
        compare(&format!("prune/{format}.txt"), &text(&shown.stdout));
    }
    assert_eq!(world.s3.all_keys(BUCKET), before);
}

#[test]
fn what_no_rule_keeps_goes_with_all_that_belongs_to_it_and_once_is_enough() {
    let world = serving();
    hourly(&world, "prod", 50);
    hourly(&world, "staging", 5);
    record(&world, "prod", 30, "good");
    record(&world, "prod", 40, "good");
    let others = [
        "prod/notes.txt",
        "prod/db.snapshot",
        "other/prod-2020-01-01T00:00:00Z.snap",
    ];
    for other in others {
        world.s3.put(BUCKET, other, b"x");
    }
    world
        .s3
        .put(BUCKET, "prod/prod-2020-01-01T00:00:00Z.snap", b"");
    world
        .s3
        .put(BUCKET, "prod/prod-2020-01-01T00:00:00Z.snap.part", b"x");
    let policy = ["--keep-last", "3", "--keep-daily", "2", "--delete"];
    let deleted = prune(&world, &policy);
    ok(&deleted);
    // The last three, the newest of two days, and the newest verified one.
    assert_eq!(stay(&world, "prod"), [0, 1, 2, 30]);
    // Nothing of it is verified: its newest seven stay, and it has five.
    assert_eq!(stay(&world, "staging"), [0, 1, 2, 3, 4]);
    assert_eq!(world.s3.keys(BUCKET, "prod/.manifest").len(), 4 + 5);
    assert_eq!(world.s3.keys(BUCKET, "prod/.verified").len(), 1);
    for other in others {
        assert!(world.s3.object(BUCKET, other).is_some(), "{other}");
    }
    assert!(
        world
            .s3
            .object(BUCKET, "prod/prod-2020-01-01T00:00:00Z.snap")
            .is_some()
    );
    let left = world.s3.all_keys(BUCKET);
    let again = prune(&world, &[&policy[..], &["-o", "json"]].concat());
    ok(&again);
    let decisions = &plan(&again)[0]["clusters"][0]["decisions"];
    assert!(
        decisions
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["decision"] == "keep")
    );
    assert_eq!(world.s3.all_keys(BUCKET), left);
}

#[test]
fn what_would_be_a_mistake_is_refused() {
    let world = serving();
    hourly(&world, "prod", 30);
    let all = world.s3.all_keys(BUCKET);
    for empty in [
        &[][..],
        &["--keep-last", "0"],
        &["--keep-daily", "0", "--delete"],
    ] {
        refused(&prune(&world, empty), 2, "empty policy");
    }
    for wrong in [
        ["--keep-last", "-1"],
        ["--keep-within", "1w"],
        ["--interval", "soon"],
    ] {
        assert_eq!(code(&prune(&world, &wrong)), 2, "{wrong:?}");
    }
    let keep = ["prune", PLACE, "--keep-last", "1", "--delete"];
    let late = at(&world, "2026-03-01T02:00:01Z", &keep).output().unwrap();
    assert_eq!(code(&late), 1, "{}", text(&late.stderr));
    assert!(text(&late.stderr).contains("backups seem to have stopped"));
    assert!(text(&late.stdout).contains("backups stopped"));
    let daily = [&keep[..], &["--interval", "1d", "--max-delete", "22"]].concat();
    let many = at(&world, "2026-03-01T02:00:01Z", &daily).output().unwrap();
    assert_eq!(code(&many), 1);
    assert!(
        text(&many.stderr).contains("23 would be deleted"),
        "{}",
        text(&many.stderr)
    );
    // The newest is shorter than its manifest says: a cut upload must not cost the others.
    let newest = format!("prod/{}", name("prod", 0));
    world.s3.put(BUCKET, &newest, &[7; 10]);
    let doubtful = prune(&world, &["--keep-last", "1", "--delete"]);
    assert_eq!(code(&doubtful), 1);
    assert!(text(&doubtful.stderr).contains("its manifest says 1000"));
    assert_eq!(world.s3.all_keys(BUCKET), all);
    let nothing = prune(&world, &["--keep-last", "1", "--cluster-name", "other"]);
    ok(&nothing);
    assert!(text(&nothing.stderr).contains("no backup in"));
}

/// A store that keeps every version only shrinks when versions are deleted by their ids.
#[test]
fn where_versions_are_kept_all_of_them_go() {
    let world = serving();
    world.s3.set_rules(Rules::b2());
    hourly(&world, "prod", 20);
    for verdict in ["failed", "good"] {
        record(&world, "prod", 12, verdict);
        record(&world, "prod", 2, verdict);
    }
    // Written twice, as one whose answer was lost.
    put(&world, "prod", 15);
    ok(&prune(&world, &["--keep-last", "3", "--delete"]));
    assert_eq!(stay(&world, "prod"), [0, 1, 2]);
    assert_eq!(world.s3.all_keys_ever(BUCKET).len(), 3 + 3 + 1);
    let batch = |request: &s3_sim::Request| request.operation == Operation::DeleteObjects;
    assert!(!world.s3.requests().iter().any(batch));
}

/// As Garage and R2, which keep none.
#[test]
fn where_versions_are_not_known_plain_deletes_do() {
    let world = serving();
    hourly(&world, "prod", 9);
    let unknown = Effect::Status(501, "NotImplemented".to_owned());
    for operation in [
        Operation::ListObjectVersions,
        Operation::ListMultipartUploads,
    ] {
        world.s3.inject(Fault::new(operation, unknown.clone()));
    }
    let deleted = prune(&world, &["--keep-last", "3", "--delete"]);
    ok(&deleted);
    assert!(
        !text(&deleted.stderr).contains("hidden"),
        "{}",
        text(&deleted.stderr)
    );
    assert_eq!(world.s3.all_keys(BUCKET).len(), 14);
}

#[test]
fn without_the_right_to_see_versions_it_says_that_it_only_hides() {
    let world = serving();
    hourly(&world, "prod", 12);
    let rights = [
        Operation::ListObjectsV2,
        Operation::GetObject,
        Operation::HeadObject,
        Operation::DeleteObject,
    ];
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::only(rights));
    let deleted = prune(&world, &["--keep-last", "3", "--delete"]);
    ok(&deleted);
    assert!(
        text(&deleted.stderr).contains("only hidden"),
        "{}",
        text(&deleted.stderr)
    );
    assert_eq!(stay(&world, "prod").len(), 7);
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::read_only());
    let shown = prune(&world, &["--keep-last", "3", "--min-keep", "1"]);
    ok(&shown);
    let refusal = prune(&world, &["--keep-last", "3", "--min-keep", "1", "--delete"]);
    refused(&refusal, 77, "DeleteObject");
    assert_eq!(stay(&world, "prod").len(), 7);
}

pub(crate) fn set_clock(world: &World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    world.s3.set_clock(SystemTime::from(time));
}

#[test]
fn an_interrupted_prune_is_gone_on_with() {
    let world = serving();
    hourly(&world, "prod", 20);
    let third = Fault::new(
        Operation::DeleteObject,
        Effect::Status(403, "AccessDenied".to_owned()),
    );
    world.s3.inject(third.after(5).times(1));
    let broken = prune(&world, &["--keep-last", "3", "--delete"]);
    refused(&broken, 77, "DeleteObject");
    assert!(text(&broken.stdout).contains("not tried"));
    // The oldest went first.
    let left = stay(&world, "prod");
    assert!(
        left.len() > 7 && left[..8] == [0, 1, 2, 3, 4, 5, 6, 7],
        "{left:?}"
    );
    world.s3.inject(
        Fault::new(
            Operation::DeleteObject,
            Effect::Status(503, "SlowDown".to_owned()),
        )
        .times(2),
    );
    ok(&prune(
        &world,
        &["--keep-last", "3", "--delete", "--orphans"],
    ));
    assert_eq!(stay(&world, "prod").len(), 7);
    assert_eq!(
        world.s3.all_keys(BUCKET).len(),
        14,
        "{:?}",
        world.s3.all_keys(BUCKET)
    );
}

#[test]
fn what_is_left_over_is_reported_and_goes_when_asked() {
    let world = serving();
    hourly(&world, "prod", 3);
    let lost = format!("prod/.verified/{}.json", name("prod", 99));
    world.s3.put(BUCKET, &lost, b"{}");
    let dead = Fault::new(
        Operation::AbortMultipartUpload,
        Effect::Status(403, "AccessDenied".to_owned()),
    );
    world.s3.inject(dead.times(20));
    world.s3.inject(Fault::new(
        Operation::UploadPart,
        Effect::Status(403, "AccessDenied".to_owned()),
    ));
    set_clock(&world, "2026-02-27T00:00:00Z");
    let large = World::serving(crate::support::sample(12 << 20));
    let mut command = large.command(e2e::programs().join("kubectl-etcdbackup"));
    command
        .env("AWS_ENDPOINT_URL_S3", world.s3.endpoint())
        .args(["now", "--direct", PLACE, "-R", "recipients.txt"])
        .args(crate::support::IN_PARTS);
    assert_ne!(code(&command.output().unwrap()), 0);
    assert_eq!(world.s3.uploads(BUCKET).len(), 1);
    world.s3.clear_faults();
    let shown = prune(&world, &["--keep-last", "3"]);
    ok(&shown);
    let told = text(&shown.stderr);
    assert!(
        told.contains("left over: record without object: s3://backups/prod/.verified/"),
        "{told}"
    );
    assert!(told.contains("left over: open upload: "), "{told}");
    ok(&prune(&world, &["--keep-last", "3", "--orphans"]));
    ok(&prune(&world, &["--keep-last", "3", "--delete"]));
    assert_eq!(world.s3.uploads(BUCKET).len(), 1);
    assert!(world.s3.object(BUCKET, &lost).is_some());
    ok(&prune(
        &world,
        &["--keep-last", "3", "--delete", "--orphans"],
    ));
    assert!(world.s3.uploads(BUCKET).is_empty());
    assert!(world.s3.object(BUCKET, &lost).is_none());
    assert_eq!(world.s3.all_keys(BUCKET).len(), 6);
}

#[test]
fn a_folder_is_pruned_as_a_bucket_is() {
    let world = serving();
    let folder = world.path("nas");
    std::fs::create_dir(&folder).unwrap();
    let place = format!("file://{}", folder.display());
    for hour in 10..20 {
        let time = format!("2026-01-01T{hour}:00:00Z");
        let now = [
            "now",
            "--direct",
            &place,
            "-R",
            "recipients.txt",
            "--cluster-name",
            "prod",
        ];
        ok(&at(&world, &time, &now).output().unwrap());
    }
    std::fs::write(
        folder.join(".prod-2026-01-01T09-00-00.000Z.snap.00ff00ff.part"),
        b"x",
    )
    .unwrap();
    let keep = [
        "prune",
        &place,
        "--keep-last",
        "2",
        "--min-keep",
        "2",
        "--delete",
        "--orphans",
    ];
    let pruned = at(&world, "2026-01-01T20:00:00Z", &keep).output().unwrap();
    ok(&pruned);
    let files = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries
            .filter(|entry| entry.file_type().unwrap().is_file())
            .count()
    };
    // An unfinished file of an hour ago may be one that is being written.
    assert_eq!(files(&folder), 3);
    assert_eq!(files(&folder.join(".manifest")), 2);
    let lock = [
        "now",
        "--direct",
        &place,
        "-R",
        "recipients.txt",
        "--lock-for",
        "1d",
    ];
    refused(&world.ours("kubectl-etcdbackup", &lock), 2, "cannot lock");
}
