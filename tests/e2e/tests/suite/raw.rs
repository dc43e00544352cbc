//! Raw copies of `member/snap/db`: only with `--raw`, only from a file, only when sound.

use e2e::etcd::Etcd;
use e2e::{BUCKET, World, text};

use crate::support::{ok, refused, serving};

/// A world with a copy of a real etcd's database in it.
fn world() -> World {
    let world = serving();
    let mut etcd = Etcd::start("3.5", &[]);
    etcd.put_all((0..300).map(|number| (format!("/registry/x/{number}"), "value ".repeat(40))));
    // Half of all snapshots tell by their metas that they are none of a database.
    let told = |snapshot: &[u8]| snapshot[64] % 2 == 1;
    while !told(&std::fs::read(etcd.save("db.snapshot")).unwrap()) {
        etcd.ctl(&["put", "/registry/x/0", "again"]);
        std::fs::remove_file(etcd.path("db.snapshot")).unwrap();
    }
    std::fs::copy(etcd.path("db.snapshot"), world.path("db.snapshot")).unwrap();
    std::fs::copy(etcd.stop_and_copy("db"), world.path("db")).unwrap();
    world
}

fn push(world: &World, arguments: &[&str]) -> std::process::Output {
    let all = [
        arguments,
        &["s3://backups/prod", "-R", "recipients.txt", "-o", "json"],
    ]
    .concat();
    world.ours("talosctl-snapshot-push", &all)
}

#[test]
fn a_raw_copy_is_stored_only_when_asked_and_stays_marked() {
    let world = world();
    refused(&push(&world, &["-f", "db"]), 65, "carries no digest");
    refused(&push(&world, &["--raw"]), 2, "needs a file");
    let piped =
        world.shell("talosctl-snapshot-push --raw s3://backups/prod -R recipients.txt < db");
    refused(&piped, 2, "needs a file");
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
    let pushed = push(&world, &["--raw", "-f", "db"]);
    ok(&pushed);
    assert!(
        text(&pushed.stderr).contains("warning: a raw copy"),
        "{}",
        text(&pushed.stderr)
    );
    let receipt: serde_json::Value = serde_json::from_slice(&pushed.stdout).unwrap();
    assert_eq!(receipt["raw"], true);
    let keys = world.s3.keys(BUCKET, "prod");
    assert_eq!(keys.len(), 1, "{keys:?}");
    let manifest = &world.s3.keys(BUCKET, "prod/.manifest")[0];
    let manifest = world.s3.object(BUCKET, manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["raw"], true);
    assert_eq!(manifest["verified"], "structure");
    // What was stored are the bytes of the copy.
    let stored = world.s3.object(BUCKET, &keys[0]).unwrap();
    std::fs::write(world.path("stored"), stored).unwrap();
    ok(&world.shell("age -d -i key.txt stored > opened && zstd -qdc < opened | cmp - db"));
    // It cannot be proven on its way back, and the message says how it comes all the same.
    let pulled = world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "key.txt", "-o", "back"],
    );
    refused(&pulled, 65, "`--stored`");
    assert!(!world.path("back").exists());
    ok(&world.shell(
        "talosctl-snapshot-pull s3://backups/prod --stored -o sealed
         age -d -i key.txt sealed | zstd -qdc | cmp - db",
    ));
}

#[test]
fn a_snapshot_without_its_digest_is_no_raw_copy() {
    let world = world();
    ok(&world.shell("head -c -32 db.snapshot > lost"));
    refused(&push(&world, &["-f", "lost"]), 65, "lost its digest");
    refused(
        &push(&world, &["--raw", "-f", "lost"]),
        65,
        "lost its digest",
    );
    ok(&world.shell("head -c -4096 db > cut; head -c 20000 db > half; : > empty"));
    for file in ["cut", "half", "empty", "key.txt"] {
        assert_eq!(
            push(&world, &["--raw", "-f", file]).status.code(),
            Some(65),
            "{file}"
        );
    }
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
    let whole = push(&world, &["--raw", "-f", "db.snapshot"]);
    ok(&whole);
    let receipt: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!(receipt["raw"], false, "it has its digest");
}

#[test]
fn a_raw_copy_with_a_broken_tree_is_refused() {
    let world = world();
    let mut bytes = std::fs::read(world.path("db")).unwrap();
    // The header of every page but the metas names another page.
    for page in bytes.chunks_exact_mut(4096).skip(2) {
        page[0] ^= 1;
    }
    std::fs::write(world.path("broken"), &bytes).unwrap();
    refused(&push(&world, &["--raw", "-f", "broken"]), 65, "is damaged");
    let checked = world.ours("talosctl-snapshot-inspect", &["check", "db"]);
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked.stdout));
    assert!(text(&checked.stdout).contains("digest-none"));
}
