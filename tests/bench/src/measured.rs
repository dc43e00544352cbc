//! Runs a program and tells what it took. A wrapper process of its own does it: a
//! small one, since a child's peak memory counts from before it becomes another program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Resource, Rlimit, WaitId, WaitIdOptions, setrlimit, waitid};
use serde::{Deserialize, Serialize};
use wait4::Wait4 as _;

/// Between two looks at a program's threads.
const LOOK: Duration = Duration::from_millis(20);

/// What a program took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Whether it ended with code 0.
    pub(crate) success: bool,
    /// Seconds from start to end.
    pub(crate) seconds: f64,
    /// Seconds of CPU, its own children included.
    pub(crate) cpu: f64,
    /// Peak resident memory in bytes: what `VmHWM` stood at when it ended.
    pub(crate) peak: u64,
    /// Bytes it caused to be written to storage.
    pub(crate) written: u64,
    /// Seconds of CPU by thread name, as last seen.
    pub(crate) threads: BTreeMap<String, f64>,
    /// Its standard output, unless discarded.
    pub(crate) stdout: String,
}

/// Runs a program and prints what it took as JSON.
#[derive(Debug, Args)]
pub(crate) struct Wrapper {
    /// The program cannot write a byte to any file: the kernel ends it when it tries
    #[arg(long)]
    no_files: bool,
    /// Its standard output goes to /dev/null
    #[arg(long)]
    discard: bool,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Wrapper {
    pub(crate) fn run(&self) -> ExitCode {
        if self.no_files {
            // Also for files that are unlinked or in memory; pipes and sockets are free.
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            setrlimit(Resource::Fsize, none).expect("a limit on files");
        }
        let measured = self.watch();
        println!(
            "{}",
            serde_json::to_string(&measured).expect("a JSON object")
        );
        ExitCode::SUCCESS
    }

    fn watch(&self) -> Measured {
        let begun = Instant::now();
        let mut child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .stdout(if self.discard {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.command[0].display()));
        let process = Path::new("/proc").join(child.id().to_string());
        let id = Pid::from_child(&child);
        let stdout = child.stdout.take();
        let ended = AtomicBool::new(false);
        let (seconds, written, threads, stdout) = std::thread::scope(|scope| {
            let threads = scope.spawn(|| watch_threads(&process, &ended));
            let stdout =
                scope.spawn(|| stdout.map(|stdout| std::io::read_to_string(stdout).expect("text")));
            // Leaves the ended process in place, so that its accounts can be read.
            let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            waitid(WaitId::Pid(id), exited).expect("an ended child");
            let seconds = begun.elapsed().as_secs_f64();
            ended.store(true, Ordering::Release);
            (
                seconds,
                written_bytes(&process),
                threads.join().expect("the watching thread"),
                stdout.join().expect("the reading thread"),
            )
        });
        let ended = child.wait4().expect("an ended child");
        let usage = ended.rusage;
        Measured {
            success: ended.status.success(),
            seconds,
            cpu: (usage.utime + usage.stime).as_secs_f64(),
            peak: usage.maxrss,
            written,
            threads,
            stdout: stdout.unwrap_or_default(),
        }
    }
}

fn written_bytes(process: &Path) -> u64 {
    let accounts = std::fs::read_to_string(process.join("io")).expect("the accounts of a child");
    accounts
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))
        .and_then(|bytes| bytes.parse().ok())
        .expect("the written bytes")
}

/// The CPU seconds of every thread, by name, until the program has ended.
fn watch_threads(process: &Path, ended: &AtomicBool) -> BTreeMap<String, f64> {
    let mut by_thread: BTreeMap<PathBuf, (String, f64)> = BTreeMap::new();
    while !ended.load(Ordering::Acquire) {
        for thread in std::fs::read_dir(process.join("task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            // A thread may end while it is looked at.
            if let Some(seen) = look(&thread.path()) {
                by_thread.insert(thread.path(), seen);
            }
        }
        std::thread::sleep(LOOK);
    }
    let mut by_name = BTreeMap::new();
    for (name, seconds) in by_thread.into_values() {
        *by_name.entry(name).or_insert(0.0) += seconds;
    }
    by_name
}

fn look(thread: &Path) -> Option<(String, f64)> {
    let name = std::fs::read_to_string(thread.join("comm")).ok()?;
    let accounts = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanoseconds: f64 = accounts.split_whitespace().next()?.parse().ok()?;
    Some((name.trim().to_owned(), nanoseconds / 1e9))
}

/// How a program is run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    /// It may write no file.
    pub(crate) no_files: bool,
    /// Its standard output goes nowhere.
    pub(crate) discard: bool,
}

/// Runs a prepared command (program, arguments, folder, environment) through the wrapper.
pub(crate) fn run(command: &Command, how: How) -> Measured {
    let mut wrapper = Command::new(std::env::current_exe().expect("this program's path"));
    wrapper.arg("measured");
    if how.no_files {
        wrapper.arg("--no-files");
    }
    if how.discard {
        wrapper.arg("--discard");
    }
    wrapper
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args());
    // The caller's command may have cleared the environment: only what it has is passed on.
    wrapper.env_clear().envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(folder) = command.get_current_dir() {
        wrapper.current_dir(folder);
    }
    // Its stderr is no file either, wherever ours goes.
    let output = wrapper.output().expect("the wrapper");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "the wrapper of {:?} said {:?}: {error}",
            command.get_program(),
            String::from_utf8_lossy(&output.stdout)
        )
    })
}
