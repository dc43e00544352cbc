//! What others have stored: talos-backup's objects list and pull; other tools' objects,
//! partial, undated and future-dated ones are shown as what they are and never offered.

use std::collections::BTreeMap;
use std::process::Stdio;

use e2e::{BUCKET, World, text, tool};
use s3_sim::Operation;

use crate::support::{SIZE, backed_up, check_pull, code, ok, refused, sample, serving};

/// The sample snapshot as the real age seals it.
fn sealed(world: &World, clear: &[u8]) -> Vec<u8> {
    std::fs::write(world.path("clear"), clear).unwrap();
    let age = world
        .command(tool("age/age"))
        .args(["-R", "recipients.txt", "clear"])
        .output()
        .unwrap();
    assert!(age.status.success(), "{}", text(&age.stderr));
    age.stdout
}

fn compressed(clear: &[u8]) -> Vec<u8> {
    zstd::encode_all(clear, 3).unwrap()
}

/// The listing: state by key.
fn listed(world: &World, destination: &str, more: &[&str]) -> BTreeMap<String, String> {
    let mut arguments = vec!["list", destination, "-o", "json"];
    arguments.extend(more);
    let list = world.ours("kubectl-etcdbackup", &arguments);
    ok(&list);
    let entries: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let word = |entry: &serde_json::Value, name| entry[name].as_str().unwrap().to_owned();
    entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (word(entry, "key"), word(entry, "state")))
        .collect()
}

fn pull(world: &World, source: &str, more: &[&str]) -> std::process::Output {
    let mut arguments = vec![source, "-i", "key.txt"];
    arguments.extend(more);
    world.ours("talosctl-snapshot-pull", &arguments)
}

#[test]
fn talos_backups_objects_list_and_pull() {
    let world = serving();
    let clear = sample(SIZE);
    let forms = [
        ("snap", clear.to_vec()),
        ("snap.age", sealed(&world, clear)),
        ("snap.zst", compressed(clear)),
        ("snap.zst.age", sealed(&world, &compressed(clear))),
    ];
    // As time goes on: whole seconds in UTC, then local time east and west of it.
    let times = [
        "2026-01-02T00:00:00Z",
        "2026-01-02T03:04:05+02:00",
        "2026-01-01T23:30:00-05:00",
    ];
    let mut keys = Vec::new();
    for (suffix, bytes) in &forms {
        for time in times {
            for folder in ["prod/", "prod//"] {
                let key = format!("{folder}admin@home-lab-{time}.{suffix}");
                world.s3.put(BUCKET, &key, bytes);
                keys.push(key);
            }
        }
    }
    for destination in ["s3://backups/prod", "s3://backups/prod/"] {
        let listed = listed(&world, destination, &[]);
        assert_eq!(listed.len(), keys.len(), "{listed:?}");
        assert!(
            listed.values().all(|state| state == "snapshot"),
            "{listed:?}"
        );
    }
    for key in &keys {
        check_pull(&world, key, SIZE).unwrap();
    }
    // By instant the last of the three times is the newest, though not as text.
    let newest = pull(&world, "s3://backups/prod", &[]);
    assert!(newest.stdout == sample(SIZE), "{}", text(&newest.stderr));
    assert!(text(&newest.stderr).contains("-2026-01-01T23:30:00-05:00.snap"));
    let before = pull(
        &world,
        "s3://backups/prod",
        &["--at", "2026-01-02T00:59:00Z"],
    );
    assert!(text(&before.stderr).contains("-2026-01-02T00:00:00Z.snap"));
}

#[test]
fn what_was_written_over_http_with_doubled_slashes_keeps_its_key() {
    let world = serving();
    let key = "prod//prod-2026-01-02T03:04:05Z.snap";
    world.s3.put(BUCKET, key, sample(SIZE));
    check_pull(&world, key, SIZE).unwrap();
    let asked = world.s3.requests();
    assert_eq!(asked.last().unwrap().key, key);
    // A prefix may hold an empty part itself.
    let deeper = "a//b/prod-2026-01-02T03:04:05Z.snap";
    world.s3.put(BUCKET, deeper, sample(SIZE));
    assert_eq!(listed(&world, "s3://backups/a//b", &[]).len(), 1);
    assert!(listed(&world, "s3://backups/a/b", &[]).is_empty());
}

