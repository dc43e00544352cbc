//! `talosctl-recover-guide` as a person alone at night has it: at a terminal.

use std::process::{ExitStatus, Stdio};

use e2e::World;
use e2e::golden::{compare, filtered, replaced};
use e2e::terminal::Terminal;
use talos_sim::HeldUp;

use crate::recover::{backed_up, bootstrapped, changes, forget};
use crate::support::{code, ok, refused};

const STORE: &str = "s3://backups/prod";
const FROM_STORE: [&str; 4] = [STORE, "-i", "key.txt", "--no-progress"];

/// Stores a file as a backup of the cluster.
fn push(world: &World, file: &str) {
    let how = ["-R", "recipients.txt", "--cluster-name", "prod"];
    let arguments = [&["-f", file, STORE], &how[..]].concat();
    ok(&world.ours("talosctl-snapshot-push", &arguments));
}

/// A filled cluster whose backup lies in the store; its machines have an administrator.
fn stored() -> World {
    let world = backed_up();
    push(&world, "db.snapshot");
    forget(&world);
    world
}

fn all_wiped(world: &World) {
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    forget(world);
}

fn guide(world: &World, more: &[&str]) -> Terminal {
    let arguments = [&FROM_STORE[..], more].concat();
    Terminal::start(world, "talosctl-recover-guide", &arguments)
}

/// Takes the backup that is offered, in the file that is offered.
fn take_the_newest(guide: &mut Terminal) {
    guide.expect("Number of the backup").answer("");
    guide
        .expect("Keep it in the file")
        .answer("backup.snapshot");
    guide.expect("Is it from before the damage").answer("yes");
}

fn ended(guide: Terminal, exit: i32) -> String {
    let (status, transcript): (ExitStatus, String) = guide.end();
    assert_eq!(status.code(), Some(exit), "{transcript}");
    transcript
}

/// What differs from run to run besides: sizes, ages, and what is told while nodes are at work.
fn steady(world: &World, transcript: &str) -> String {
    let text = filtered(world, transcript);
    let rules = [
        (r"\b\d+(\.\d)? (KiB|MiB|bytes)", "N bytes"),
        (r"(?m)^1   \d+s  +", "1   AGE   "),
        (r"revision \d+", "revision N"),
        (r"\b\d+ min\b", "N min"),
        (r"\d+ keys", "N keys"),
        (
            r"(?m)^node \$NODE\d+: (?:Preparing|Starting|Running|Waiting|Finished|the old|Failed).*\n",
            "",
        ),
        (r"(?m)^\d of 3 control planes vote\n", ""),
        (r"(?m)^not all is well yet.*\n", ""),
        (r"\b[0-9a-f]{16}\b( leader)?", "MEMBER"),
    ];
    let text = rules
        .iter()
        .fold(text, |text, (pattern, with)| replaced(&text, pattern, with));
    replaced(&text, r"for \d+ days", "for N days")
}

#[test]
fn from_a_full_loss_to_the_same_keys_in_one_command() {
    let world = stored();
    let before = world.talos.hash_kv(0).unwrap();
    all_wiped(&world);
    let mut guide = guide(&world, &[]);
    guide.expect("awaiting-bootstrap");
    take_the_newest(&mut guide);
    guide
        .expect("Which control plane is bootstrapped")
        .answer("");
    guide.expect("type the cluster's name").answer("prod");
    guide.expect("Restart them now").answer("yes");
    guide.expect("Prove that it is back");
    let transcript = ended(guide, 0);
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
        assert_eq!(world.talos.hash_kv(node).unwrap(), before, "node {node}");
    }
    assert_eq!(bootstrapped(&world).len(), 1);
    compare("recover-guide/full-loss.txt", &steady(&world, &transcript));
}

/// Quorum lost: the third control plane is gone, the second empty, and the first one's database
/// not wanted.
fn salvageable(world: &World) -> [String; 4] {
    world.talos.stop_node(2).unwrap();
    world.talos.wipe(1).unwrap();
    forget(world);
    let (first, third) = (world.talos.address(0), world.talos.address(2));
    [
        "--lost".to_owned(),
        third,
        "--lose-database".to_owned(),
        first,
    ]
}

