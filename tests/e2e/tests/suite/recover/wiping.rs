//! What may be wiped, and what never is.

use super::*;
use crate::support::{code, refused};

fn wipe(world: &World, which: &[usize], more: &[&str]) -> Output {
    let names = nodes(world, which);
    let arguments = [&["-n", &names, "--restore-from", "db.snapshot"], more].concat();
    run(world, "talosctl-recover-wipe", &arguments)
}

#[test]
fn a_lost_quorum_is_wiped_one_node_first_and_restored() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    world.talos.stop_node(2).unwrap();
    world.talos.wipe(1).unwrap();
    let lost = world.talos.address(2);
    let gone = ["--lost", &lost];
    // Its database could be newer than the backup; whether it is, its etcd can tell.
    let dry = wipe(&world, &[0], &[&gone[..], &["--dry-run"]].concat());
    let shown = said(&dry);
    assert!(
        code(&dry) == 0 || shown.contains("--lose-database"),
        "{shown}"
    );
    forget(&world);
    let first = world.talos.address(0);
    let all = [&gone[..], &["--lose-database", &first]].concat();
    refused(&wipe(&world, &[0], &all), 2, "--confirm prod");
    refused(
        &wipe(&world, &[0], &[&all[..], &["--confirm", "dev"]].concat()),
        2,
        "it is called prod",
    );
    assert_eq!(changes(&world), []);
    ok(&wipe(
        &world,
        &[0],
        &[&all[..], &["--confirm", "prod"]].concat(),
    ));
    ok(&bootstrap(&world, 0, &["db.snapshot", "--lost", &lost]));
    assert_eq!(world.talos.hash_kv(1).unwrap(), before);
    assert_eq!(bootstrapped(&world).len(), 1);
}

#[test]
fn an_intact_majority_is_never_wiped() {
    let world = backed_up();
    for node in 0..3 {
        world.talos.hold_up(node, talos_sim::HeldUp::Time);
    }
    world.talos.power_cut().unwrap();
    world.talos.power_back().unwrap();
    forget(&world);
    let intact = wipe(&world, &[0, 1, 2], &["--confirm", "prod"]);
    refused(&intact, 1, "majority is intact");
    reviewed(&world, "recover/wipe-intact-majority", &intact);
    assert_eq!(changes(&world), []);
}

#[test]
fn while_the_quorum_holds_one_member_at_most_and_only_one_that_is_not_needed() {
    let world = backed_up();
    forget(&world);
    let two = wipe(&world, &[0, 1], &["--confirm", "prod"]);
    refused(&two, 1, "one node is wiped at a time");
    reviewed(&world, "recover/wipe-two-with-quorum", &two);
    refused(
        &wipe(
            &world,
            &[0],
            &["--discard-cluster", "dev", "--confirm", "prod"],
        ),
        2,
        "is called prod",
    );
    assert_eq!(changes(&world), []);
    let wiped = wipe(&world, &[2], &["--confirm", "prod"]);
    ok(&wiped);
    reviewed(&world, "recover/wipe-one-with-quorum", &wiped);
    // What its events tell.
    for milestone in ["its services stop", "its partition is wiped"] {
        assert!(said(&wiped).contains(milestone), "{}", said(&wiped));
    }
    world.talos.await_healthy(2).unwrap();
    world.talos.stop_node(2).unwrap();
    forget(&world);
    let second = wipe(&world, &[1], &["--confirm", "prod"]);
    refused(&second, 1, "is needed");
    reviewed(&world, "recover/wipe-second-with-quorum", &second);
    assert_eq!(changes(&world), []);
}

#[test]
fn a_wrongly_restored_cluster_is_given_up_by_its_name_and_restored_again() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    world.fill(50);
    forget(&world);
    let discard = ["--discard-cluster", "prod", "--confirm", "prod"];
    let wiped = wipe(&world, &[0, 1, 2], &discard);
    ok(&wiped);
    reviewed(&world, "recover/wrong-snapshot-wiped", &wiped);
    for node in 0..3 {
        assert!(!world.talos.has_etcd_data(node), "node {node}");
    }
    let right = bootstrap(&world, 0, &["db.snapshot"]);
    ok(&right);
    reviewed(&world, "recover/right-snapshot-restored", &right);
    assert_eq!(world.talos.hash_kv(2).unwrap(), before);
    assert_eq!(bootstrapped(&world).len(), 1);
}

