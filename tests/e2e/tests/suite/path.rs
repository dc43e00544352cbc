//! The whole way, and what must never happen on it.

use std::process::Stdio;
use std::time::Duration;

use e2e::{BUCKET, World, readme_pipelines, text, tool};
use talos_sim::{Fault, Simulator};

use crate::support::{SIZE, code, ok, refused, serving};

#[test]
fn a_real_etcd_travels_there_and_back_and_restores() {
    let world = World::with_etcd();
    for pipeline in readme_pipelines() {
        ok(&world.shell(&pipeline));
    }
    ok(&world.shell(
        "talosctl-snapshot-take -o original.snapshot
         talosctl-snapshot-push -f original.snapshot s3://backups/proof -R recipients.txt
         talosctl-snapshot-pull s3://backups/proof -i key.txt -o back.snapshot
         cmp original.snapshot back.snapshot",
    ));
    let etcdutl = tool("etcd-3.5/etcdutl");
    let restored = world
        .command(etcdutl)
        .args([
            "snapshot",
            "restore",
            "back.snapshot",
            "--data-dir",
            "restored",
        ])
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let restored = world
        .command(tool("etcd-3.4/etcdctl"))
        .env("ETCDCTL_API", "3")
        .args([
            "snapshot",
            "restore",
            "back.snapshot",
            "--data-dir",
            "restored-3.4",
        ])
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", text(&restored.stderr));
}

#[test]
fn what_is_stored_opens_with_age_and_zstd_and_the_newest_name_is_a_snapshot() {
    let world = serving();
    let now = world.ours(
        "kubectl-etcdbackup",
        &[
            "now",
            "--direct",
            "s3://backups/prod",
            "-R",
            "recipients.txt",
            "--cluster-name",
            "prod",
            "-o",
            "name",
        ],
    );
    ok(&now);
    let url = text(&now.stdout);
    let keys = world.s3.keys(BUCKET, "prod");
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(url.trim(), format!("s3://{BUCKET}/{}", keys[0]));
    let stored = world.path("stored");
    std::fs::write(&stored, world.s3.object(BUCKET, &keys[0]).unwrap()).unwrap();
    let opened = world
        .command(tool("age/age"))
        .args(["-d", "-i", "key.txt"])
        .arg(&stored)
        .output()
        .unwrap();
    assert_eq!(opened.stdout[..4], [0x28, 0xb5, 0x2f, 0xfd], "not zstd");
    assert_eq!(world.s3.keys(BUCKET, "prod/.manifest").len(), 1);
    let pulled = world.ours(
        "talosctl-snapshot-pull",
        &[url.trim(), "-i", "key.txt", "-o", "back"],
    );
    ok(&pulled);
    assert_eq!(
        std::fs::read(world.path("back")).unwrap(),
        talos_sim::sample::snapshot(SIZE)
    );
}

#[test]
fn a_stream_cut_with_success_is_never_published() {
    let world = serving();
    let length = talos_sim::sample::snapshot(SIZE).len() as u64;
    for cut in [
        0,
        1,
        79,
        1024,
        4096,
        100 * 1024,
        length - 33,
        length - 32,
        length - 1,
    ] {
        world.talos.clear_faults().unwrap();
        (0..3).for_each(|node| world.talos.inject(node, Fault::CutWithOk(cut)).unwrap());
        let now = world.ours(
            "kubectl-etcdbackup",
            &[
                "now",
                "--direct",
                "s3://backups/prod",
                "-R",
                "recipients.txt",
            ],
        );
        refused(&now, 75, "nothing was published");
        assert!(
            world.s3.keys(BUCKET, "prod").is_empty(),
            "published a cut at {cut}"
        );
        let take = world.ours("talosctl-snapshot-take", &["-o", "taken"]);
        refused(&take, 75, "node ");
        assert!(!world.path("taken").exists() && !world.path("taken.part").exists());
    }
}

#[test]
fn a_broken_member_is_passed_over_for_a_good_one() {
    for fault in [
        Fault::CutWithOk(2048),
        Fault::FlipBit(70_000),
        Fault::Reset(5000),
        Fault::Down,
    ] {
        let world = serving();
        let shown = format!("{fault:?}");
        world.talos.inject(0, fault.clone()).unwrap();
        world.talos.inject(1, fault).unwrap();
        let now = world.ours(
            "kubectl-etcdbackup",
            &[
                "now",
                "--direct",
                "s3://backups/prod",
                "-R",
                "recipients.txt",
            ],
        );
        assert_eq!(code(&now), 0, "{shown}: {}", text(&now.stderr));
        assert_eq!(world.s3.keys(BUCKET, "prod").len(), 1, "{shown}");
    }
}

