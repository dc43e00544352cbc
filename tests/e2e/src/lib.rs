//! A world for end-to-end tests and the demo: a simulated Talos control plane, an S3 server,
//! an age key, and the built programs on PATH.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a world that cannot be built stops the test, with the reason"
)]

pub mod dist;
pub mod documents;
pub mod etcd;
pub mod golden;
mod judge;
pub mod kubernetes;
mod run;
pub mod secrets;
pub mod terminal;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use s3_sim::S3Sim;
use s3_sim::folder::FolderServer;
use talos_sim::Simulator;

pub use run::Run;
pub use secrets::SECRET_KEY;

/// The access key id, which may show.
pub const ACCESS_KEY: &str = "AKIDPLANTED";
/// The bucket every world has.
pub const BUCKET: &str = "backups";

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// The folder of the built programs: beside the running test or demo.
pub fn programs() -> PathBuf {
    let here = std::env::current_exe().expect("this program's path");
    let folder = here.parent().expect("a folder");
    // Tests lie one deeper than programs.
    if folder.ends_with("deps") {
        folder.parent().expect("a folder").to_owned()
    } else {
        folder.to_owned()
    }
}

fn tools() -> PathBuf {
    std::env::var_os("ETCDBACKUP_TOOLS_DIR")
        .map_or_else(|| repository().join("target/tools"), PathBuf::from)
}

/// A fetched tool, by its path under `target/tools`.
pub fn tool(path: &str) -> PathBuf {
    let tool = tools().join(path);
    assert!(
        tool.exists(),
        "{} is missing: run tests/tools/fetch",
        tool.display()
    );
    tool
}

/// An S3 server of a world.
pub trait S3Server {
    /// URL to give to clients.
    fn endpoint(&self) -> String;
}

impl S3Server for S3Sim {
    fn endpoint(&self) -> String {
        Self::endpoint(self)
    }
}

impl S3Server for FolderServer {
    fn endpoint(&self) -> String {
        Self::endpoint(self)
    }
}

/// Everything a backup needs, on loopback, gone when dropped.
pub struct World<S = S3Sim> {
    /// The Talos control plane.
    pub talos: Simulator,
    /// The S3 server.
    pub s3: S,
    /// Working folder: talosconfig, `key.txt`, `recipients.txt`.
    pub folder: tempfile::TempDir,
    /// Stops the test at the world's end where a program did what it must not.
    judge: judge::Judge,
}

impl World {
    /// A world around a started simulator, its talosconfig for `os:etcd:backup`.
    pub fn around(talos: Simulator) -> Self {
        let s3 = S3Sim::builder()
            .bucket(BUCKET)
            .credentials(ACCESS_KEY, SECRET_KEY);
        Self::of(talos, s3.start())
    }

    /// A world that serves these bytes as every node's snapshot.
    pub fn serving(snapshot: impl Into<Vec<u8>>) -> Self {
        let snapshot: Vec<u8> = snapshot.into();
        Self::around(
            Simulator::builder()
                .snapshot_bytes(snapshot)
                .start()
                .expect("a simulator"),
        )
    }

    /// A world with a real etcd behind three nodes, filled.
    pub fn with_etcd() -> Self {
        let world = Self::around(talos_with_etcd());
        world.fill(400);
        world
    }
}

impl World<FolderServer> {
    /// The demo's world: a real etcd with the objects of a real Kubernetes in it, and an S3 server
    /// over a folder.
    pub fn demo() -> Self {
        let s3 = FolderServer::start(&[BUCKET], ACCESS_KEY, SECRET_KEY).expect("an S3 server");
        let folder = tempfile::tempdir().expect("a folder");
        let snapshot = folder.path().join("after.snapshot");
        std::fs::write(&snapshot, kubernetes::fixture("after")).expect("a written snapshot");
        let config = repository().join("tests/fixtures/controlplane-v1alpha1.yaml");
        let config = std::fs::read_to_string(config).expect("a machine config");
        let talos = Simulator::builder()
            .workers(2)
            .etcd(&tool("etcd-3.5/etcd"))
            .restored_from(&snapshot)
            .machine_config(&config)
            .cluster_name("prod");
        let world = Self::of(talos.start().expect("a simulator"), s3);
        world.revoke_short_leases();
        world
    }
}

fn talos_with_etcd() -> Simulator {
    Simulator::builder()
        .etcd(&tool("etcd-3.5/etcd"))
        .cluster_name("prod")
        .start()
        .expect("a simulator")
}

