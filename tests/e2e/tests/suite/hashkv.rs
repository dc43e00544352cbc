//! A snapshot that travelled through the store restores, with etcd's own tools, into real
//! etcd processes that hold exactly what the source held.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use e2e::{World, text, tool};

use crate::support::{backed_up, ok};

const PATIENCE: Duration = Duration::from_secs(60);

/// An etcd that was restored, running on an address that nobody else has.
struct Restored {
    etcd: Child,
    url: String,
}

impl Drop for Restored {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.etcd.kill().ok();
        self.etcd.wait().ok();
    }
}

impl Restored {
    /// Runs the data directory with this version of etcd.
    fn run(world: &World, version: &str, data: &Path, host: u8) -> Self {
        let address = world.talos.address(0);
        let network = address.rsplit_once('.').unwrap().0.to_owned();
        let url = |port: u16| format!("http://{network}.{host}:{port}");
        let etcd = world
            .command("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(tool(&format!("{version}/etcd")))
            .args(["--name", "restored", "--data-dir"])
            .arg(data)
            .args(["--listen-client-urls", &url(2379)])
            .args(["--advertise-client-urls", &url(2379)])
            .args(["--listen-peer-urls", &url(2380)])
            .args(["--initial-advertise-peer-urls", &url(2380)])
            .args(["--initial-cluster", &format!("restored={}", url(2380))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            etcd,
            url: url(2379),
        }
    }
}

fn etcdctl(world: &World, endpoint: &str) -> e2e::Run {
    let mut command = world.command(tool("etcd-3.5/etcdctl"));
    command.args(["--endpoints", endpoint]);
    command
}

/// `endpoint hashkv`: hash and revision. Waits until the server answers.
fn hash(world: &World, endpoint: &str) -> (u64, i64) {
    let until = Instant::now() + PATIENCE;
    let answer = loop {
        let output = etcdctl(world, endpoint)
            .args(["endpoint", "hashkv", "-w", "json"])
            .output()
            .unwrap();
        if output.status.success() {
            break output.stdout;
        }
        assert!(Instant::now() < until, "{}", text(&output.stderr));
        std::thread::sleep(Duration::from_millis(100));
    };
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let answer = &answer[0]["HashKV"];
    (
        answer["hash"].as_u64().unwrap(),
        answer["header"]["revision"].as_i64().unwrap(),
    )
}

/// Every key with its value, versions and revisions.
fn keys(world: &World, endpoint: &str) -> serde_json::Value {
    let output = etcdctl(world, endpoint)
        .args(["get", "", "--from-key", "-w", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["kvs"].take()
}

/// Changes, deletes and compacts, so that the history is not a straight line.
fn wear(world: &World, endpoint: &str) {
    let run = |arguments: &[&str]| {
        let output = etcdctl(world, endpoint).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    for round in 0..20 {
        run(&[
            "put",
            "/registry/leases/kube-system/worn",
            &format!("round {round}"),
        ]);
        run(&["put", &format!("/registry/events/default/e{round}"), "k8s"]);
    }
    run(&["del", "/registry/events/default/e3"]);
    let (_, revision) = hash(world, endpoint);
    run(&["compact", &(revision - 8).to_string()]);
    run(&[
        "put",
        "/registry/leases/kube-system/worn",
        "after the compaction",
    ]);
    run(&["del", "/registry/events/default/e4"]);
}

fn restore(world: &World, program: &str, data: &str, host: u8) {
    let address = world.talos.address(0);
    let network = address.rsplit_once('.').unwrap().0;
    let peer = format!("http://{network}.{host}:2380");
    let restored = world
        .command(tool(program))
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "restore", "back.snapshot", "--data-dir", data])
        .args(["--name", "restored"])
        .args(["--initial-cluster", &format!("restored={peer}")])
        .args(["--initial-advertise-peer-urls", &peer])
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", text(&restored.stderr));
}

#[test]
fn what_comes_back_holds_what_the_source_held() {
    let world = World::with_etcd();
    let source = world.talos.etcd_endpoints().remove(0);
    wear(&world, &source);
    let (expected, everything) = (hash(&world, &source), keys(&world, &source));
    assert!(everything.as_array().unwrap().len() > 400);
    ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    ok(&world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "key.txt", "-o", "back.snapshot"],
    ));
    assert_eq!(hash(&world, &source), expected, "nobody wrote meanwhile");
    for (version, program, host) in [
        ("etcd-3.5", "etcd-3.5/etcdutl", 200),
        ("etcd-3.4", "etcd-3.4/etcdctl", 201),
    ] {
        restore(&world, program, version, host);
        let restored = Restored::run(&world, version, &world.path(version), host);
        assert_eq!(hash(&world, &restored.url), expected, "{version}");
        assert_eq!(keys(&world, &restored.url), everything, "{version}");
    }
}