#[test]
fn a_prefix_is_not_its_longer_neighbour() {
    let world = serving();
    for key in ["prod/a", "prod-eu/b", "production/c", "prod"] {
        let key = format!("{key}-2026-01-02T03:04:05Z.snap");
        world.s3.put(BUCKET, &key, sample(SIZE));
    }
    let keys: Vec<_> = listed(&world, "s3://backups/prod", &[])
        .into_keys()
        .collect();
    assert_eq!(keys, ["prod/a-2026-01-02T03:04:05Z.snap"]);
    ok(&pull(&world, "s3://backups/prod", &[]));
}

#[test]
fn two_clusters_under_one_prefix_ask_for_a_name() {
    let world = serving();
    for cluster in ["prod", "admin@stage"] {
        let key = format!("shared/{cluster}-2026-01-02T03:04:05Z.snap");
        world.s3.put(BUCKET, &key, sample(SIZE));
    }
    let asked = pull(&world, "s3://backups/shared", &[]);
    refused(&asked, 2, "--cluster-name");
    refused(&asked, 2, "`admin@stage`, `prod`");
    assert!(asked.stdout.is_empty());
    let chosen = pull(
        &world,
        "s3://backups/shared",
        &["--cluster-name", "admin@stage"],
    );
    ok(&chosen);
    assert!(text(&chosen.stderr).contains("shared/admin@stage-"));
    let one = listed(&world, "s3://backups/shared", &["--cluster-name", "prod"]);
    assert_eq!(one.len(), 1, "{one:?}");
}

#[test]
fn the_last_name_of_a_listing_is_a_snapshot() {
    let world = serving();
    for _ in 0..3 {
        ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    }
    let keys = world.s3.all_keys(BUCKET);
    assert_eq!(keys.len(), 6, "each with its manifest: {keys:?}");
    assert!(keys[5].starts_with("prod/prod-") && keys[5].ends_with(".snap.zst.age"));
    let last = world.shell("kubectl-etcdbackup list s3://backups/prod -o name | sort | tail -1");
    assert_eq!(
        text(&last.stdout).trim(),
        format!("s3://{BUCKET}/{}", keys[5])
    );
    check_pull(&world, &keys[5], SIZE).unwrap();
}

#[test]
fn other_tools_objects_are_foreign_and_never_offered() {
    let world = serving();
    let foreign = [
        ("FFFFFFFF9A99FBF6.snapshot", "Omni"),
        ("etcd-snapshot-2026-01-02T03-04-05Z.db", "talos-operator"),
        ("state-2026-01-02T03-04-05Z.yaml", "talos-operator"),
        (
            "Full-00000000-00040010-1518427675.gz",
            "etcd-backup-restore",
        ),
        (
            "Incr-00040011-00040061-1518427875",
            "etcd-backup-restore delta",
        ),
        ("etcd-snapshot-server-1-1767322800", "k3s or RKE2"),
        ("on-demand-server-1-1767322800.zip", "k3s or RKE2"),
        ("prod-v3-2026-01-02T15-04-05.db.tar.gz.enc", "giantswarm"),
        ("etcd.backup.gz", "kOps"),
        ("_etcd_backup.meta", "kOps"),
        ("snapshot_2026-01-02_030405.db", "OpenShift"),
        ("static_kuberesources_2026-01-02_030405.tar.gz", "OpenShift"),
        ("README.md", "unknown"),
    ];
    for (name, _) in foreign {
        world.s3.put(BUCKET, &format!("prod/{name}"), sample(SIZE));
    }
    let states = listed(&world, "s3://backups/prod", &[]);
    for (name, tool) in foreign {
        let state = &states[&format!("prod/{name}")];
        assert!(
            state.starts_with("foreign") && state.contains(tool),
            "{name}: {state}"
        );
    }
    let nothing = pull(&world, "s3://backups/prod", &[]);
    refused(&nothing, 1, "only other tools' objects");
    assert!(nothing.stdout.is_empty());
    let stale = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", "--max-age", "9999d"],
    );
    assert_eq!(code(&stale), 1, "no snapshot is not a fresh one");
}