#[test]
fn what_is_empty_is_left_alone_and_local_data_stops_it() {
    let world = all_lost();
    let done = wipe(&world, &[0, 1, 2], &["--confirm", "prod"]);
    ok(&done);
    assert!(said(&done).contains("nothing to do"), "{}", said(&done));
    reviewed(&world, "recover/wipe-empty", &done);
    assert_eq!(changes(&world), []);
    let world = backed_up();
    for path in ["/var/lib/longhorn/disk", "/var/openebs/local/disk"] {
        world.talos.add_file(2, path, 5_000_000).unwrap();
    }
    forget(&world);
    let local = wipe(&world, &[2], &["--confirm", "prod"]);
    refused(&local, 1, "/var/lib/longhorn (");
    reviewed(&world, "recover/wipe-local-volumes", &local);
    refused(&wipe(&world, &[2], &[]), 1, "/var/openebs (");
    assert_eq!(changes(&world), []);
    ok(&wipe(
        &world,
        &[2],
        &["--lose-local-data", "--dry-run", "--confirm", "prod"],
    ));
    assert_eq!(changes(&world), []);
}

#[test]
fn the_judge_of_every_scenario_condemns_what_must_not_be() {
    let world = backed_up();
    // Somebody has said that nothing shall be changed.
    let dry = talos_sim::Intent {
        dry_run: true,
        ..talos_sim::Intent::default()
    };
    let said = world.talos.record().using(dry);
    ok(&wipe(&world, &[2], &["--confirm", "prod"]));
    drop(said);
    let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world)));
    let words = end.unwrap_err();
    let words = words.downcast_ref::<String>().unwrap();
    assert!(
        words.starts_with("Reset on cp-3: a dry run changes nothing"),
        "{words}"
    );
}

#[test]
fn the_backup_may_lie_in_the_store_and_is_proven_now() {
    let world = backed_up();
    let push = [
        "-f",
        "db.snapshot",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
    ];
    let named = ["--cluster-name", "prod"];
    ok(&world.ours("talosctl-snapshot-push", &[&push[..], &named].concat()));
    let third = world.talos.address(2);
    let wipe = |more: &[&str]| {
        let from = ["-n", &third, "--restore-from", "s3://backups/prod"];
        let arguments = [&from[..], more].concat();
        run(&world, "talosctl-recover-wipe", &arguments)
    };
    refused(&wipe(&["--confirm", "prod"]), 78, "-i");
    assert_eq!(changes(&world), []);
    let key = ["-i", "key.txt", "--confirm", "prod"];
    ok(&wipe(&[&key[..], &["--dry-run"]].concat()));
    assert_eq!(changes(&world), []);
    ok(&wipe(&key));
    world.talos.await_healthy(2).unwrap();
    assert_eq!(changes(&world).len(), 1);
    // Restored from there: through a pipe, or the hint says so.
    let bootstrap = bootstrap(&world, 2, &["s3://backups/prod"]);
    refused(&bootstrap, 2, "talosctl-snapshot-pull s3://backups/prod");
}

#[test]
fn workers_init_nodes_and_strangers_are_refused() {
    let world = world(builder().workers(1).init_node(1).start().unwrap());
    world.fill(100);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    forget(&world);
    let worker = world.talos.address(3);
    for (node, exit, word, name) in [
        (worker.as_str(), 2, "worker", "worker"),
        (&world.talos.address(1), 1, "type `init`", "init"),
        ("192.0.2.7", 69, "192.0.2.7", ""),
    ] {
        let arguments = [
            "-n",
            node,
            "--restore-from",
            "db.snapshot",
            "--confirm",
            "prod",
        ];
        let output = run(&world, "talosctl-recover-wipe", &arguments);
        refused(&output, exit, word);
        // What a network says of an address that is nobody's is its own matter.
        if !name.is_empty() {
            reviewed(&world, &format!("recover/wipe-{name}"), &output);
        }
    }
    assert_eq!(changes(&world), []);
}

#[test]
fn an_etcd_partition_is_wiped_and_nothing_beside_it() {
    let version = "1.14.0".parse().unwrap();
    let world = world(builder().version(version).etcd_partition().start().unwrap());
    world.fill(100);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    forget(&world);
    let done = wipe(&world, &[2], &["--confirm", "prod"]);
    ok(&done);
    reviewed(&world, "recover/wipe-etcd-partition", &done);
    let wiped: Vec<Arguments> = changes(&world)
        .into_iter()
        .filter(|call| call.method == "Reset")
        .map(|call| call.arguments)
        .collect();
    assert!(
        matches!(wiped.as_slice(), [Arguments::Reset { wipe, .. }] if wipe == &["ETCD"]),
        "{wiped:?}"
    );
}