#[test]
fn wrong_input_says_what_and_what_next() {
    let world = serving();
    let push = |input: &str| {
        world.shell(&format!(
            "{input} | talosctl-snapshot-push s3://backups/prod -R recipients.txt"
        ))
    };
    refused(
        &push(
            "printf 'this is no snapshot, it is a text that is longer than a page header of eighty bytes.....'",
        ),
        65,
        "not an etcd snapshot",
    );
    refused(&push(":"), 65, "no data");
    refused(
        &push("talosctl-snapshot-take -q | head -c 20000"),
        65,
        "cut short",
    );
    let bare = world.ours(
        "talosctl-snapshot-push",
        &["-f", "key.txt", "s3://backups/prod"],
    );
    refused(&bare, 2, "no recipient");
    let unknown = world.ours(
        "talosctl-snapshot-push",
        &["-f", "key.txt", "s3://backups/prod", "-r", "nonsense"],
    );
    refused(&unknown, 78, "recipient");
    let quantum = world.ours(
        "talosctl-snapshot-push",
        &["-f", "key.txt", "s3://backups/prod", "-r", "age1pq1qqqq"],
    );
    assert_eq!(code(&quantum), 78);
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
    ok(&world.shell(
        "talosctl-snapshot-take | talosctl-snapshot-push s3://backups/prod -R recipients.txt",
    ));
    ok(&world.shell("age-keygen -o other.txt 2>/dev/null"));
    let wrong = world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "other.txt", "-o", "back"],
    );
    refused(&wrong, 65, "none of the given identities");
    assert!(!world.path("back").exists() && !world.path("back.part").exists());
}

#[test]
fn roles_and_certificates_are_told_apart() {
    let world = serving();
    let now = || {
        world.ours(
            "kubectl-etcdbackup",
            &[
                "now",
                "--direct",
                "s3://backups/prod",
                "-R",
                "recipients.txt",
            ],
        )
    };
    world
        .talos
        .talosconfig(&["os:reader"])
        .unwrap()
        .write(&world.path("talosconfig"))
        .unwrap();
    refused(&now(), 77, "os:reader");
    let expired = world
        .talos
        .authority()
        .client(&["os:admin"], talos_sim::Validity::expired())
        .unwrap();
    world
        .talos
        .talosconfig_for(expired)
        .write(&world.path("talosconfig"))
        .unwrap();
    refused(&now(), 77, "expired");
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
}

#[test]
fn a_worker_as_endpoint_is_named() {
    let talos = Simulator::builder()
        .workers(1)
        .snapshot_bytes(talos_sim::sample::snapshot(SIZE))
        .start()
        .unwrap();
    let world = World::around(talos);
    let node = world.talos.address(0);
    let worker = world.talos.address(3);
    let taken = world.ours(
        "talosctl-snapshot-take",
        &["-n", &node, "-e", &worker, "-o", "taken"],
    );
    refused(&taken, 78, "worker");
}

#[test]
fn talos_backups_objects_list_and_neighbours_do_not() {
    let world = serving();
    world
        .s3
        .put(BUCKET, "prod/prod-2026-01-02T03:04:05+02:00.snap.age", b"x");
    world.s3.put(
        BUCKET,
        "prod-eu/prod-eu-2026-01-02T03:04:05Z.snap.age",
        b"x",
    );
    world
        .s3
        .put(BUCKET, "prod/other-2026-01-02T03:04:05Z.snap", b"x");
    world
        .s3
        .put(BUCKET, "prod/future-2999-01-02T03:04:05Z.snap", b"x");
    let list = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", "-o", "json"],
    );
    ok(&list);
    let entries: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let states: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["key"].as_str().unwrap(),
                entry["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(states.len(), 3, "{states:?}");
    assert!(
        states.contains(&("prod/prod-2026-01-02T03:04:05+02:00.snap.age", "snapshot")),
        "{states:?}"
    );
    assert!(
        states.contains(&("prod/future-2999-01-02T03:04:05Z.snap", "future-dated")),
        "{states:?}"
    );
    let stale = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", "--max-age", "12h"],
    );
    assert_eq!(code(&stale), 1);
    let pull = world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "key.txt", "-o", "back"],
    );
    refused(&pull, 2, "--cluster-name");
}

