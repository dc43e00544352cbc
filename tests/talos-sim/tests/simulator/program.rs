//! The `talos-sim` program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use talos_sim::sample;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_talos-sim"));
    command
        .env_remove("TALOS_SIM_ETCD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ready(child: &mut Child) -> serde_json::Value {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    serde_json::from_str(&line).unwrap()
}

fn ends(mut child: Child) {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("talos-sim did not end");
}

#[test]
fn says_where_it_is_and_ends_with_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    fs::write(file("snapshot"), sample::snapshot(0)).unwrap();
    let mut child = program()
        .args([
            "--nodes",
            "2",
            "--workers",
            "1",
            "--until-stdin-closes",
            "--unbootstrapped",
            "--etcd-partition",
            "--hurry=2",
            "--source",
            &file("snapshot"),
        ])
        .args([
            "--talosconfig",
            &file("admin"),
            "--expired",
            &file("expired"),
        ])
        .args([
            "--talosconfig-role",
            &format!("os:etcd:backup,os:reader={}", file("backup")),
        ])
        .args(["--fault", "cp-2=down", "--fault", "cp-1=cut:512"])
        .spawn()
        .unwrap();
    let ready = ready(&mut child);
    assert_eq!(ready["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(ready["workers"].as_array().unwrap().len(), 1);
    assert_eq!(ready["pid"], child.id());
    assert_eq!(ready["talosconfig"], file("admin"));
    for name in ["admin", "expired", "backup"] {
        assert!(
            fs::read_to_string(file(name))
                .unwrap()
                .starts_with("context: sim\n")
        );
    }
    let connects = |node: usize| {
        let address = ready["nodes"][node].as_str().unwrap();
        std::net::TcpStream::connect((address, talos_sim::APID_PORT)).is_ok()
    };
    assert!(connects(0));
    assert!(!connects(1), "cp-2 should be down");
    drop(child.stdin.take());
    ends(child);
}

#[test]
fn ends_by_a_signal_while_stdin_is_open() {
    let mut child = program().args(["--nodes", "1"]).spawn().unwrap();
    ready(&mut child);
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    ends(child);
}

#[test]
fn wrong_words_are_said() {
    for (arguments, expected) in [
        (
            &["--fault", "cp-9=hang"][..],
            "no node `cp-9`: cp-1, cp-2, cp-3",
        ),
        (&["--fault", "cp-1=melt"], "unknown fault `melt`"),
        (&["--fill", "many"], "neither a count of objects nor a size"),
        (&["--fill", "10"], "has no etcd to fill"),
        (&["--etcd", "/nonexistent/etcd"], "/nonexistent/etcd"),
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}