impl<S: S3Server> World<S> {
    /// A world of these two.
    pub fn of(talos: Simulator, s3: S) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = talos
            .talosconfig(&["os:etcd:backup"])
            .expect("a talosconfig");
        config
            .identity
            .key
            .lines()
            .filter(|line| !line.starts_with('-'))
            .for_each(secrets::plant);
        config
            .write(&folder.path().join("talosconfig"))
            .expect("a written talosconfig");
        let judge = judge::Judge::of(talos.record());
        let world = Self {
            talos,
            s3,
            folder,
            judge,
        };
        make_key(world.folder.path());
        world
    }

    /// Keys of an API server that renews them every few seconds, and is not there: they would be
    /// gone at some moment of what follows.
    pub fn revoke_short_leases(&self) {
        let endpoints = self.talos.etcd_endpoints();
        let etcdctl = |arguments: &[&str]| {
            let mut etcdctl = self.command(tool("etcd-3.5/etcdctl"));
            etcdctl.args(["--endpoints", &endpoints[0], "lease"]);
            let output = etcdctl.args(arguments).output().expect("etcdctl");
            assert!(output.status.success(), "{}", text(&output.stderr));
            text(&output.stdout)
        };
        let listed = etcdctl(&["list"]);
        for lease in listed.lines().skip(1) {
            // "lease 71… granted with TTL(15s), remaining(9s)"
            let told = etcdctl(&["timetolive", lease]);
            let granted = told
                .split("TTL(")
                .nth(1)
                .and_then(|end| end.split('s').next());
            let seconds: Option<u64> = granted.and_then(|seconds| seconds.parse().ok());
            if seconds.is_some_and(|seconds| seconds < 600) {
                etcdctl(&["revoke", lease]);
            }
        }
    }

    /// The same for somebody who types talosctl's commands.
    #[must_use]
    pub fn by_hand(mut self) -> Self {
        self.judge.by_hand = true;
        self
    }

    /// A file in the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command with only what a user would have: PATH, talosconfig, S3 settings.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Run {
        let command = user_command(program, self.folder.path(), &self.s3.endpoint());
        Run::new(command, self.folder.path(), self.judge.record())
    }

    /// A pipeline in bash, all of whose programs must succeed.
    pub fn shell(&self, script: &str) -> Output {
        self.command("bash")
            .args(["-o", "pipefail", "-ec", script])
            .output()
            .expect("bash")
    }

    /// One of our programs.
    pub fn ours(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(programs().join(program))
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error} (cargo build --workspace --bins)"))
    }

    /// Kubernetes-shaped keys into the real etcd: `count` ConfigMaps and Secrets.
    pub fn fill(&self, count: usize) {
        let endpoint = self
            .talos
            .etcd_endpoints()
            .into_iter()
            .next()
            .expect("an etcd");
        for batch in 0..count.div_ceil(100) {
            let mut script = String::from("\n");
            for item in batch * 100..((batch + 1) * 100).min(count) {
                let kind = if item % 3 == 0 {
                    "secrets"
                } else {
                    "configmaps"
                };
                let text = format!("setting-{item}=value-{} ", item * 7919).repeat(40);
                script += &format!(
                    "put /registry/{kind}/team-{}/item-{item} \"k8s v1 {kind} {text}\"\n",
                    item % 7
                );
            }
            script += "\n\n";
            let put = self
                .command(tool("etcd-3.5/etcdctl"))
                .args(["--endpoints", &endpoint, "txn"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .and_then(|mut child| {
                    use std::io::Write;
                    child
                        .stdin
                        .take()
                        .expect("stdin")
                        .write_all(script.as_bytes())?;
                    child.wait_with_output()
                })
                .expect("etcdctl");
            assert!(put.status.success(), "{}", text(&put.stderr));
        }
    }
}

/// A command in a working folder, with only what a user would have: PATH, the folder's
/// `talosconfig`, S3 settings.
pub fn user_command(program: impl AsRef<OsStr>, folder: &Path, s3_endpoint: &str) -> Command {
    let mut command = Command::new(program);
    let path = format!(
        "{}:{}:{}:/usr/bin:/bin",
        programs().display(),
        tool("age").display(),
        // Not everyone who runs a world needs it.
        tools().join("kubectl").display()
    );
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("TALOSCONFIG", folder.join("talosconfig"))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_ENDPOINT_URL_S3", s3_endpoint)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// `key.txt` and `recipients.txt` in a folder, made by age's own tool.
pub fn make_key(folder: &Path) {
    let keygen = |arguments: &[&str]| {
        let output = Command::new(tool("age/age-keygen"))
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("age-keygen");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    keygen(&["-o", "key.txt"]);
    let public = keygen(&["-y", "key.txt"]);
    std::fs::write(folder.join("recipients.txt"), public).expect("recipients.txt");
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The README's pipelines: the blocks under its heading, in order.
pub fn readme_pipelines() -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let part = readme
        .split("## Three pipelines")
        .nth(1)
        .expect("the pipelines");
    let part = part.split("\n## ").next().expect("a section");
    part.split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().expect("an end").trim().to_owned())
        .collect()
}
