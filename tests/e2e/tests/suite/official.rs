//! The same numbers as etcd's own tools print, for what real servers of 3.4 and 3.5 write.

use std::path::Path;

use e2e::etcd::{Etcd, official_status};
use e2e::{World, programs, text};
use serde_json::Value;

use crate::support::{code, ok};

/// Both versions at hand.
const VERSIONS: [&str; 2] = ["3.4", "3.5"];

/// Our report about a snapshot, and the exit code.
fn inspect(verb: &str, snapshot: &Path) -> (Value, i32) {
    let output = std::process::Command::new(programs().join("talosctl-snapshot-inspect"))
        .args([verb, "-o", "json"])
        .arg(snapshot)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (report, code(&output))
}

fn status(snapshot: &Path) -> Value {
    let (report, code) = inspect("status", snapshot);
    assert_eq!(code, 0);
    report
}

fn check(snapshot: &Path) -> Value {
    let (report, code) = inspect("check", snapshot);
    let verdict = report["verdict"].as_str().unwrap();
    let expected = [("clean", 0), ("suspicious", 1), ("damaged", 65)];
    assert!(
        expected.contains(&(verdict, code)),
        "{verdict}: exit {code}"
    );
    report
}

/// Names of the rules that do not hold.
fn broken(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect()
}

/// Takes a snapshot and compares every number with the official tools of both versions and
/// with the live server.
fn compare(etcd: &Etcd, name: &str) -> Value {
    let snapshot = etcd.save(name);
    let ours = status(&snapshot);
    for version in VERSIONS {
        let official: Value = serde_json::from_str(&official_status(version, &snapshot)).unwrap();
        assert_eq!(official["hash"], ours["hash"], "{name}");
        assert_eq!(official["revision"], ours["revision"], "{name}");
        assert_eq!(official["totalKey"], ours["totalKeys"]["3.4-3.5"], "{name}");
        assert_eq!(official["totalSize"], ours["totalSize"], "{name}");
    }
    let live: Value =
        serde_json::from_str(&etcd.ctl(&["endpoint", "hashkv", "-w", "json"])).unwrap();
    let live = &live[0]["HashKV"];
    assert_eq!(live["hash"], ours["hashkv"]["hash"], "{name}");
    // A server that never compacted says -1, in its first hours 0.
    let compacted = live["compact_revision"].as_i64().unwrap();
    assert_eq!(
        compacted.max(0),
        ours["hashkv"]["compactRevision"].as_i64().unwrap().max(0),
        "{name}"
    );
    assert_eq!(live["header"]["revision"], ours["trueRevision"], "{name}");
    let keys = etcd.ctl(&["get", "", "--from-key", "--keys-only"]);
    let keys = keys.lines().filter(|line| !line.is_empty()).count();
    assert_eq!(ours["totalKeys"]["3.6+"], keys, "{name}");
    let report = check(&snapshot);
    assert_ne!(report["verdict"], "damaged", "{name}: {report}");
    assert_eq!(report["digest"], "holds", "{name}");
    ours
}

