//! Stopped and killed at any moment: never an object that lists as complete and is not.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use e2e::{BUCKET, World, text};
use rustix::process::{Pid, Signal, kill_process};
use s3_sim::{Effect, Fault, Gate, Operation};

use crate::support::{IN_PARTS, asked, check_pull, now, sample};

const LARGE: usize = 12 << 20;
/// How long the soak may take.
const SOAK: Duration = Duration::from_secs(25);
/// After which a program hangs: far beyond each of its own limits.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the programs wait for an answer of Talos.
const CALL: Duration = Duration::from_secs(10);

fn start(world: &World, prefix: &str) -> Child {
    now(world, &[&format!("s3://{BUCKET}/{prefix}")], &IN_PARTS)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: Signal) {
    // It may have ended by itself.
    kill_process(Pid::from_child(child), signal).ok();
}

/// Waits for the end; the exit code, none when it was killed.
fn end(mut child: Child) -> (Option<i32>, String) {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            let said = child.wait_with_output().unwrap();
            panic!("it did not end: {}", text(&said.stderr));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

fn arrived(gate: &Gate, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while gate.arrived() < count {
        assert!(Instant::now() < deadline, "nothing came to the gate");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn nothing_is_left(world: &World, said: &str) {
    assert!(world.s3.uploads(BUCKET).is_empty(), "{said}");
    assert!(world.s3.all_keys(BUCKET).is_empty(), "{said}");
}

/// SIGTERM while one request of the upload is held, which goes on after `then`.
fn stopped_at(
    fault: impl FnOnce(Effect) -> Fault,
    open_after: Option<Duration>,
) -> (World, Option<i32>, String) {
    let world = World::serving(sample(LARGE));
    let gate = Gate::closed();
    world.s3.inject(fault(Effect::Hold(gate.clone())));
    let child = start(&world, "prod");
    arrived(&gate, 1);
    send(&child, Signal::TERM);
    if let Some(pause) = open_after {
        std::thread::sleep(pause);
        gate.open();
    }
    let (exit, said) = end(child);
    (world, exit, said)
}

#[test]
fn sigterm_in_the_middle_of_a_part_leaves_nothing() {
    let hold = |effect| Fault::new(Operation::UploadPart, effect).part(2);
    let (world, exit, said) = stopped_at(hold, None);
    assert_eq!(exit, Some(143), "{said}");
    nothing_is_left(&world, &said);
    assert!(
        said.contains("error: ") && said.contains("hint: "),
        "{said}"
    );
}

/// The thread that fills parts waits for a slot then, and must be told.
#[test]
fn sigterm_while_every_slot_is_held_leaves_nothing() {
    let world = World::serving(sample(40 << 20));
    let gate = Gate::closed();
    world.s3.inject(Fault::new(
        Operation::UploadPart,
        Effect::Hold(gate.clone()),
    ));
    let child = start(&world, "prod");
    arrived(&gate, 4);
    send(&child, Signal::TERM);
    let (exit, said) = end(child);
    assert_eq!(exit, Some(143), "{said}");
    nothing_is_left(&world, &said);
}

#[test]
fn sigterm_before_the_upload_has_its_id_leaves_nothing() {
    let hold = |effect| Fault::new(Operation::CreateMultipartUpload, effect);
    let (world, exit, said) = stopped_at(hold, Some(Duration::from_millis(500)));
    assert_eq!(exit, Some(143), "{said}");
    nothing_is_left(&world, &said);
}

#[test]
fn sigterm_while_the_object_is_published_waits_for_the_answer() {
    let hold = |effect| Fault::new(Operation::CompleteMultipartUpload, effect);
    let (world, exit, said) = stopped_at(hold, Some(Duration::from_millis(500)));
    assert!(world.s3.uploads(BUCKET).is_empty(), "{said}");
    assert_eq!(world.s3.keys(BUCKET, "prod").len(), 1, "{said}");
    assert_eq!(exit, Some(0), "all was done when it came: {said}");
    let hold = |effect| Fault::new(Operation::CompleteMultipartUpload, effect);
    let (world, exit, said) = stopped_at(hold, None);
    assert_eq!(exit, Some(143), "{said}");
    nothing_is_left(&world, &said);
}

/// Stopped while `method` hangs on every node: whether a snapshot was asked for all the same.
/// None when all took so long that the call's own limit may have come first.
fn goes_on_without(method: &str) -> Option<bool> {
    let world = World::serving(sample(LARGE));
    // Whom Talos answers at once that he may not ask, nothing hangs for.
    let operator = world.talos.talosconfig(&["os:operator"]).unwrap();
    operator.write(&world.path("talosconfig")).unwrap();
    for node in 0..3 {
        let hang = talos_sim::Fault::Hang;
        world.talos.inject_on(node, method, hang, None).unwrap();
    }
    let begun = Instant::now();
    let child = start(&world, "prod");
    while !asked(&world, method) {
        assert!(begun.elapsed() < PATIENCE, "{method} was not asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    send(&child, Signal::TERM);
    let (exit, said) = end(child);
    assert_eq!(exit, Some(143), "{method}: {said}");
    assert!(
        said.contains("error: ") && said.contains("hint: "),
        "{said}"
    );
    nothing_is_left(&world, &said);
    (begun.elapsed() < CALL).then(|| asked(&world, "EtcdSnapshot"))
}

#[test]
fn sigterm_while_talos_does_not_answer_leaves_nothing() {
    for method in ["EtcdMemberList", "Version"] {
        // A machine that stands still proves nothing; it does not stand still each time.
        let mut tries = (0..20).map(|_| goes_on_without(method));
        let goes_on = tries.find_map(|outcome| outcome);
        assert_eq!(goes_on, Some(false), "{method}");
    }
}

#[test]
fn a_second_sigterm_leaves_at_once() {
    let world = World::serving(sample(LARGE));
    let gate = Gate::closed();
    let hold = || Effect::Hold(gate.clone());
    world.s3.inject(Fault::new(Operation::UploadPart, hold()));
    world
        .s3
        .inject(Fault::new(Operation::AbortMultipartUpload, Effect::Hang));
    let child = start(&world, "prod");
    arrived(&gate, 1);
    send(&child, Signal::TERM);
    std::thread::sleep(Duration::from_millis(700));
    send(&child, Signal::TERM);
    let (exit, said) = end(child);
    assert_eq!(exit, Some(143), "{said}");
    let open = world.s3.uploads(BUCKET);
    assert_eq!(open.len(), 1, "which nobody could remove");
    // Whoever waits for the abort names what it leaves.
    assert!(!said.contains(&open[0].id), "{said}");
}

#[test]
fn an_abort_that_hangs_is_given_up_and_told() {
    let world = World::serving(sample(LARGE));
    let gate = Gate::closed();
    world.s3.inject(Fault::new(
        Operation::UploadPart,
        Effect::Hold(gate.clone()),
    ));
    world
        .s3
        .inject(Fault::new(Operation::AbortMultipartUpload, Effect::Hang));
    let child = start(&world, "prod");
    arrived(&gate, 1);
    send(&child, Signal::TERM);
    let (exit, said) = end(child);
    assert_eq!(exit, Some(143), "{said}");
    let open = world.s3.uploads(BUCKET);
    assert!(said.contains(&open[0].id), "{said}");
}

#[test]
fn sigkill_in_the_middle_leaves_an_open_upload_and_no_object() {
    let world = World::serving(sample(LARGE));
    let gate = Gate::closed();
    world
        .s3
        .inject(Fault::new(Operation::UploadPart, Effect::Hold(gate.clone())).part(3));
    let child = start(&world, "prod");
    arrived(&gate, 1);
    send(&child, Signal::KILL);
    assert_eq!(end(child).0, None);
    assert!(world.s3.all_keys(BUCKET).is_empty());
    assert_eq!(
        world.s3.uploads(BUCKET).len(),
        1,
        "visible to whoever looks"
    );
}

/// A generator that a printed seed repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What a soak met.
#[derive(Debug, Default)]
struct Met {
    stopped: usize,
    killed: usize,
    finished: usize,
    left_open: usize,
}

/// Open uploads below a prefix of a run that began at `begin`, by the time in their keys: the
/// server may answer a request of one that was killed when the next one runs already.
fn open_since(world: &World, prefix: &str, begin: &str) -> usize {
    let start = format!("{prefix}/");
    let uploads = world.s3.uploads(BUCKET);
    uploads
        .iter()
        .filter(|upload| upload.key.starts_with(&start) && time_of(&upload.key) >= begin)
        .count()
}

/// `2026-11-24T17:30:12.592Z` in a key.
fn time_of(key: &str) -> &str {
    let end = key.find(".snap").unwrap();
    &key[end - "2026-11-24T17:30:12.592Z".len()..end]
}

/// Starts and kills until the time is over; what lies under the prefix then.
fn soak(world: &World, prefix: &str, mut dice: Dice, longest: u64) -> (Met, BTreeSet<String>) {
    let (mut met, mut seen) = (Met::default(), BTreeSet::new());
    let begun = Instant::now();
    while begun.elapsed() < SOAK {
        let signal = [Signal::TERM, Signal::KILL][usize::from(dice.below(2) == 0)];
        let begin = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let begin = begin.to_string();
        let child = start(world, prefix);
        std::thread::sleep(Duration::from_millis(dice.below(longest)));
        send(&child, signal);
        let (exit, said) = end(child);
        let left = open_since(world, prefix, &begin);
        match (signal, exit) {
            (_, Some(0)) => met.finished += 1,
            (Signal::TERM, exit) => {
                // Before the program listens for signals, the signal itself ends it.
                assert!(matches!(exit, Some(143) | None), "{exit:?}: {said}");
                assert_eq!(left, 0, "an upload stays open: {said}");
                met.stopped += 1;
            }
            _ => {
                assert_eq!(exit, None, "{said}");
                met.killed += 1;
                met.left_open += left;
            }
        }
        let new = world.s3.keys(BUCKET, prefix).into_iter();
        for key in new.filter(|key| seen.insert(key.clone())) {
            check_pull(world, &key, LARGE).unwrap();
        }
    }
    (met, seen)
}

#[test]
fn killed_at_random_moments() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let seed = std::env::var("ETCDBACKUP_TEST_SEED").map_or(seed, |seed| seed.parse().unwrap());
    println!("ETCDBACKUP_TEST_SEED={seed}");
    let world = World::serving(sample(LARGE));
    let begun = Instant::now();
    assert_eq!(end(start(&world, "whole")).0, Some(0));
    let longest = u64::try_from(begun.elapsed().as_millis()).unwrap() * 2;
    std::thread::scope(|scope| {
        let soaks = [0, 1, 2].map(|number| {
            let (world, dice) = (&world, Dice(seed.wrapping_add(number)));
            scope.spawn(move || {
                let prefix = format!("prod{number}");
                let (met, seen) = soak(world, &prefix, dice, longest);
                println!("{met:?}");
                check_listing(world, &prefix, &seen);
                met
            })
        });
        let met = soaks.map(|soak| soak.join().unwrap());
        let stopped: usize = met.iter().map(|met| met.stopped).sum();
        let killed: usize = met.iter().map(|met| met.killed).sum();
        assert!(stopped > 0 && killed > 0, "{met:?}");
    });
}

/// What lists as a snapshot is what was proven.
fn check_listing(world: &World, prefix: &str, seen: &BTreeSet<String>) {
    let destination = format!("s3://{BUCKET}/{prefix}");
    let list = world.ours("kubectl-etcdbackup", &["list", &destination, "-o", "json"]);
    let entries: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let mut listed = BTreeSet::new();
    for entry in entries.as_array().unwrap() {
        assert_eq!(entry["state"], "snapshot", "{entry}");
        listed.insert(entry["key"].as_str().unwrap().to_owned());
    }
    assert_eq!(&listed, seen);
}
