//! etcd's own tools of 3.6 and 3.7 take what we pulled, and see in it what the live cluster has.

use std::fs;

use crate::etcd_tools::{ETCD_3_5, ETCD_3_6, ETCD_3_7, Release};
use crate::process::{back_up_and_pull, ours, wait_for};
use crate::support::ok;

/// Out of a live cluster of one release, through the store, and back to life.
fn travels(release: Release, storage_version: &str) {
    let world = release.world("300");
    let live = world.talos.etcd_endpoints();
    // etcd moves its storage up some seconds after its start.
    let (pulled, status) = wait_for("the storage version", || {
        fs::remove_file(world.path("pulled")).ok();
        let pulled = back_up_and_pull(&world);
        let status = release.status(&pulled);
        (status["version"] == storage_version).then_some((pulled, status))
    });
    let (hash, revision) = release.hash_of_server(&live[0]);
    assert_eq!(status["revision"], revision);
    assert_eq!(status["totalKey"], release.count(&live[0]));
    let length = fs::metadata(&pulled).unwrap().len();
    assert_eq!(status["totalSize"], length - 32);
    assert_eq!(release.hash_of_file(&pulled), (hash, revision));

    let data = world.path("restored");
    release.restore(&pulled, &data);
    assert_eq!(
        release.hash_of_file(&data.join("member/snap/db")),
        (hash, revision)
    );
    let server = release.serve(&data);
    assert_eq!(release.hash_of_server(&server.endpoint), (hash, revision));
    assert_eq!(release.count(&server.endpoint), release.count(&live[0]));
}

#[test]
fn out_of_etcd_3_6_and_back_to_life() {
    travels(ETCD_3_6, "3.6.0");
}

#[test]
fn out_of_etcd_3_7_and_back_to_life() {
    travels(ETCD_3_7, "3.7.0");
}

#[test]
fn every_release_sees_the_same_in_a_snapshot_of_3_5() {
    let world = ETCD_3_5.world("200");
    let take = ["-o", "taken"];
    ok(&ours(&world, "talosctl-snapshot-take")
        .args(take)
        .output()
        .unwrap());
    let taken = world.path("taken");
    let (hash, revision) = ETCD_3_5.hash_of_server(&world.talos.etcd_endpoints()[0]);
    let [old, middle, new] = [ETCD_3_5, ETCD_3_6, ETCD_3_7].map(|release| release.status(&taken));
    for field in ["hash", "revision", "totalSize"] {
        assert_eq!(old[field], middle[field], "{field}");
        assert_eq!(old[field], new[field], "{field}");
    }
    for release in [ETCD_3_6, ETCD_3_7] {
        assert_eq!(
            release.hash_of_file(&taken),
            (hash, revision),
            "{release:?}"
        );
        let data = world.path(release.0);
        release.restore(&taken, &data);
        let server = release.serve(&data);
        assert_eq!(release.hash_of_server(&server.endpoint), (hash, revision));
    }
}

#[test]
fn a_snapshot_they_refuse_is_one_we_refuse() {
    let world = ETCD_3_6.world("50");
    ok(&ours(&world, "talosctl-snapshot-take")
        .args(["-o", "taken"])
        .output()
        .unwrap());
    let mut bytes = fs::read(world.path("taken")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(world.path("flipped"), bytes).unwrap();
    let push = ["-f", "flipped", "s3://backups/prod", "-R", "recipients.txt"];
    let refused = ours(&world, "talosctl-snapshot-push")
        .args(push)
        .output()
        .unwrap();
    crate::support::refused(&refused, 65, "SHA-256");
    let said = ETCD_3_6.refuses(&world.path("flipped"), &world.path("no"));
    assert!(said.contains("sha256"), "{said}");
}
