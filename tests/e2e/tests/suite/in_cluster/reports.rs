//! Whoever asked is told of a run; who cannot be told is a warning, and never fails a backup.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use e2e::golden::{compare, filtered, replaced};

use super::*;
use crate::support::now;

/// A request: its first line, and its body.
type Heard = (String, String);

/// A web server that answers every request so, and tells what it heard.
fn listener(status: &'static str) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let lower = header.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if header.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.into_inner().write_all(answer.as_bytes()).unwrap();
            if told.send((line.trim().to_owned(), text(&body))).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

fn next(heard: &Receiver<Heard>) -> Heard {
    heard.recv_timeout(Duration::from_secs(120)).unwrap()
}

#[test]
fn a_success_is_told_everywhere() {
    let world = serving();
    let (url, heard) = listener("200 OK");
    let secret = "ping-6f1e0c1a-planted-uuid";
    e2e::secrets::plant(secret);
    std::fs::write(world.path("ping"), format!("{url}/{secret}\n")).unwrap();
    let more = [
        "--report-file",
        "report.json",
        "--metrics-file",
        "etcdbackup.prom",
        "--pushgateway",
        &url,
        "--ping-url-file",
        "ping",
    ];
    let run = now(&world, &["s3://backups/prod"], &more).output().unwrap();
    ok(&run);
    assert_eq!(next(&heard).0, format!("POST /{secret}/start HTTP/1.1"));
    let mut rest = [next(&heard), next(&heard)];
    rest.sort();
    assert_eq!(
        rest[0].0,
        "POST /metrics/job/etcdbackup/cluster/prod HTTP/1.1"
    );
    assert!(
        rest[0]
            .1
            .contains("etcdbackup_last_run_success{cluster=\"prod\"} 1\n")
    );
    assert_eq!(rest[1].0, format!("POST /{secret} HTTP/1.1"));
    let report = std::fs::read_to_string(world.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["success"], &report["exitCode"]),
        (&json!(true), &json!(0))
    );
    let url = report["receipt"]["copies"][0]["url"].as_str().unwrap();
    assert_eq!(text(&run.stdout).trim(), url);
    let metrics = std::fs::read_to_string(world.path("etcdbackup.prom")).unwrap();
    let stored = "etcdbackup_last_success_timestamp_seconds{cluster=\"prod\",destination=\"s3://backups/prod\"} ";
    assert!(metrics.contains(stored), "{metrics}");
    // What each of them reads, to the letter.
    compare("reports/pushgateway.prom", &steady(&world, &rest[0].1));
    compare(
        "reports/ping-success.json",
        &steady_json(&world, &rest[1].1),
    );
    compare("reports/textfile.prom", &steady(&world, &metrics));
    compare(
        "reports/report.json",
        &steady_json(&world, &report.to_string()),
    );
}

/// Without what differs from run to run: times, how long, sizes.
fn steady(world: &World, told: &str) -> String {
    let told = filtered(world, told);
    let told = replaced(&told, r"(?m)(_seconds\{[^}]*\}) [0-9.e+]+$", "$1 $$SECONDS");
    let told = replaced(
        &told,
        r"(?m)(_object_size_bytes\{[^}]*\}) \d+$",
        "$1 $$BYTES",
    );
    let told = replaced(
        &told,
        r#"("durationSeconds"|"seconds"): [0-9.e-]+"#,
        "$1: $$SECONDS",
    );
    replaced(
        &told,
        r#"(?s)("stored": \{[^}]*"bytes"): \d+"#,
        "$1: $$BYTES",
    )
}

/// The same of JSON, a line a value.
fn steady_json(world: &World, told: &str) -> String {
    let value: Value = serde_json::from_str(told).unwrap();
    steady(
        world,
        &(serde_json::to_string_pretty(&value).unwrap() + "\n"),
    )
}