#[test]
fn partial_undated_and_future_objects_are_what_they_are() {
    let world = serving();
    let good = "prod/prod-2026-01-02T03:04:05.678Z.snap";
    world.s3.put(BUCKET, good, sample(SIZE));
    let future = "prod/prod-2999-01-02T03:04:05Z.snap";
    world.s3.put(BUCKET, future, sample(SIZE));
    world
        .s3
        .put(BUCKET, "prod/before-the-upgrade.snapshot", sample(SIZE));
    let states = listed(&world, "s3://backups/prod", &[]);
    assert_eq!(states[good], "snapshot");
    assert_eq!(states[future], "future-dated");
    assert_eq!(states["prod/before-the-upgrade.snapshot"], "undated");
    let chosen = pull(&world, "s3://backups/prod", &[]);
    ok(&chosen);
    let said = text(&chosen.stderr);
    assert!(
        said.contains(good) && said.contains("dated in the future"),
        "{said}"
    );
    check_pull(&world, "prod/before-the-upgrade.snapshot", SIZE).unwrap();
    let empty = "prod/prod-2026-01-03T00:00:00Z.snap";
    world.s3.put(BUCKET, empty, b"");
    assert_eq!(listed(&world, "s3://backups/prod", &[])[empty], "partial");
    let refusal = pull(&world, "s3://backups/prod", &[]);
    refused(&refusal, 65, empty);
    refused(&refusal, 65, good);
    ok(&pull(
        &world,
        "s3://backups/prod",
        &["--at", "2026-01-02T12:00:00Z"],
    ));
}

#[test]
fn an_unusable_newest_names_the_next_older() {
    let world = serving();
    let mut broken = sample(SIZE).to_vec();
    broken[70_000] ^= 1;
    world
        .s3
        .put(BUCKET, "prod/prod-2026-01-03T00:00:00Z.snap", &broken);
    let older = "prod/prod-2026-01-02T00:00:00Z.snap";
    world.s3.put(BUCKET, older, sample(SIZE));
    let refusal = pull(&world, "s3://backups/prod", &["-o", "back"]);
    refused(&refusal, 65, "prod-2026-01-03T00:00:00Z");
    refused(&refusal, 65, older);
    assert!(!world.path("back").exists());
    check_pull(&world, older, SIZE).unwrap();
}

#[test]
fn a_listing_follows_every_page() {
    let world = serving();
    for number in 0..2500 {
        let (day, second) = (1 + number / 1000, number % 1000);
        let key = format!(
            "prod/prod-2026-01-{day:02}T03:{:02}:{:02}Z.snap.zst.age",
            second / 60,
            second % 60
        );
        world.s3.put(BUCKET, &key, b"x");
    }
    assert_eq!(listed(&world, "s3://backups/prod", &[]).len(), 2500);
    let lists = world.s3.requests();
    let lists = lists
        .iter()
        .filter(|request| request.operation == Operation::ListObjectsV2);
    assert_eq!(lists.count(), 3);
    // A reader that goes away ends the listing, not the shell.
    let head = world
        .command("bash")
        .args([
            "-c",
            "kubectl-etcdbackup list s3://backups/prod -o name | head -1",
        ])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(text(&head.stdout).lines().count(), 1);
    let said = text(&head.stderr);
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn freshness_is_the_age_of_the_newest_snapshot() {
    let world = serving();
    let list = |age: &str| {
        world.ours(
            "kubectl-etcdbackup",
            &["list", "s3://backups/prod", "--max-age", age],
        )
    };
    assert_eq!(code(&list("1h")), 1, "nothing is not fresh");
    world
        .s3
        .put(BUCKET, "prod/prod-2026-01-02T03:04:05Z.snap", sample(SIZE));
    world
        .s3
        .put(BUCKET, "prod/prod-2999-01-02T03:04:05Z.snap", sample(SIZE));
    let stale = list("12h");
    assert_eq!(code(&stale), 1);
    assert!(
        text(&stale.stderr).contains("--max-age"),
        "{}",
        text(&stale.stderr)
    );
    ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    ok(&list("1h"));
}
