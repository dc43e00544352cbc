//! Objects that a store keeps from being deleted: asked for, said, and respected.

use std::time::{Duration, SystemTime};

use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text};
use jiff::Timestamp;
use s3_sim::{Operation, Policy, S3Sim};
use serde_json::Value;

use crate::prune::{at, set_clock};
use crate::support::{IN_PARTS, SIZE, backed_up, ok, refused, sample, serving};

const PLACE: &str = "s3://backups/prod";

fn lockable() -> World {
    let talos = talos_sim::Simulator::builder()
        .snapshot_bytes(sample(SIZE))
        .start()
        .unwrap();
    let s3 = S3Sim::builder()
        .lockable_bucket(BUCKET)
        .credentials(ACCESS_KEY, SECRET_KEY)
        .start();
    World::of(talos, s3)
}

#[test]
fn what_is_locked_is_said_and_stays_and_is_no_failure() {
    let world = lockable();
    for day in 1..=9 {
        let time = format!("2026-01-0{day}T00:00:00Z");
        set_clock(&world, &time);
        let now = [
            "now",
            "--direct",
            PLACE,
            "-R",
            "recipients.txt",
            "--cluster-name",
            "prod",
        ];
        let lock = ["--lock-for", "4d", "--lock-mode", "compliance"];
        ok(&at(&world, &time, &[&now[..], &lock].concat())
            .output()
            .unwrap());
    }
    let time = "2026-01-09T12:00:00Z";
    set_clock(&world, time);
    let keep = ["prune", PLACE, "--keep-last", "1", "--min-keep", "1"];
    let shown = at(&world, time, &keep).output().unwrap();
    ok(&shown);
    let table = text(&shown.stdout);
    // The 5th until the 9th at 00:00:01, which is past.
    assert_eq!(table.matches("   locked   ").count(), 3, "{table}");
    assert!(
        table.contains("locked until 2026-01-10T00:00:01Z (compliance)"),
        "{table}"
    );
    let oldest = world.s3.keys(BUCKET, "prod")[0].clone();
    world.s3.hold(BUCKET, &oldest, true);
    let deleted = at(&world, time, &[&keep[..], &["--delete"]].concat())
        .output()
        .unwrap();
    ok(&deleted);
    assert!(
        text(&deleted.stdout).contains("legal hold"),
        "{}",
        text(&deleted.stdout)
    );
    let left = world.s3.keys(BUCKET, "prod");
    assert_eq!(
        left.len(),
        5,
        "the newest, three locked ones and the held one"
    );
    assert_eq!(world.s3.keys(BUCKET, "prod/.manifest").len(), 5);
    assert_eq!(
        world.s3.all_keys_ever(BUCKET).len(),
        10,
        "no version, no marker is left"
    );
    // Whoever may not ask what holds it learns it from the manifest.
    world.s3.hold(BUCKET, &oldest, false);
    world.s3.allow(
        ACCESS_KEY,
        SECRET_KEY,
        Policy::only([
            Operation::ListObjectsV2,
            Operation::ListObjectVersions,
            Operation::GetObject,
            Operation::DeleteObject,
        ]),
    );
    let blind = at(&world, time, &[&keep[..], &["--delete"]].concat())
        .output()
        .unwrap();
    ok(&blind);
    assert_eq!(text(&blind.stdout).matches("locked until").count(), 3);
    assert_eq!(world.s3.keys(BUCKET, "prod").len(), 4);
}

#[test]
fn a_lock_reaches_the_store_whatever_the_size_and_a_write_only_key_is_enough() {
    for (size, more) in [(300_000, &[][..]), (12 << 20, &IN_PARTS[..])] {
        let world = lockable();
        world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::write_only());
        let snapshot = world.path("db.snapshot");
        std::fs::write(snapshot, sample(size)).unwrap();
        let push = [
            "-f",
            "db.snapshot",
            PLACE,
            "-R",
            "recipients.txt",
            "--lock-for",
            "30d",
            "-o",
            "json",
        ];
        let pushed = world.ours("talosctl-snapshot-push", &[&push[..], more].concat());
        ok(&pushed);
        let receipt: Value = serde_json::from_slice(&pushed.stdout).unwrap();
        assert_eq!(receipt["lock_mode"], "governance");
        let until: Timestamp = receipt["retain_until"].as_str().unwrap().parse().unwrap();
        let key = world.s3.keys(BUCKET, "prod")[0].clone();
        let locked = world.s3.locked_until(BUCKET, &key).unwrap();
        assert_eq!(locked, SystemTime::from(until));
        assert!(locked > SystemTime::now() + Duration::from_secs(29 * 86_400));
        let manifest = world.s3.keys(BUCKET, "prod/.manifest")[0].clone();
        let manifest: Value =
            serde_json::from_slice(&world.s3.object(BUCKET, &manifest).unwrap()).unwrap();
        assert_eq!(manifest["retain_until"], receipt["retain_until"]);
        for request in world.s3.requests() {
            let stores = request.operation == Operation::UploadPart
                || (request.operation == Operation::PutObject && request.key == key);
            assert_eq!(
                request.header("content-md5").is_some(),
                stores,
                "{request:?}"
            );
            assert!(request.headers_like("x-amz-checksum").is_empty());
        }
    }
    let world = serving();
    for more in [&[][..], &["--compress", "none", "--part-size", "5MiB"]] {
        let refusal = backed_up(&world, &[PLACE], &[&["--lock-for", "1d"], more].concat());
        refused(&refusal, 78, "Object Lock");
        assert!(text(&refusal.stderr).contains("needs a bucket with object lock"));
    }
    assert!(world.s3.all_keys(BUCKET).is_empty());
    assert!(world.s3.uploads(BUCKET).is_empty());
}