#[test]
fn stopped_after_the_wipe_and_taken_up_again() {
    let world = stored();
    let before = world.talos.hash_kv(0).unwrap();
    let more = salvageable(&world);
    let more = more.each_ref().map(String::as_str);
    let mut first = guide(&world, &more);
    first.expect("salvageable");
    first.expect("Is each of them saved").answer("yes");
    take_the_newest(&mut first);
    first.expect("Wipe what is left of etcd");
    first.expect("type the cluster's name").answer("prod");
    first
        .expect("Which control plane is bootstrapped")
        .keys("\u{3}");
    ended(first, 130);
    assert_eq!(bootstrapped(&world).len(), 0);
    assert!(!world.talos.has_etcd_data(0));
    // Again: nothing is wiped, nothing is fetched.
    forget(&world);
    let mut second = guide(&world, &more);
    second.expect("awaiting-bootstrap");
    second.expect("Number of the backup").answer("1");
    second
        .expect("Keep it in the file")
        .answer("backup.snapshot");
    second.expect("exists, and is proven").answer("");
    second.expect("Is it from before the damage").answer("");
    second
        .expect("Which control plane is bootstrapped")
        .answer("");
    second.expect("type the cluster's name").answer("prod");
    second.expect("Restart them now").answer("no");
    let transcript = ended(second, 0);
    assert!(!transcript.contains("Wipe what is left"), "{transcript}");
    assert!(!transcript.contains("Fetch the backup"), "{transcript}");
    assert!(changes(&world).iter().all(|call| call.method != "Reset"));
    world.talos.await_healthy(1).unwrap();
    assert_eq!(world.talos.hash_kv(1).unwrap(), before);
}

#[test]
fn a_wrong_name_does_nothing_and_so_does_a_stop_at_a_question() {
    let world = stored();
    let more = salvageable(&world);
    let more = more.each_ref().map(String::as_str);
    let mut wrong = guide(&world, &more);
    wrong.expect("Is each of them saved").answer("yes");
    take_the_newest(&mut wrong);
    wrong.expect("type the cluster's name").answer("dev");
    let transcript = ended(wrong, 2);
    assert!(transcript.contains("nothing was wiped"), "{transcript}");
    assert_eq!(changes(&world), []);
    // Neither an empty line nor Ctrl-C is a yes.
    let mut unsaved = guide(&world, &more);
    unsaved.expect("Is each of them saved").answer("");
    ended(unsaved, 1);
    let mut stopped = guide(&world, &more);
    stopped.expect("Is each of them saved").keys("\u{3}");
    ended(stopped, 130);
    assert_eq!(changes(&world), []);
}

#[test]
fn without_a_terminal_it_refuses() {
    let world = World::serving(Vec::new());
    let piped = world.ours("talosctl-recover-guide", &[STORE]);
    refused(&piped, 2, "talosctl-recover-check unrecoverable");
    assert!(piped.stdout.is_empty());
    let mut command = world.command(e2e::programs().join("talosctl-recover-guide"));
    let piped = command.stdin(Stdio::piped()).output().unwrap();
    assert_eq!(code(&piped), 2);
    assert_eq!(world.talos.calls(), []);
}

#[test]
fn a_healthy_cluster_is_only_looked_at() {
    let world = stored();
    let mut guide = guide(&world, &[]);
    guide.expect("There is nothing to restore");
    let transcript = ended(guide, 0);
    for offer in [
        "Number of the backup",
        "type the cluster's name",
        "Wipe",
        "Bootstrap one",
    ] {
        assert!(!transcript.contains(offer), "{offer}: {transcript}");
    }
    assert_eq!(changes(&world), []);
    compare("recover-guide/healthy.txt", &steady(&world, &transcript));
}

#[test]
fn a_dry_run_goes_all_the_way_and_changes_nothing() {
    let world = stored();
    let more = salvageable(&world);
    let more = more.each_ref().map(String::as_str);
    let mut wiping = guide(&world, &[&more[..], &["--dry-run"]].concat());
    wiping.expect("Is each of them saved").answer("yes");
    take_the_newest(&mut wiping);
    wiping.expect("A dry run ends here");
    ended(wiping, 0);
    assert_eq!(changes(&world), []);
    let world = stored();
    all_wiped(&world);
    let mut waiting = guide(&world, &["--dry-run"]);
    take_the_newest(&mut waiting);
    waiting
        .expect("Which control plane is bootstrapped")
        .answer("");
    waiting.expect("A dry run ends here");
    let transcript = ended(waiting, 0);
    assert!(
        !transcript.contains("type the cluster's name"),
        "{transcript}"
    );
    // Where the backup is can be asked, and be a file here.
    let mut asked = Terminal::start(&world, "talosctl-recover-guide", &["--dry-run"]);
    asked.expect("Where is the backup").answer("db.snapshot");
    asked
        .expect("Which control plane is bootstrapped")
        .answer("nobody");
    asked.expect("is called so");
    asked
        .expect("Which control plane is bootstrapped")
        .answer(&world.talos.address(2));
    let transcript = ended(asked, 0);
    assert!(
        transcript.contains("cp-3 (") && transcript.contains("gets db.snapshot"),
        "{transcript}"
    );
    assert_eq!(changes(&world), []);
}

