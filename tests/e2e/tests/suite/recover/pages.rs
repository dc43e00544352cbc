//! The pages beside the runbook, typed line by line: another snapshot than was restored, a backup
//! from before the damage, databases that are damaged everywhere, the keys of a new machine.

use e2e::documents::blocks;
use jiff::Timestamp;

use super::document::{expect, is_back, typed};
use super::*;

/// The times that the pages have as examples.
const EXAMPLES: [&str; 2] = ["2026-11-24T02:00:00Z", "2026-11-20T00:00:00Z"];
const PLACE: &str = "s3://backups/prod";

/// Lines of a page, with a time of this test for that of the example.
fn lines(document: &str, at: &str) -> Vec<String> {
    let all = blocks(document).into_iter();
    let joined = all.map(|block| block.replace("\\\n", " "));
    let lines = joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .map(|line| {
            EXAMPLES
                .iter()
                .fold(line, |line, time| line.replace(time, at))
        })
        .collect()
}

#[test]
fn another_snapshot_than_the_restored_one_is_restored_line_by_line() {
    let world = world(builder().start().unwrap());
    world.fill(300);
    let right = world.talos.hash_kv(0).unwrap();
    let now = ["now", "--direct", PLACE, "-R", "recipients.txt"];
    ok(&world.ours("kubectl-etcdbackup", &now));
    let at = Timestamp::now().to_string();
    world.fill(500);
    ok(&world.ours("kubectl-etcdbackup", &now));
    assert_ne!(world.talos.hash_kv(0).unwrap(), right);
    forget(&world);
    let all = lines("docs/recovery/wrong-snapshot.md", &at);
    assert_eq!(all.len(), 9, "{all:#?}");
    for line in &all {
        if line.ends_with("check preparing") {
            await_preparing(&world, 0..3);
        }
        let output = typed(&world, "", line);
        // What differs is what is asked.
        let codes: &[i32] = if line.contains(" diff ") { &[1] } else { &[0] };
        expect(line, &output, codes);
        if line.ends_with("--dry-run") {
            assert_eq!(changes(&world), []);
        }
    }
    is_back(&world, right);
}

#[test]
fn a_backup_from_before_the_damage_is_found_line_by_line() {
    let world = world(builder().start().unwrap());
    let store = |name: &str| {
        let file = format!("{name}.snapshot");
        std::fs::write(world.path(&file), e2e::kubernetes::fixture(name)).unwrap();
        let push = ["-f", &file, PLACE, "--cluster-name", "prod"];
        let sealed = ["-R", "recipients.txt"];
        ok(&world.ours("talosctl-snapshot-push", &[&push[..], &sealed].concat()));
    };
    store("before");
    let at = Timestamp::now().to_string();
    store("after");
    std::fs::copy(world.path("after.snapshot"), world.path("mid.snapshot")).unwrap();
    let all = lines("docs/recovery/damaged-backup.md", &at);
    assert_eq!(all.len(), 6, "{all:#?}");
    for line in &all {
        let output = typed(&world, "", line);
        let shown = text(&output.stdout);
        if line.contains(" diff ") {
            // Namespace `web` is the damage.
            expect(line, &output, &[1]);
            assert!(shown.contains("web"), "{shown}");
        } else if line.contains("| wc -l") {
            let here = [
                shown.trim().to_owned(),
                text(&typed(&world, "", &line.replace("mid", "old")).stdout),
            ];
            assert_eq!(here[0], "0");
            assert!(here[1].trim().parse::<u32>().unwrap() > 0, "{here:?}");
        } else {
            expect(line, &output, &[0]);
        }
    }
}

#[test]
fn databases_that_are_damaged_everywhere_give_way_line_by_line() {
    let world = super::damaged::damaged(3);
    let all = blocks("docs/recovery/salvage.md").into_iter();
    let mut page = all.filter(|block| block.contains("--prove-databases"));
    let block = page.next().expect("a block").replace("\\\n", " ");
    for line in block.lines() {
        expect(line, &typed(&world, "", line), &[0]);
    }
    assert_eq!(page.next(), None);
    let boot = bootstrap(&world, 0, &["db.snapshot"]);
    ok(&boot);
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
    }
}

#[test]
fn the_keys_of_a_new_machines_config_are_proven_line_by_line() {
    let world = world(builder().start().unwrap());
    let snapshot = e2e::kubernetes::fixture("after");
    std::fs::write(world.path("db.snapshot"), snapshot).unwrap();
    let all = lines("docs/recovery/replaced-node.md", "");
    let prove: Vec<_> = all
        .iter()
        .filter(|line| line.contains("--machine-config"))
        .collect();
    assert_eq!(prove.len(), 1, "{all:#?}");
    let fixtures = e2e::repository().join("tests/fixtures");
    for (config, exit) in [
        ("controlplane-v1alpha1.yaml", 0),
        ("controlplane-wrong-key.yaml", 1),
    ] {
        std::fs::copy(fixtures.join(config), world.path("controlplane.yaml")).unwrap();
        expect(prove[0], &typed(&world, "", prove[0]), &[exit]);
    }
}
