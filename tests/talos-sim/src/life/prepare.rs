//! The pre stage of etcd's service: what its data directory is made of. As on real Talos the
//! directory decides: where it has any entry, etcd starts on it and is told nothing.

use std::process::Command;

use etcdbackup_proto::machine::BootstrapRequest;

use super::service::{Plan, Stopped};
use super::{Life, POLL, Start};
use crate::cluster::{Kind, Node};
use crate::disk::SNAPSHOT;
use crate::etcd::process::{Processes, Slot, peer_url};
use crate::state::Restore;

/// etcd's default, which Talos leaves as it is, but for a restore, where it is empty.
const TOKEN: &str = "etcd-cluster";

/// One member of a cluster in the making.
fn member(node: &Node) -> String {
    format!("{}={}", node.name, peer_url(node))
}

/// The arguments of a first start.
pub(super) fn initial(cluster: &str, state: &str) -> Vec<String> {
    vec![
        format!("--initial-cluster={cluster}"),
        format!("--initial-cluster-state={state}"),
        format!("--initial-cluster-token={TOKEN}"),
    ]
}

impl Life {
    /// # Errors
    /// What Talos says behind "Failed to run pre stage:".
    pub(super) async fn prepare(&self, start: Start) -> Result<Plan, Stopped> {
        self.pull_image().await?;
        let Some(processes) = &self.processes else {
            return self.wait_for_scripted_data().await;
        };
        match start {
            Start::Bootstrap(request) if request.recover_etcd => {
                self.recover(processes, request).await?;
            }
            Start::First => self.restore_first(processes).await?,
            _ => {}
        }
        if self.node.disk.has_data() {
            return Ok(Plan::default());
        }
        let arguments = match start {
            Start::First => initial(&self.everybody(), "new"),
            Start::Bootstrap(_) => initial(&member(&self.node), "new"),
            _ if self.node.kind == Kind::Init => initial(&member(&self.node), "new"),
            Start::Plain | Start::Never => return self.join().await,
        };
        Ok(Plan {
            arguments,
            learner: None,
        })
    }

    fn everybody(&self) -> String {
        let members: Vec<_> = self
            .cluster
            .control_planes()
            .map(|node| member(node))
            .collect();
        members.join(",")
    }

    /// A scripted etcd has no way to new data but a test.
    async fn wait_for_scripted_data(&self) -> Result<Plan, Stopped> {
        while !self.node.disk.has_data() {
            self.node.script().listening = false;
            if self.waits_too_long() {
                return Err(Stopped::Failed(super::join::TIMEOUT.to_owned()));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Plan::default())
    }

    /// The uploaded snapshot becomes the data of a cluster of one, with an empty token, so that
    /// its ids depend on the node's address alone. The upload goes when that has worked.
    async fn recover(
        &self,
        processes: &Processes,
        request: BootstrapRequest,
    ) -> Result<(), Stopped> {
        let failed = |what: &str, text: &str| Stopped::Failed(format!("{what}: {text}"));
        let (verifying, recovering) = (
            "error verifying snapshot",
            "error recovering from the snapshot",
        );
        match self.restore_script() {
            Restore::Real => {}
            Restore::FailClean(text) => return Err(failed(verifying, &text)),
            Restore::FailDirty(text) => {
                let copied = self.leave_half_a_restore();
                copied.map_err(|error| failed(recovering, &error.to_string()))?;
                return Err(failed(recovering, &text));
            }
            Restore::Hang => {
                while self.restore_script() == Restore::Hang {
                    tokio::time::sleep(POLL).await;
                }
            }
            Restore::Reboot => {
                self.node.machine().restore = Restore::Real;
                return Err(Stopped::Reboot);
            }
        }
        let snapshot = self.node.disk.snapshot();
        let mut status = processes.program.restorer();
        status.args(["snapshot", "status"]).arg(&snapshot);
        self.tool(processes, status)
            .await
            .inspect_err(|text| self.cluster.record.refuse(text.clone()))
            .map_err(|text| failed(verifying, &text))?;
        self.log("recovering etcd from snapshot");
        let mut restore = self.restorer(processes, &snapshot, &member(&self.node), "");
        restore.arg(format!(
            "--skip-hash-check={}",
            request.recover_skip_hash_check
        ));
        self.restore(processes, restore)
            .await
            .inspect_err(|text| self.cluster.record.refuse(text.clone()))
            .map_err(|text| failed(recovering, &text))?;
        std::fs::remove_file(&snapshot).map_err(|error| {
            failed(
                "error deleting snapshot",
                &format!("remove {SNAPSHOT}: {error}"),
            )
        })
    }

    /// As etcd's tool does, which copies the database before it compares the digest.
    fn leave_half_a_restore(&self) -> std::io::Result<()> {
        let folder = self.node.disk.data().join("member/snap");
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(self.node.disk.snapshot(), folder.join("db")).map(drop)
    }

    /// The snapshot that all members of a new simulator begin with.
    async fn restore_first(&self, processes: &Processes) -> Result<(), Stopped> {
        let Some(snapshot) = &processes.program.snapshot else {
            return Ok(());
        };
        let restore = self.restorer(processes, snapshot, &self.everybody(), TOKEN);
        self.restore(processes, restore).await.map_err(|text| {
            Stopped::Failed(format!(
                "restoring {} for {}: {text}",
                snapshot.display(),
                self.node.name
            ))
        })
    }

    fn restorer(
        &self,
        processes: &Processes,
        snapshot: &std::path::Path,
        cluster: &str,
        token: &str,
    ) -> Command {
        let mut command = processes.program.restorer();
        command
            .args(["snapshot", "restore"])
            .arg(snapshot)
            .arg(format!("--name={}", self.node.name))
            .arg(format!("--data-dir={}", self.node.disk.data().display()))
            .arg(format!(
                "--initial-advertise-peer-urls={}",
                peer_url(&self.node)
            ))
            .arg(format!("--initial-cluster={cluster}"))
            .arg(format!("--initial-cluster-token={token}"));
        command
    }

    /// The tool of etcd 3.4 makes the directory itself, and refuses an empty one.
    async fn restore(&self, processes: &Processes, command: Command) -> Result<(), String> {
        std::fs::remove_dir(self.node.disk.data()).ok();
        let restored = self.tool(processes, command).await;
        std::fs::create_dir_all(self.node.disk.data()).ok();
        restored
    }

    /// Runs a tool; its failure is what it said last.
    async fn tool(&self, processes: &Processes, command: Command) -> Result<(), String> {
        let slot = Slot::Tool(self.index);
        let started = processes.start(slot, command).await;
        started.map_err(|error| error.to_string())?;
        let status = processes.ended(slot).await;
        if status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        let words = processes.last_words(slot);
        let error = words.lines().rev().find(|line| !line.trim().is_empty());
        let error = error.unwrap_or("no word").trim_start_matches("Error: ");
        Err(self.node.disk.in_own_words(error))
    }
}