fn revision(etcd: &Etcd) -> i64 {
    let answer: Value =
        serde_json::from_str(&etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
    answer[0]["Status"]["header"]["revision"].as_i64().unwrap()
}

#[test]
fn a_store_through_its_life_has_the_numbers_the_official_tools_print() {
    for version in VERSIONS {
        let etcd = Etcd::start(version, &[]);
        let empty = compare(&etcd, "empty");
        assert_eq!(
            (&empty["revision"], &empty["trueRevision"]),
            (&0.into(), &1.into())
        );
        etcd.put_all((0..5).map(|number| (format!("/registry/small/{number}"), "x".to_owned())));
        compare(&etcd, "inline");
        etcd.put_all((0..900).map(|number| (format!("/registry/x/{number}"), "value ".repeat(30))));
        // Values that need pages of their own, one of them many.
        for size in [4000, 5000, 300_000] {
            etcd.put_all([(format!("/registry/large/{size}"), "v".repeat(size))]);
        }
        compare(&etcd, "large");
        etcd.ctl(&["del", "--prefix", "/registry/x/1"]);
        let granted = etcd.ctl(&["lease", "grant", "3600"]);
        let lease = granted.split(' ').nth(1).unwrap();
        etcd.ctl(&["put", "--lease", lease, "/registry/leased", "value"]);
        let leased = compare(&etcd, "leased");
        assert_eq!(leased["leases"], 1);
        for number in 0..20 {
            let key = format!("/registry/x/{}", number % 6);
            etcd.ctl(&["put", &key, "again"]);
        }
        let middle = (revision(&etcd) - 10).to_string();
        etcd.ctl(&["compact", "--physical", &middle]);
        let compacted = compare(&etcd, "compacted");
        assert!(compacted["hashkv"]["compactRevision"].as_i64().unwrap() > 0);
        etcd.ctl(&["del", "/registry/x/500"]);
        etcd.ctl(&["compact", "--physical", &revision(&etcd).to_string()]);
        let tombstone = compare(&etcd, "tombstone");
        assert!(tombstone["revision"].as_i64() < tombstone["trueRevision"].as_i64());
        etcd.ctl(&["defrag"]);
        let defragmented = compare(&etcd, "defragmented");
        assert_eq!(defragmented["hash"], tombstone["hash"]);
        assert!(defragmented["totalSize"].as_u64() < tombstone["totalSize"].as_u64());
    }
}

#[test]
fn alarms_and_authentication_are_told() {
    for version in VERSIONS {
        let etcd = Etcd::start(version, &["--quota-backend-bytes", "1000000"]);
        for number in 0..20 {
            etcd.try_ctl(&[
                "put",
                &format!("/registry/x/{number}"),
                &"v".repeat(100_000),
            ]);
        }
        let alarms = etcd.ctl(&["alarm", "list"]);
        assert!(alarms.contains("NOSPACE"), "{alarms}");
        let full = compare(&etcd, "full");
        assert_eq!(full["alarms"][0]["kind"], "NOSPACE");
        assert_eq!(broken(&check(&etcd.path("full"))), ["alarm"]);
        drop(etcd);
        let etcd = Etcd::start(version, &[]);
        etcd.ctl(&["put", "/registry/x", "y"]);
        etcd.ctl(&["user", "add", "root:secret"]);
        etcd.ctl(&["role", "add", "reader"]);
        etcd.ctl(&["role", "grant-permission", "reader", "read", "/registry/x"]);
        etcd.ctl(&["user", "add", "someone:secret"]);
        etcd.ctl(&["user", "grant-role", "someone", "reader"]);
        etcd.ctl(&["user", "grant-role", "root", "root"]);
        compare(&etcd, "users");
        etcd.ctl(&["auth", "enable"]);
        let path = etcd.path("locked");
        etcd.ctl(&[
            "--user",
            "root:secret",
            "snapshot",
            "save",
            &path.display().to_string(),
        ]);
        let ours = status(&path);
        let official: Value = serde_json::from_str(&official_status(version, &path)).unwrap();
        assert_eq!(official["hash"], ours["hash"]);
        assert_eq!(ours["auth"]["enabled"], true);
        for (list, field) in [("user", "users"), ("role", "roles")] {
            let listed = etcd.ctl(&["--user", "root:secret", list, "list"]);
            assert_eq!(ours["auth"][field], listed.lines().count(), "{listed}");
        }
        assert_eq!(broken(&check(&path)), ["auth-enabled"]);
    }
}

#[test]
fn three_members_have_one_fingerprint_of_their_keys() {
    let world = World::with_etcd();
    let snapshots: Vec<Value> = (0..3)
        .map(|node| {
            let (name, address) = (format!("{node}.snapshot"), world.talos.address(node));
            ok(&world.ours("talosctl-snapshot-take", &["-n", &address, "-o", &name]));
            // Leases come and go all the time, and are no keys.
            let mut lease = world.command(e2e::tool("etcd-3.5/etcdctl"));
            lease.args(["--endpoints", &world.talos.etcd_endpoints()[0]]);
            ok(&lease.args(["lease", "grant", "600"]).output().unwrap());
            assert_eq!(check(&world.path(&name))["verdict"], "clean");
            status(&world.path(&name))
        })
        .collect();
    for other in &snapshots[1..] {
        for field in ["hashkv", "revision", "totalKey", "trueRevision"] {
            assert_eq!(snapshots[0][field], other[field], "{field}");
        }
        assert_ne!(snapshots[0]["hash"], other["hash"], "leases are in it");
        assert_eq!(other["members"].as_array().unwrap().len(), 3);
    }
    let inventory = |name: &str| {
        let output = world.ours("talosctl-snapshot-inspect", &["inventory", name]);
        ok(&output);
        text(&output.stdout)
    };
    for other in ["1.snapshot", "2.snapshot"] {
        assert_eq!(inventory("0.snapshot"), inventory(other), "{other}");
        let diff = world.ours("talosctl-snapshot-inspect", &["diff", "0.snapshot", other]);
        ok(&diff);
        let said = text(&diff.stdout);
        assert!(said.contains("HashKV:         the same, "), "{said}");
        assert!(said.contains("it also covers leases"), "{said}");
        assert!(said.contains("Verdict:        the same\n"), "{said}");
    }
}

#[test]
fn a_restored_store_has_the_fingerprint_it_had() {
    for version in VERSIONS {
        let etcd = Etcd::start(version, &[]);
        etcd.put_all((0..300).map(|number| (format!("/registry/x/{number}"), "v".to_owned())));
        etcd.ctl(&["del", "/registry/x/7"]);
        etcd.ctl(&["compact", "--physical", "2"]);
        let before = compare(&etcd, "before");
        let program = if version == "3.4" {
            "etcdctl"
        } else {
            "etcdutl"
        };
        let restored = std::process::Command::new(e2e::tool(&format!("etcd-{version}/{program}")))
            .env("ETCDCTL_API", "3")
            .args(["snapshot", "restore", "--data-dir"])
            .arg(etcd.path("restored"))
            .arg(etcd.path("before"))
            .output()
            .unwrap();
        assert!(restored.status.success(), "{}", text(&restored.stderr));
        let after = status(&etcd.path("restored/member/snap/db"));
        assert_eq!(after["form"], "raw");
        assert_eq!(before["hashkv"], after["hashkv"]);
        assert_ne!(before["hash"], after["hash"], "members and raft are new");
        // 3.4 forgets to remove the old member.
        let report = check(&etcd.path("restored/member/snap/db"));
        assert!(broken(&report).contains(&"digest-none"), "{report}");
    }
}
