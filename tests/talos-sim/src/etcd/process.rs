//! Programs of etcd: a member for each control plane, and the tools that restore; gone with the
//! simulator.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::cluster::Node;
use crate::error::Error;
use crate::network::{ETCD_CLIENT_PORT, ETCD_PEER_PORT};

const POLL: Duration = Duration::from_millis(30);
/// Lines of a log in an error.
const LOG_LINES: usize = 12;
/// Enough for benchmarks.
const QUOTA: u64 = 8_589_934_592;

/// An etcd program, what it can do, and what it starts from.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    skips_fsync: bool,
    /// A snapshot that a member without data is restored from at the cluster's first start.
    pub(crate) snapshot: Option<PathBuf>,
    /// Bytes that a database may have.
    pub(crate) quota: u64,
}

impl Program {
    /// Asks the program for its version.
    pub(crate) fn at(path: &Path, snapshot: Option<PathBuf>) -> Result<Self, Error> {
        let tried = format!("running {} --version", path.display());
        let output = Command::new(path)
            .arg("--version")
            .output()
            .map_err(Error::at(&tried))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("etcd Version: "));
        let version =
            version.ok_or_else(|| Error::new(format!("{tried}: no version in the answer")))?;
        Ok(Self {
            path: path.to_owned(),
            skips_fsync: !version.starts_with("3.4."),
            snapshot,
            quota: QUOTA,
        })
    }

    /// The tool that restores, from the same folder: `etcdutl`, or `etcdctl` before 3.5.
    pub(crate) fn restorer(&self) -> Command {
        let tool = self.path.with_file_name("etcdutl");
        if tool.exists() {
            return contained(&tool);
        }
        let mut tool = contained(&self.path.with_file_name("etcdctl"));
        tool.env("ETCDCTL_API", "3");
        tool
    }

    /// A member of this node, with what its data says or these words add.
    pub(crate) fn member(&self, node: &Node, cluster: &[String]) -> Command {
        let client = format!("http://{}:{ETCD_CLIENT_PORT}", node.address);
        let mut command = contained(&self.path);
        command
            .arg(format!("--name={}", node.name))
            .arg(format!("--data-dir={}", node.disk.data().display()))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={}", peer_url(node)))
            .arg(format!("--initial-advertise-peer-urls={}", peer_url(node)))
            .args(cluster)
            .arg(format!("--quota-backend-bytes={}", self.quota))
            .args(["--snapshot-count=1000", "--max-wals=1"])
            .args(["--logger=zap", "--log-outputs=stderr"]);
        if self.skips_fsync {
            command.arg("--unsafe-no-fsync");
        }
        command
    }
}

/// Where a node's member speaks to its peers. Real Talos has `https` here.
pub(crate) fn peer_url(node: &Node) -> String {
    format!("http://{}:{ETCD_PEER_PORT}", node.address)
}

/// A program that the kernel ends when the thread that started it does.
fn contained(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Which process of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// etcd itself.
    Member(usize),
    /// A tool at work on its data.
    Tool(usize),
}

/// A program to start.
pub(crate) struct Spawn {
    slot: Slot,
    command: Command,
    started: oneshot::Sender<io::Result<u32>>,
}

/// The processes of one simulator. They are started on the engine's thread, which outlives
/// them, and looked after from anywhere.
pub(crate) struct Processes {
    pub(crate) program: Program,
    folder: PathBuf,
    spawner: UnboundedSender<Spawn>,
    children: Mutex<HashMap<Slot, Child>>,
}

impl Processes {
    pub(crate) fn new(program: Program, folder: &Path, spawner: UnboundedSender<Spawn>) -> Self {
        Self {
            program,
            folder: folder.to_owned(),
            spawner,
            children: Mutex::default(),
        }
    }

    fn children(&self) -> MutexGuard<'_, HashMap<Slot, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, slot: Slot) -> PathBuf {
        self.folder.join(match slot {
            Slot::Member(index) => format!("etcd-{index}.log"),
            Slot::Tool(index) => format!("tool-{index}.log"),
        })
    }

    /// Starts a program and tells its process id. What it says goes to its log.
    pub(crate) async fn start(&self, slot: Slot, mut command: Command) -> io::Result<u32> {
        if matches!(slot, Slot::Tool(_)) {
            fs::remove_file(self.log(slot)).ok();
        }
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.log(slot))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let (started, answer) = oneshot::channel();
        let spawn = Spawn {
            slot,
            command,
            started,
        };
        let stopped = || io::Error::other("the simulator has stopped");
        self.spawner.send(spawn).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// On the engine's thread only. Nothing is started for a caller who has gone.
    pub(crate) fn spawn_here(&self, mut spawn: Spawn) {
        let mut children = self.children();
        if spawn.started.is_closed() {
            return;
        }
        let started = spawn.command.spawn().map(|child| {
            let process = child.id();
            if let Some(other) = children.insert(spawn.slot, child) {
                end(other);
            }
            process
        });
        spawn.started.send(started).ok();
    }

    /// Waits for the end of a program.
    pub(crate) async fn ended(&self, slot: Slot) -> Option<ExitStatus> {
        loop {
            {
                let mut children = self.children();
                let status = children.get_mut(&slot)?.try_wait();
                if let Ok(Some(status)) = status {
                    children.remove(&slot);
                    return Some(status);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends a program and waits for its end.
    pub(crate) fn stop(&self, slot: Slot) {
        let child = self.children().remove(&slot);
        if let Some(child) = child {
            end(child);
        }
    }

    /// Kills a program and leaves it to whoever waits for its end.
    pub(crate) fn kill(&self, slot: Slot) -> bool {
        let mut children = self.children();
        children
            .get_mut(&slot)
            .is_some_and(|child| child.kill().is_ok())
    }

    /// Ends all programs.
    pub(crate) fn stop_all(&self) {
        let children = std::mem::take(&mut *self.children());
        children.into_values().for_each(end);
    }

    /// The end of a program's log.
    pub(crate) fn last_words(&self, slot: Slot) -> String {
        let log = fs::read(self.log(slot)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

fn end(mut child: Child) {
    child.kill().ok();
    child.wait().ok();
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.stop_all();
    }
}
