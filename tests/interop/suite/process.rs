//! Other makers' programs: run within a limit, or kept running for as long as a test needs them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use e2e::{Run, World, programs, text};
use serde_json::Value;

use crate::support::ok;

/// How long a program may take to start or to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a program may take to end when its stdin has.
const FAREWELL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// Another maker's program, in an empty environment and within the limit.
pub(crate) fn other(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.args(limit()).arg(program);
    command
}

/// One of our programs, in a world's environment and within the limit.
pub(crate) fn ours(world: &World, program: &str) -> Run {
    let mut run = world.command("timeout");
    run.args(limit()).arg(programs().join(program));
    run
}

fn limit() -> [String; 2] {
    ["--kill-after=5".to_owned(), PATIENCE.as_secs().to_string()]
}

/// A backup of the world's Talos, in its store.
pub(crate) fn back_up(world: &World) {
    let now = [
        "now",
        "--direct",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
    ];
    ok(&ours(world, "kubectl-etcdbackup")
        .args(now)
        .output()
        .unwrap());
}

/// The same, and back into the file this returns.
pub(crate) fn back_up_and_pull(world: &World) -> PathBuf {
    back_up(world);
    let pull = ["s3://backups/prod", "-i", "key.txt", "-o", "pulled"];
    ok(&ours(world, "talosctl-snapshot-pull")
        .args(pull)
        .output()
        .unwrap());
    world.path("pulled")
}

/// What is installed in a cluster called prod, as files of a folder.
pub(crate) fn manifests(world: &World, folder: &str, more: &[&str]) {
    let usual = [
        "manifests",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
        "--cluster-name",
    ];
    let run = ours(world, "kubectl-etcdbackup")
        .args(usual)
        .args(["prod", "--out", folder])
        .args(more)
        .output()
        .unwrap();
    ok(&run);
}

/// What a program printed, which must have succeeded.
pub(crate) fn printed(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// The JSON a program printed.
pub(crate) fn json(command: &mut Command) -> Value {
    let printed = printed(command);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{command:?}: {error}: {printed}"))
}

/// A program that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    /// How long it may take to end by itself, its stdin being closed.
    farewell: Duration,
}

impl Running {
    /// Starts a server that knows no end: the kernel kills it with the test's thread.
    pub(crate) fn server(program: &Path, settle: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .stdin(Stdio::null());
        settle(&mut command);
        let child = command.spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
            farewell: Duration::ZERO,
        }
    }

    /// Starts a program that ends with its stdin, and waits for its first line, which is JSON.
    pub(crate) fn with_line(command: &mut Command) -> (Self, Value) {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut running = Self {
            child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
            farewell: FAREWELL,
        };
        let stdout = running.child.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).ok();
            sender.send(line).ok();
        });
        let line = receiver.recv_timeout(PATIENCE).expect("a first line");
        let value = serde_json::from_str(&line);
        (
            running,
            value.unwrap_or_else(|_| panic!("{command:?}: {line:?}")),
        )
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + self.farewell;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Asks again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

/// A port nobody listens on right now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
