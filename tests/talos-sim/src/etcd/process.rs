//! etcd processes: one for each control plane, one cluster, gone with the simulator.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Node};
use crate::error::Error;
use crate::network::{ETCD_CLIENT_PORT, ETCD_PEER_PORT};

/// How long the cluster may take until every member has a leader.
const START: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// Lines of etcd's log in an error.
const LOG_LINES: usize = 12;
/// Enough for benchmarks.
const QUOTA: &str = "8589934592";

/// An etcd program, what it can do, and what it starts from.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    skips_fsync: bool,
    /// A snapshot that a member without data is restored from; none: it starts empty.
    snapshot: Option<PathBuf>,
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
        })
    }

    /// The tool that restores, from the same folder: `etcdutl`, or `etcdctl` before 3.5.
    fn restorer(&self) -> Command {
        let tool = self.path.with_file_name("etcdutl");
        if tool.exists() {
            return Command::new(tool);
        }
        let mut tool = Command::new(self.path.with_file_name("etcdctl"));
        tool.env("ETCDCTL_API", "3");
        tool
    }
}

/// The processes of one simulator. They must be started on a thread that outlives them: the
/// kernel ends them when that thread ends.
pub(crate) struct Processes {
    program: Program,
    folder: PathBuf,
    /// By index of the node.
    children: Vec<Option<Child>>,
}

impl Processes {
    pub(crate) fn new(program: Program, folder: &Path, cluster: &Cluster) -> Self {
        let children = cluster.nodes.iter().map(|_| None).collect();
        Self {
            program,
            folder: folder.to_owned(),
            children,
        }
    }

    fn log(&self, node: &Node) -> PathBuf {
        self.folder.join(format!("{}.log", node.name))
    }

    /// Starts the member of one control plane, unless it runs.
    pub(crate) fn start(&mut self, index: usize, cluster: &Cluster) -> Result<u32, Error> {
        let node = &cluster.nodes[index];
        if let Some(child) = &self.children[index] {
            return Ok(child.id());
        }
        self.restore(node, cluster)?;
        let log = self.log(node);
        let tried = format!("starting etcd of {}", node.name);
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Error::at(&tried))?;
        let errors = output.try_clone().map_err(Error::at(&tried))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program.path)
            .args(self.arguments(node, cluster))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::at(&tried))?;
        let process = child.id();
        self.children[index] = Some(child);
        Ok(process)
    }

    fn data(&self, node: &Node) -> PathBuf {
        self.folder.join(&node.name)
    }

    /// Makes a member's data out of the snapshot, unless it has data or there is none.
    fn restore(&self, node: &Node, cluster: &Cluster) -> Result<(), Error> {
        let Some(snapshot) = &self.program.snapshot else {
            return Ok(());
        };
        if self.data(node).exists() {
            return Ok(());
        }
        let tried = format!("restoring {} for {}", snapshot.display(), node.name);
        let output = self
            .program
            .restorer()
            .args(["snapshot", "restore"])
            .arg(snapshot)
            .args(self.identity(node, cluster))
            .output()
            .map_err(Error::at(&tried))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(format!("{tried}: {}: {said}", output.status)))
    }

    /// Who a member is: what a restore and a first start must agree on.
    fn identity(&self, node: &Node, cluster: &Cluster) -> Vec<String> {
        let peer = |node: &Node| format!("http://{}:{ETCD_PEER_PORT}", node.address);
        let peers = cluster
            .control_planes()
            .map(|node| format!("{}={}", node.name, peer(node)));
        vec![
            format!("--name={}", node.name),
            format!("--data-dir={}", self.data(node).display()),
            format!("--initial-advertise-peer-urls={}", peer(node)),
            format!("--initial-cluster={}", peers.collect::<Vec<_>>().join(",")),
            format!("--initial-cluster-token={}", cluster.name),
        ]
    }

    fn arguments(&self, node: &Node, cluster: &Cluster) -> Vec<String> {
        let client = format!("http://{}:{ETCD_CLIENT_PORT}", node.address);
        let mut arguments = self.identity(node, cluster);
        arguments.extend([
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!(
                "--listen-peer-urls=http://{}:{ETCD_PEER_PORT}",
                node.address
            ),
            "--initial-cluster-state=new".to_owned(),
            format!("--quota-backend-bytes={QUOTA}"),
            "--snapshot-count=1000".to_owned(),
            "--max-wals=1".to_owned(),
            "--logger=zap".to_owned(),
            "--log-outputs=stderr".to_owned(),
        ]);
        if self.program.skips_fsync {
            arguments.push("--unsafe-no-fsync".to_owned());
        }
        arguments
    }

    /// Kills the member of one control plane and waits for its end.
    pub(crate) fn stop(&mut self, index: usize) {
        if let Some(mut child) = self.children[index].take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Waits until these members answer and know a leader.
    pub(crate) async fn wait(&mut self, indices: &[usize], cluster: &Cluster) -> Result<(), Error> {
        let until = Instant::now() + START;
        for &index in indices {
            let node = &cluster.nodes[index];
            let Some(etcd) = node.etcd.get() else {
                continue;
            };
            loop {
                let status = etcd.status_now().await;
                if status.as_ref().is_ok_and(|status| status.leader != 0) {
                    break;
                }
                let ended = self.children[index]
                    .as_mut()
                    .and_then(|child| child.try_wait().ok().flatten());
                if ended.is_some() || Instant::now() > until {
                    return Err(self.failure(node, &format!("{ended:?}, {status:?}")));
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    fn failure(&self, node: &Node, last: &str) -> Error {
        let log = fs::read_to_string(self.log(node)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        Error::new(format!(
            "etcd of {} has no leader after {} s: {last}; its log ends:\n{tail}",
            node.name,
            START.as_secs()
        ))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for index in 0..self.children.len() {
            self.stop(index);
        }
    }
}