#[test]
fn intact_data_is_repaired_and_never_restored() {
    let world = stored();
    for node in 0..2 {
        world.talos.hold_up(node, HeldUp::Time);
    }
    world.talos.power_cut().unwrap();
    world.talos.power_back().unwrap();
    forget(&world);
    let mut guide = guide(&world, &[]);
    guide.expect("blocked");
    let transcript = ended(guide, 1);
    assert!(transcript.contains("time"), "{transcript}");
    assert!(transcript.contains("service etcd"), "{transcript}");
    assert!(!transcript.contains("Number of the backup"), "{transcript}");
    assert_eq!(changes(&world), []);
}

#[test]
fn two_backups_are_compared_before_one_is_taken() {
    let world = stored();
    world.fill(320);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "newer.snapshot"]));
    push(&world, "newer.snapshot");
    all_wiped(&world);
    let mut guide = guide(&world, &["--dry-run"]);
    guide.expect("Number of the backup").answer("1");
    guide.expect("Keep it in the file").answer("new.snapshot");
    guide.expect("Is it from before the damage").answer("no");
    guide.expect("Number of the backup").answer("2");
    guide.expect("Keep it in the file").answer("old.snapshot");
    guide.expect("Compare the two, the older first");
    guide.expect("item-319");
    guide.expect("Is it from before the damage").answer("yes");
    guide
        .expect("Which control plane is bootstrapped")
        .answer("");
    let transcript = ended(guide, 0);
    assert!(transcript.contains("gets old.snapshot"), "{transcript}");
    assert_eq!(changes(&world), []);
}

#[test]
fn what_was_restored_is_waited_for_and_restored_no_more() {
    let world = stored();
    all_wiped(&world);
    world.talos.keep_learner(2, true);
    let first = world.talos.address(0);
    let bootstrap = ["-n", &first, "db.snapshot", "--join-timeout", "5s"];
    let late = world.ours("talosctl-recover-bootstrap", &bootstrap);
    refused(&late, 75, "not joined");
    forget(&world);
    let mut stopped = guide(&world, &[]);
    stopped.expect("etcd was restored on node cp-1");
    stopped.expect("control planes vote");
    stopped.interrupt();
    let transcript = ended(stopped, 130);
    assert!(transcript.contains("go on joining"), "{transcript}");
    let mut again = guide(&world, &[]);
    again.expect("etcd was restored on node cp-1");
    world.talos.keep_learner(2, false);
    again.expect("Restart them now").answer("no");
    let transcript = ended(again, 0);
    assert!(!transcript.contains("Number of the backup"), "{transcript}");
    assert_eq!(changes(&world), []);
}

#[test]
fn a_bad_backup_is_said_and_never_passed_over_in_silence() {
    let world = stored();
    all_wiped(&world);
    let store = format!("file://{}/store", world.folder.path().display());
    let push = [
        "-f",
        "db.snapshot",
        &store,
        "--no-encrypt",
        "--cluster-name",
        "prod",
    ];
    ok(&world.ours("talosctl-snapshot-push", &push));
    let newer = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let name = format!("prod-{newer:.3}.snap").replace(':', "-");
    std::fs::write(world.path("store").join(name), b"no snapshot").unwrap();
    let arguments = [store.as_str(), "--dry-run", "--no-progress"];
    let start = || Terminal::start(&world, "talosctl-recover-guide", &arguments);
    let mut guide = start();
    guide.expect("Number of the backup").answer("1");
    guide.expect("Keep it in the file").answer("bad.snapshot");
    guide.expect("not an etcd snapshot");
    guide.expect("Number of the backup").answer("2");
    guide.expect("Keep it in the file").answer("good.snapshot");
    guide.expect("Is it from before the damage").keys("\u{3}");
    ended(guide, 130);
    assert!(!world.path("bad.snapshot").exists());
    // What a verification has found moves the offer.
    let verified = world.ours("kubectl-etcdbackup", &["verify", &store, "--all", "--deep"]);
    assert_eq!(code(&verified), 65);
    let mut guide = start();
    guide.expect("failed (deep)");
    guide.expect("good (deep)");
    guide.expect("Number of the backup").answer("");
    guide.expect("Keep it in the file").answer("good.snapshot");
    guide.expect("exists, and is proven").answer("yes");
    guide.expect("Is it from before the damage").keys("\u{3}");
    ended(guide, 130);
    assert_eq!(changes(&world), []);
}
