//! Everything a backup needs, each server a process of its own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{BUCKET, make_key, programs, tool, user_command};
use tempfile::TempDir;

use crate::data;
use crate::processes::Server;

/// What a node's snapshot is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Snapshot<'a> {
    /// Streamed by a real etcd, restored from this file.
    Etcd(&'a Path),
    /// This file.
    File(&'a Path),
}

/// A control plane of one node, an S3 server, a working folder with talosconfig and keys.
pub(crate) struct World {
    pub(crate) talos: Server,
    pub(crate) s3: Server,
    folder: TempDir,
}

impl World {
    /// `hold`: milliseconds that every answer of the S3 server waits.
    pub(crate) fn new(snapshot: Snapshot<'_>, hold: u64) -> Self {
        // On the disk the snapshots are on: `/tmp` may be memory.
        let folder = tempfile::tempdir_in(data::folder()).expect("a folder");
        make_key(folder.path());
        let mut talos = Command::new(programs().join("talos-sim"));
        talos.args(["--nodes", "1", "--name", "prod", "--until-stdin-closes"]);
        let mut config = std::ffi::OsString::from("os:etcd:backup=");
        config.push(folder.path().join("talosconfig"));
        talos.arg("--talosconfig-role").arg(config);
        match snapshot {
            Snapshot::Etcd(file) => talos
                .arg("--etcd")
                .arg(tool("etcd-3.5/etcd"))
                .arg("--restore")
                .arg(file),
            Snapshot::File(file) => talos.arg("--source").arg(file),
        };
        let mut s3 = Command::new(std::env::current_exe().expect("this program's path"));
        s3.args(["s3", "--hold", &hold.to_string()]);
        Self {
            talos: Server::start(&mut talos),
            s3: Server::start(&mut s3),
            folder,
        }
    }

    pub(crate) fn s3_endpoint(&self) -> &str {
        self.s3.ready["endpoint"].as_str().expect("an endpoint")
    }

    /// The client URL of etcd.
    pub(crate) fn etcd_url(&self) -> &str {
        self.talos.ready["etcd"][0].as_str().expect("an etcd")
    }

    pub(crate) fn etcd_process(&self) -> u32 {
        let process = self.talos.ready["etcd_pids"][0].as_u64();
        u32::try_from(process.expect("an etcd")).expect("a process id")
    }

    /// The address of the one node.
    pub(crate) fn node(&self) -> Ipv4Addr {
        let node = self.talos.ready["nodes"][0].as_str().expect("a node");
        node.parse().expect("an address")
    }

    /// A file in the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of our programs, or one on the user's PATH.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let ours = programs().join(program);
        let program = if ours.exists() { ours } else { program.into() };
        let mut command = user_command(program, self.folder.path(), self.s3_endpoint());
        command.args(arguments);
        command
    }

    /// The whole backup in one word.
    pub(crate) fn now(&self, more: &[&str]) -> Command {
        let destination = format!("s3://{BUCKET}/prod");
        let mut command = self.command(
            "kubectl-etcdbackup",
            &["now", "--direct", &destination, "-R", "recipients.txt"],
        );
        command.args(more);
        command
    }

    /// age's public key of this world.
    pub(crate) fn recipient(&self) -> String {
        let text = std::fs::read_to_string(self.path("recipients.txt")).expect("recipients.txt");
        text.trim().to_owned()
    }
}
