//! What every module of the suite uses.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::{Mutex, PoisonError};

use e2e::{BUCKET, Run, World, text};

/// Bytes of the sample snapshot.
pub(crate) const SIZE: usize = 300_000;

pub(crate) fn serving() -> World {
    World::serving(sample(SIZE))
}

pub(crate) fn code(output: &Output) -> i32 {
    e2e::secrets::assert_none("stderr", &output.stderr);
    e2e::secrets::assert_none("stdout", &output.stdout);
    output.status.code().unwrap_or(-1)
}

pub(crate) fn ok(output: &Output) {
    assert_eq!(code(output), 0, "{}", text(&output.stderr));
}

/// The two lines of a failure.
pub(crate) fn refused(output: &Output, exit: i32, word: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(code(output), exit, "{stderr}");
    assert!(
        stderr.contains("error: ") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
}

/// The sample snapshot of a size, made once.
pub(crate) fn sample(size: usize) -> &'static [u8] {
    static MADE: Mutex<BTreeMap<usize, &'static [u8]>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(size)
        .or_insert_with(|| talos_sim::sample::snapshot(size).leak())
}

/// Fetches an object with the world's identity: it must be the sample of this size.
pub(crate) fn check_pull(world: &World, key: &str, size: usize) -> Result<(), String> {
    let url = format!("s3://{BUCKET}/{key}");
    let pull = world.ours("talosctl-snapshot-pull", &[&url, "-i", "key.txt"]);
    match pull.status.success() {
        false => Err(format!("pull of {key}: {}", text(&pull.stderr))),
        true if pull.stdout == sample(size) => Ok(()),
        true => Err(format!("{key}: other bytes came back")),
    }
}

/// Several parts of a snapshot of a few mebibytes, neither smaller nor larger than it is.
pub(crate) const IN_PARTS: [&str; 4] = ["--compress", "none", "--part-size", "5MiB"];

/// `kubectl etcdbackup now`, from here, of what the world's nodes serve.
pub(crate) fn now(world: &World, destinations: &[&str], more: &[&str]) -> Run {
    let mut command = world.command(e2e::programs().join("kubectl-etcdbackup"));
    command
        .args(["now", "--direct", "-R", "recipients.txt"])
        .args(destinations)
        .args(more)
        .env("ETCDBACKUP_CLUSTER_NAME", "prod");
    command
}

/// The same, to its end.
pub(crate) fn backed_up(world: &World, destinations: &[&str], more: &[&str]) -> Output {
    now(world, destinations, more).output().unwrap()
}

/// Whether the cluster was asked for a method.
pub(crate) fn asked(world: &World, method: &str) -> bool {
    let calls = world.talos.calls();
    calls.iter().any(|call| call.method == method)
}
