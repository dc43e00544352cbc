//! The commands of the README and of docs/runbook.md for a dead control plane, run as printed.

use std::process::Output;

use super::*;
use crate::support::code;
use e2e::documents::{blocks, fenced};

/// A cluster whose nodes are all empty, its backup in the store and nowhere else, and its machine
/// configs saved.
fn dead() -> (World, (u32, i64)) {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    let place = "s3://backups/prod";
    let now = ["now", "--direct", place, "-R", "recipients.txt"];
    ok(&world.ours("kubectl-etcdbackup", &now));
    std::fs::rename(world.path("db.snapshot"), world.path("older.snapshot")).unwrap();
    std::fs::create_dir(world.path("machine-configs")).unwrap();
    std::fs::write(world.path("machine-configs/cp-1.yaml"), config()).unwrap();
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    (world, before)
}

/// A line of a document, with the addresses of this cluster for those of the example.
pub(super) fn here(world: &World, line: &str) -> String {
    (0..3).fold(line.to_owned(), |line, node| {
        line.replace(&format!("10.0.0.{}", node + 2), &world.talos.address(node))
    })
}

pub(super) fn typed(world: &World, exports: &str, line: &str) -> Output {
    let (line, etcd) = (here(world, line), e2e::tool("etcd-3.5"));
    world.shell(&format!(
        "export ETCDBACKUP_SURVEY_PAUSE=1ms PATH=$PATH:{}; {exports}{line}",
        etcd.display()
    ))
}

pub(super) fn expect(line: &str, output: &Output, codes: &[i32]) {
    let (code, said) = (code(output), said(output));
    assert!(codes.contains(&code), "{line}: {code}\n{said}");
}

/// Lines of the blocks that need no program of somebody else.
fn of_ours(document: &str) -> Vec<String> {
    let blocks = blocks(document).into_iter();
    let ours = blocks.filter(|block| {
        let words = ["talosctl -", "alias t=", "t -n ", "kubectl ", "aws "];
        !words.iter().any(|word| block.contains(word))
    });
    ours.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_runbook_brings_a_dead_cluster_back_line_by_line() {
    let (world, before) = dead();
    let (mut exports, mut run) = (String::new(), 0);
    for line in of_ours("docs/runbook.md") {
        // Needs a terminal: its own tests type this line.
        if line.starts_with("talosctl-recover-guide") {
            continue;
        }
        if line.starts_with("export ") {
            exports += &format!("{}; ", here(&world, &line));
            continue;
        }
        let output = typed(&world, &exports, &line);
        let bare = line.split(" #").next().unwrap().trim();
        let codes: &[i32] = match bare {
            // A word about how things are, at the beginning and at the end.
            "talosctl-recover-check" => &[0, 1],
            // There is no Kubernetes in this cluster.
            bare if bare.starts_with("talosctl-recover-check recovered") => &[69],
            _ => &[0],
        };
        expect(&line, &output, codes);
        run += 1;
    }
    assert!(run >= 15, "{run} lines");
    is_back(&world, before);
}

#[test]
fn the_readmes_last_pages_bring_a_dead_cluster_back() {
    let (world, before) = dead();
    let blocks = fenced("README.md", "");
    let with = |words: &str| {
        let mut all = blocks.iter();
        all.find(|block| block.starts_with(words)).expect("a block")
    };
    for words in [
        "talosctl-recover-check unrecoverable",
        "talosctl-snapshot-pull",
    ] {
        let block = with(words);
        expect(block, &typed(&world, "", block), &[0]);
    }
    is_back(&world, before);
}

pub(super) fn is_back(world: &World, before: (u32, i64)) {
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
        assert_eq!(world.talos.hash_kv(node).unwrap(), before, "node {node}");
    }
    assert_eq!(bootstrapped(world).len(), 1);
}

/// The last database is that of a member without a quorum; one machine is new, one is gone.
#[test]
fn what_survives_is_saved_and_restored_line_by_line() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    world.talos.stop_node(2).unwrap();
    world.talos.wipe(1).unwrap();
    world.talos.await_etcd(1, "Preparing").unwrap();
    let blocks = blocks("docs/recovery/salvage.md").into_iter();
    // Raw copies are those of other nodes than these.
    let here = blocks.filter(|block| {
        ["talosctl -e", ".raw.db", "--prove-databases"]
            .iter()
            .all(|word| !block.contains(word))
    });
    let here: Vec<String> = here.collect();
    assert_eq!(here.len(), 3, "{here:?}");
    for block in here {
        let block = block.replace("\\\n", " ");
        for line in block.lines() {
            expect(line, &typed(&world, "", line), &[0]);
        }
    }
    assert_eq!(world.talos.hash_kv(0).unwrap(), before);
    assert_eq!(world.talos.hash_kv(1).unwrap(), before);
    assert_eq!(bootstrapped(&world).len(), 1);
}

#[test]
fn the_examples_of_help_bring_a_dead_cluster_back() {
    let (world, before) = dead();
    std::fs::copy(world.path("older.snapshot"), world.path("db.snapshot")).unwrap();
    for program in [
        "talosctl-recover-check",
        "talosctl-recover-wipe",
        "talosctl-recover-bootstrap",
    ] {
        let all = crate::help::examples(&[program]);
        let ours = all.iter().filter(|line| line.starts_with("talosctl-"));
        for line in ours {
            let codes: &[i32] = match line.as_str() {
                "talosctl-recover-check" => &[0, 1],
                // There is no Kubernetes in this cluster.
                line if line.contains("check recovered") => &[69],
                _ => &[0],
            };
            expect(line, &typed(&world, "", line), codes);
        }
    }
    is_back(&world, before);
}

/// What each program gives to the shell, in every pipeline of a recovery.
#[test]
fn the_pipelines_of_a_recovery_end_as_the_shell_must_know() {
    let (world, before) = dead();
    let (node, all) = (world.talos.address(0), nodes(&world, &[0, 1, 2]));
    let place = "s3://backups/prod -i key.txt";
    let pull = format!("talosctl-snapshot-pull {place}");
    let check = "talosctl-recover-check unrecoverable --survey-pause 1ms >/dev/null";
    std::fs::write(world.path("cut"), b"no snapshot").unwrap();
    forget(&world);
    for shell in ["sh", "bash", "dash"] {
        for (script, expected) in [
            (
                format!("{pull} | talosctl-recover-bootstrap -n {node} --dry-run"),
                0,
            ),
            (
                format!(
                    "{check} && talosctl-recover-wipe -n {all} --restore-from {place} --dry-run"
                ),
                0,
            ),
            (format!("{pull} | talosctl-recover-check snapshot -"), 0),
            // The last one of a pipe is told by what it got, not by how the first one ended.
            (
                format!(
                    "talosctl-snapshot-pull s3://backups/none -i key.txt | talosctl-recover-bootstrap -n {node}"
                ),
                65,
            ),
            (
                format!("cat cut | talosctl-recover-bootstrap -n {node}"),
                65,
            ),
            (format!("talosctl-recover-bootstrap -n {node} <&-"), 65),
        ] {
            let output = world.command(shell).args(["-c", &script]).output().unwrap();
            let closed = script.ends_with("<&-") && code(&output) == 74;
            assert!(
                closed || code(&output) == expected,
                "{shell}: {script}: {}",
                said(&output)
            );
        }
    }
    assert_eq!(changes(&world), []);
    let script = format!("{pull} | talosctl-recover-bootstrap -n {node}");
    ok(&world
        .command("dash")
        .args(["-c", &script])
        .output()
        .unwrap());
    is_back(&world, before);
}
