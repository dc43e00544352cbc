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
    // In a sentence of the page.
    let snapshot = "talosctl -e 10.0.0.2 -n 10.0.0.2 etcd snapshot 10.0.0.2.snapshot";
    let page = fs::read_to_string(e2e::repository().join(PAGE)).unwrap();
    assert!(page.contains(&format!("`{snapshot}`")));
    tells(&world, snapshot, &[]);
    // One after the other, so their pages are others.
    let hash = |file: &str| {
        let status = format!("talosctl-snapshot-inspect status {file} -o json | jq .hashkv.hash");
        tells(&world, &status, &[]).trim().parse::<u32>().unwrap()
    };
    assert_eq!(hash("10.0.0.2.snapshot"), hash("left/10.0.0.2.snapshot"));
    tells(
        &world,
        &of(PAGE, "talosctl -e 10.0.0.3 -n 10.0.0.3 cp"),
        &[],
    );
    // Nothing writes to that one.
    tells(&world, "cmp 10.0.0.3/db left/10.0.0.3.raw.db", &[]);
    let compare = of(PAGE, "for f in left/*");
    // How much was only in the log of the one that is stopped is chance.
    let looks = ["clean", "raw copy of a database", "Raft:", "Verdict:  "];
    says(&world, &compare, &looks);
    tells(&world, &of(PAGE, "talosctl-snapshot-push"), &["prod/prod-"]);
    raw_copy_comes_back(&world);
}

/// Stored, refused by `pull`, fetched as it is stored, and opened by others' programs.
fn raw_copy_comes_back(world: &World) {
    let push = of(PAGE, "talosctl-snapshot-push");
    let raw = push.replace("left/10.0.0.2.snapshot", "left/10.0.0.3.raw.db --raw");
    let said = tells(world, &raw, &["prod/prod-"]);
    let key = said.lines().find(|line| line.starts_with("s3://")).unwrap();
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
