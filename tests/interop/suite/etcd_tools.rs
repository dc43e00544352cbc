//! etcd's own programs, one release each, as judges of what we take, keep and say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{World, text, tool};
use serde_json::Value;
use talos_sim::Simulator;

use crate::process::{Running, free_port, json, other, printed, wait_for};

/// A release of etcd: its folder among the tools, with `etcd`, `etcdctl` and `etcdutl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release(pub(crate) &'static str);

/// As Debian and Talos up to 1.10 have it.
pub(crate) const ETCD_3_5: Release = Release("etcd-3.5");
/// Talos 1.11 to 1.13.
pub(crate) const ETCD_3_6: Release = Release("etcd-3.6");
/// Talos 1.14.
pub(crate) const ETCD_3_7: Release = Release("etcd-3.7");

impl Release {
    fn program(self, name: &str) -> PathBuf {
        tool(self.0).join(name)
    }

    /// A world with three members of this release, filled.
    pub(crate) fn world(self, fill: &str) -> World {
        let talos = Simulator::builder()
            .etcd(&self.program("etcd"))
            .cluster_name("prod")
            .start()
            .unwrap();
        talos.fill(fill.parse().unwrap()).unwrap();
        World::around(talos)
    }

    /// What `etcdutl snapshot status` says of a file.
    pub(crate) fn status(self, file: &Path) -> Value {
        let mut command = other(&self.program("etcdutl"));
        json(command.args(["snapshot", "status", "-w", "json"]).arg(file))
    }

    /// Restores a file into a new data directory.
    pub(crate) fn restore(self, file: &Path, data: &Path) {
        printed(&mut self.restoring(file, data));
    }

    /// What it says when it restores a file that it must refuse.
    pub(crate) fn refuses(self, file: &Path, data: &Path) -> String {
        let output = self.restoring(file, data).output().unwrap();
        assert!(!output.status.success(), "{self:?} restored it");
        text(&output.stderr)
    }

    /// A restore, to be run.
    pub(crate) fn restoring(self, file: &Path, data: &Path) -> Command {
        let mut command = other(&self.program("etcdutl"));
        command.args(["snapshot", "restore"]).arg(file);
        command.arg("--data-dir").arg(data);
        command
    }

    /// `etcdutl hashkv` of a file, or of the database of a data directory: hash and revision.
    pub(crate) fn hash_of_file(self, file: &Path) -> (u32, i64) {
        // The command writes into what it hashes.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("db");
        fs::copy(file, &copy).unwrap();
        let mut command = other(&self.program("etcdutl"));
        let said = json(command.args(["hashkv", "-w", "json"]).arg(copy));
        hash(&said, &said["hashRevision"])
    }

    /// A command of etcdctl. The user counts only where authentication is on.
    pub(crate) fn ctl(self, endpoint: &str) -> Command {
        let mut command = other(&self.program("etcdctl"));
        command.args(["--user", "root:planted", "--endpoints", endpoint]);
        command
    }

    /// HashKV of a running member, as etcdctl prints it.
    pub(crate) fn hashes_of_server(self, endpoint: &str) -> Value {
        let mut command = self.ctl(endpoint);
        json(command.args(["endpoint", "hashkv", "-w", "json"]))[0]["HashKV"].take()
    }

    /// HashKV of a running member: hash and revision.
    pub(crate) fn hash_of_server(self, endpoint: &str) -> (u32, i64) {
        let said = self.hashes_of_server(endpoint);
        hash(&said, &said["header"]["revision"])
    }

    /// Runs a data directory as a member of its own; a new one is an empty store.
    pub(crate) fn serve(self, data: &Path) -> Server {
        self.serve_with(data, &[])
    }

    /// The same with more flags.
    pub(crate) fn serve_with(self, data: &Path, more: &[&str]) -> Server {
        let url = || format!("http://127.0.0.1:{}", free_port());
        let (client, peer) = (url(), url());
        let mut running = Running::server(&self.program("etcd"), |command| {
            command
                .args(["--data-dir".as_ref(), data.as_os_str()])
                .args(["--listen-client-urls", &client])
                .args(["--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--log-level", "error"])
                .args(more);
        });
        wait_for("an etcd on what was restored", || {
            assert!(!running.has_ended(), "etcd ended");
            let mut health = self.ctl(&client);
            health.args(["endpoint", "health"]);
            health.output().unwrap().status.success().then_some(())
        });
        Server {
            _running: running,
            endpoint: client,
        }
    }

    /// How many keys a member has.
    pub(crate) fn count(self, endpoint: &str) -> u64 {
        let mut command = self.ctl(endpoint);
        command.args(["get", "", "--prefix"]);
        let said = printed(command.args(["--count-only", "-w", "fields"]));
        let count = said
            .lines()
            .find_map(|line| line.strip_prefix("\"Count\" : "));
        let count = count.unwrap_or_else(|| panic!("no count: {said}"));
        count.parse().unwrap()
    }
}

fn hash(said: &Value, revision: &Value) -> (u32, i64) {
    let hash = u32::try_from(said["hash"].as_u64().unwrap()).unwrap();
    (hash, revision.as_i64().unwrap())
}

/// A running etcd, gone when dropped.
pub(crate) struct Server {
    _running: Running,
    /// Its client URL.
    pub(crate) endpoint: String,
}
