//! A real etcd of one member, of any version, on loopback, and its own tools.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{text, tool};

/// How long it may take to answer.
const START: Duration = Duration::from_secs(30);

/// A running etcd; killed and gone when dropped.
pub struct Etcd {
    version: String,
    endpoint: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Etcd {
    /// Starts the fetched etcd of this version (`3.4`, `3.5`) with further arguments.
    pub fn start(version: &str, arguments: &[&str]) -> Self {
        // Ports are found free and may be taken before etcd takes them.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a folder");
            let [client, peer] = free_ports().map(|port| format!("http://127.0.0.1:{port}"));
            let log = std::fs::File::create(folder.path().join("log")).expect("a log");
            let child = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--"])
                .arg(tool(&format!("etcd-{version}/etcd")))
                .args(["--name", "one", "--logger", "zap"])
                .arg("--data-dir")
                .arg(folder.path().join("data"))
                .args(["--listen-client-urls", &client])
                .args(["--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer])
                .args(["--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &format!("one={peer}")])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("etcd");
            let mut etcd = Self {
                version: version.to_owned(),
                endpoint: client,
                child,
                folder,
            };
            if etcd.answers() {
                return etcd;
            }
            let log = std::fs::read_to_string(etcd.path("log")).expect("the log");
            assert!(
                log.contains("address already in use"),
                "etcd {version}: {log}"
            );
        }
        panic!("no free port for etcd");
    }

    fn answers(&mut self) -> bool {
        let until = Instant::now() + START;
        while Instant::now() < until {
            if self.try_ctl(&["endpoint", "health"]).status.success() {
                return true;
            }
            if self.child.try_wait().expect("etcd").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs etcdctl, whatever comes of it.
    pub fn try_ctl(&self, arguments: &[&str]) -> Output {
        Command::new(tool(&format!("etcd-{}/etcdctl", self.version)))
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("etcdctl")
    }

    /// Runs etcdctl, which must succeed; gives its stdout.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.try_ctl(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Puts many keys with few calls: 100 in each transaction.
    pub fn put_all(&self, pairs: impl IntoIterator<Item = (String, String)>) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        for batch in pairs.chunks(100) {
            let puts: String = batch
                .iter()
                .map(|(key, value)| format!("put {key} \"{value}\"\n"))
                .collect();
            self.txn(&format!("\n{puts}\n\n"));
        }
    }

    fn txn(&self, script: &str) {
        use std::io::Write;
        let mut child = Command::new(tool(&format!("etcd-{}/etcdctl", self.version)))
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint, "txn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcdctl");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(script.as_bytes()).expect("a transaction");
        drop(stdin);
        let output = child.wait_with_output().expect("etcdctl");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Saves a snapshot into its folder.
    pub fn save(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.ctl(&["snapshot", "save", &path.display().to_string()]);
        path
    }

    /// Kills it and copies its database: a raw copy, as one finds it on a dead node.
    pub fn stop_and_copy(&mut self, name: &str) -> PathBuf {
        // etcd writes what it has when it is asked to end.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .expect("kill");
        assert!(asked.success());
        self.child.wait().expect("etcd's end");
        let path = self.path(name);
        std::fs::copy(self.path("data/member/snap/db"), &path).expect("a copy");
        path
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the version's own tool says about a snapshot, as JSON.
pub fn official_status(version: &str, snapshot: &Path) -> String {
    let program = if version == "3.4" {
        "etcdctl"
    } else {
        "etcdutl"
    };
    let output = Command::new(tool(&format!("etcd-{version}/{program}")))
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "status", "-w", "json"])
        .arg(snapshot)
        .output()
        .expect(program);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Two ports that are free now.
fn free_ports() -> [u16; 2] {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    [bind(), bind()].map(|listener| listener.local_addr().expect("an address").port())
}