#[test]
fn a_signal_stops_the_run_and_leaves_nothing() {
    let world = serving();
    for node in 0..3 {
        world
            .talos
            .inject(node, Fault::StallAfter(100_000))
            .unwrap();
    }
    let mut child = world
        .command(e2e::programs().join("kubectl-etcdbackup"))
        .args([
            "now",
            "--direct",
            "s3://backups/prod",
            "-R",
            "recipients.txt",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let killed = world
        .command("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
}

#[test]
fn two_destinations_get_the_same_object_in_one_pass() {
    let world = serving();
    std::fs::create_dir(world.path("nas")).unwrap();
    let folder = format!("file://{}", world.path("nas").display());
    let push = world.shell(&format!("talosctl-snapshot-take | talosctl-snapshot-push s3://backups/prod {folder} -R recipients.txt --cluster-name prod -o json"));
    ok(&push);
    let receipt: serde_json::Value = serde_json::from_slice(&push.stdout).unwrap();
    assert_eq!(receipt["copies"].as_array().unwrap().len(), 2);
    let last = world.shell("ls nas | sort | tail -1");
    let name = text(&last.stdout);
    assert!(name.trim().ends_with(".snap.zst.age"), "{name}");
    let far = world
        .s3
        .object(BUCKET, &world.s3.keys(BUCKET, "prod")[0])
        .unwrap();
    assert_eq!(
        far,
        std::fs::read(world.path("nas").join(name.trim())).unwrap()
    );
}

#[test]
fn an_endpoint_that_closes_every_connection_is_passed_over() {
    let world = serving();
    let balancer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = balancer.local_addr().unwrap().to_string();
    std::thread::spawn(move || balancer.incoming().for_each(drop));
    let node = world.talos.address(0);
    let endpoints = format!("{closed},{}", world.talos.address(1));
    let taken = world.ours(
        "talosctl-snapshot-take",
        &["-n", &node, "-e", &endpoints, "-o", "taken"],
    );
    ok(&taken);
    let alone = world.ours(
        "talosctl-snapshot-take",
        &["-n", &node, "-e", &closed, "-o", "other"],
    );
    refused(&alone, 69, &closed);
}

#[test]
fn a_certificate_of_another_cluster_is_no_matter_of_trying_again() {
    let world = serving();
    let take = || world.ours("talosctl-snapshot-take", &["-o", "taken"]);
    let other = serving();
    let stranger = other
        .talos
        .authority()
        .client(&["os:admin"], talos_sim::Validity::year())
        .unwrap();
    world
        .talos
        .talosconfig_for(stranger)
        .write(&world.path("talosconfig"))
        .unwrap();
    refused(&take(), 77, "certificate");
    let mut distrusting = world.talos.talosconfig(&["os:admin"]).unwrap();
    distrusting.authority = other.talos.authority().pem();
    distrusting.write(&world.path("talosconfig")).unwrap();
    refused(&take(), 77, "certificate");
}

#[test]
fn a_connection_lost_in_the_middle_is_worth_another_run() {
    let world = serving();
    for node in 0..3 {
        world.talos.inject(node, Fault::Reset(50_000)).unwrap();
    }
    let taken = world.ours("talosctl-snapshot-take", &["-o", "taken"]);
    refused(&taken, 75, "node ");
}

#[test]
fn the_manifest_tells_the_origin_as_far_as_the_role_may_ask() {
    let world = serving();
    let manifest = |role: &str, folder: &str| {
        world
            .talos
            .talosconfig(&[role])
            .unwrap()
            .write(&world.path("talosconfig"))
            .unwrap();
        let folder = world.path(folder);
        std::fs::create_dir(&folder).unwrap();
        let to = format!("file://{}", folder.display());
        ok(&world.ours(
            "kubectl-etcdbackup",
            &["now", "--direct", &to, "-R", "recipients.txt"],
        ));
        let manifests = std::fs::read_dir(folder.join(".manifest")).unwrap();
        let file = manifests.flatten().next().unwrap().path();
        let text = std::fs::read(file).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    let backup = manifest("os:etcd:backup", "backup");
    assert_eq!(backup["etcd_version"], "3.6.9");
    assert_eq!(backup["talos_version"], serde_json::Value::Null);
    let unknown = backup["unknown"].to_string();
    assert!(unknown.contains("the version of Talos"), "{unknown}");
    let admin = manifest("os:admin", "admin");
    assert!(
        admin["talos_version"].as_str().unwrap().starts_with("v1."),
        "{admin}"
    );
    assert_eq!(admin["unknown"], serde_json::json!([]));
    assert_eq!(admin["talos_ca"], backup["talos_ca"]);
    assert_eq!(admin["talos_ca"].as_str().unwrap().len(), 64);
}