#[test]
fn a_failure_is_told_with_the_end_of_the_log() {
    let world = serving();
    let (url, heard) = listener("200 OK");
    std::fs::write(world.path("ping"), format!("{url}/u?create=1")).unwrap();
    let more = ["--report-file", "report.json", "--ping-url-file", "ping"];
    let run = now(&world, &["s3://nobodys/prod"], &more).output().unwrap();
    assert_eq!(code(&run), 78);
    assert_eq!(next(&heard).0, "POST /u/start?create=1 HTTP/1.1");
    let (line, body) = next(&heard);
    assert_eq!(line, "POST /u/fail?create=1 HTTP/1.1");
    assert!(
        body.starts_with("ERROR ") && body.contains("nobodys"),
        "{body}"
    );
    compare("reports/ping-fail.txt", &steady(&world, &body));
    let report = std::fs::read_to_string(world.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["exitCode"], 78);
    let what = report["error"]["what"].as_str().unwrap();
    assert!(what.contains("nobodys"), "{what}");
    assert!(report["error"]["hint"].is_string());
    compare(
        "reports/report-failed.json",
        &steady_json(&world, &report.to_string()),
    );
}

#[test]
fn who_cannot_be_told_is_a_warning() {
    let world = serving();
    let (url, _heard) = listener("500 Internal Server Error");
    std::fs::write(world.path("ping"), "not a url").unwrap();
    let more = [
        "--report-file",
        "nowhere/report.json",
        "--metrics-file",
        "nowhere/metrics",
        "--pushgateway",
        &url,
        "--ping-url-file",
        "ping",
        "--event-on",
        "etcdbackup",
    ];
    let run = now(&world, &["s3://backups/prod"], &more).output().unwrap();
    ok(&run);
    let said = text(&run.stderr);
    for words in [
        "the begin was not pinged",
        "the report was not written",
        "the metrics were not written",
        "the metrics were not pushed: 127.0.0.1 answered 500",
        "the end was not pinged",
        "the event was not created: no kubeconfig",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn an_event_is_put_on_the_cron_job() {
    let cluster = installed();
    let mut command = now(
        &cluster.world,
        &["s3://backups/prod"],
        &["--event-on", "etcdbackup"],
    );
    let config = cluster.world.path(".kube/config");
    let named = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        named.replace(
            "    user: admin\n",
            "    user: admin\n    namespace: etcdbackup\n",
        ),
    )
    .unwrap();
    ok(&command.output().unwrap());
    let events = cluster.kubernetes.names("events.events.k8s.io", NAMESPACE);
    let event = cluster
        .kubernetes
        .get("events.events.k8s.io", (NAMESPACE, &events[0]))
        .unwrap();
    assert_eq!(event["reason"], "BackupStored");
    let owner = cluster.kubernetes.get(CRON_JOBS, CRON_JOB).unwrap();
    assert_eq!(event["regarding"]["uid"], owner["metadata"]["uid"]);
    let shown = steady_json(&cluster.world, &event.to_string());
    let uid = owner["metadata"]["uid"].as_str().unwrap();
    let shown = shown.replace(uid, "$UID").replace(&events[0], "$NAME");
    let host = r#""reportingInstance": "[^"]*""#;
    let shown = replaced(&shown, host, r#""reportingInstance": "$$POD""#);
    let own = r#""(uid|resourceVersion)": "[^"]*""#;
    compare(
        "reports/event.json",
        &replaced(&shown, own, r#""$1": "$$$1""#),
    );
}

#[test]
fn verifications_are_told_beside_the_backup() {
    let world = serving();
    ok(&now(
        &world,
        &["s3://backups/prod"],
        &["--metrics-file", "m.prom"],
    )
    .output()
    .unwrap());
    let verify = ["verify", "s3://backups/prod", "--metrics-file", "m.prom"];
    ok(&world.ours("kubectl-etcdbackup", &verify));
    let metrics = std::fs::read_to_string(world.path("m.prom")).unwrap();
    let labels = "{cluster=\"prod\",destination=\"s3://backups/prod\"}";
    assert!(
        metrics.contains(&format!("etcdbackup_verify_ok{labels} 1\n")),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!(
            "etcdbackup_last_success_timestamp_seconds{labels} "
        )),
        "{metrics}"
    );
    // A quick look proves nothing with the keys.
    assert!(!metrics.contains("last_verified_timestamp"), "{metrics}");
}
