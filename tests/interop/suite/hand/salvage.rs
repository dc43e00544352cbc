//! docs/recovery/salvage.md by hand: what talosctl gets off a member that runs and off one that does
//! not is what our program saves.

use std::fs;

use super::*;

const PAGE: &str = "docs/recovery/salvage.md";

/// The quorum is lost: one etcd runs, one is stopped, and one machine is silent.
fn survivors() -> World {
    let world = admin(cluster());
    world.fill(300);
    let filled = world.talos.hash_kv(0).unwrap();
    wait_for("all members to have all of it", || {
        (world.talos.hash_kv(1).unwrap() == filled).then_some(())
    });
    world.talos.stop_node(2).unwrap();
    world.talos.stop_etcd(1).unwrap();
    world
}

#[test]
fn what_survives_is_copied_by_hand() {
    let world = survivors();
    tells(&world, &of(PAGE, "talosctl-snapshot-take --salvage"), &[]);
    let kept = |file: &str| fs::read(world.path(&here(&world.talos, file))).unwrap();
    // In a sentence of the page.
    let snapshot = "talosctl -e 10.0.0.2 -n 10.0.0.2 etcd snapshot 10.0.0.2.snapshot";
    let page = fs::read_to_string(e2e::repository().join(PAGE)).unwrap();
    assert!(page.contains(&format!("`{snapshot}`")));
    tells(&world, snapshot, &[]);
    assert_eq!(kept("10.0.0.2.snapshot"), kept("left/10.0.0.2.snapshot"));
    tells(
        &world,
        &of(PAGE, "talosctl -e 10.0.0.3 -n 10.0.0.3 cp"),
        &[],
    );
    assert_eq!(kept("10.0.0.3/db"), kept("left/10.0.0.3.raw.db"));
    // What differs is for who reads it.
    let compare = of(PAGE, "for f in left/*");
    says(
        &world,
        &compare,
        &["left/10.0.0.3.raw.db", "left/10.0.0.2.snapshot"],
    );
    tells(&world, &of(PAGE, "talosctl-snapshot-push"), &["prod/prod-"]);
    raw_copy_comes_back(&world);
}

/// Stored, refused by `pull`, fetched as it is stored, and opened by others' programs.
fn raw_copy_comes_back(world: &World) {
    let push = of(PAGE, "talosctl-snapshot-push");
    let raw = push.replace("left/10.0.0.2.snapshot", "left/10.0.0.3.raw.db --raw");
    let url = tells(world, &raw, &["prod/prod-"]);
    let key = url.lines().find(|line| line.contains("prod-")).unwrap();
    let key = format!("s3://backups/{}", key.trim());
    says(
        world,
        &format!("talosctl-snapshot-pull {key} -i key.txt -o db"),
        &["raw"],
    );
    tells(
        world,
        &format!(
            "talosctl-snapshot-pull {key} --stored -o db.age
            age -d -i key.txt db.age | zstd -d > db
            cmp db left/10.0.0.3.raw.db"
        ),
        &[],
    );
}
