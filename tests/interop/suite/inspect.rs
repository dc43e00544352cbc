//! What `talosctl-snapshot-inspect` says of a snapshot, beside what etcd's own tools say of the
//! file and the live server of itself, for stores of every shape.

use std::path::{Path, PathBuf};

use e2e::{programs, text};
use serde_json::{Value, json};

use crate::etcd_tools::{ETCD_3_6, ETCD_3_7, Release, Server};
use crate::process::{json, other, printed};

/// A live etcd, and a folder for its data and its snapshots.
struct Live {
    release: Release,
    server: Server,
    folder: tempfile::TempDir,
}

impl Live {
    fn start(release: Release, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = release.serve_with(&folder.path().join("data"), more);
        Self {
            release,
            server,
            folder,
        }
    }

    /// One of etcdctl's commands, which must succeed.
    fn ctl(&self, arguments: &[&str]) -> String {
        printed(self.release.ctl(&self.server.endpoint).args(arguments))
    }

    fn fill(&self, from: usize, to: usize, value: &str) {
        for key in from..to {
            self.ctl(&["put", &format!("/registry/configmaps/team/{key}"), value]);
        }
    }

    fn revision(&self) -> i64 {
        self.release.hash_of_server(&self.server.endpoint).1
    }

    /// Compares all three for a store that we find clean, and returns what we say.
    fn agrees(&self, shape: &str) -> Value {
        self.agrees_with(shape, 0)
    }

    /// The same for a store that we find so.
    fn agrees_with(&self, shape: &str, verdict: i32) -> Value {
        let file = self.folder.path().join(shape);
        self.ctl(&["snapshot", "save", file.to_str().unwrap()]);
        let ours = inspected(&file, verdict);
        let theirs = self.release.status(&file);
        for (field, value) in theirs.as_object().unwrap() {
            assert_eq!(ours[field], *value, "{shape}: {field}: {ours}");
        }
        let kv = &self.release.hashes_of_server(&self.server.endpoint);
        let said = &ours["hashkv"];
        assert_eq!(said["hash"], kv["hash"], "{shape}: {ours}, {kv}");
        assert_eq!(said["hashRevision"], kv["header"]["revision"], "{shape}");
        // Go leaves out a zero, and writes no compaction as -1.
        let compacted = kv["compact_revision"].as_i64().unwrap_or(0);
        assert_eq!(said["compactRevision"], compacted, "{shape}: {kv}");
        // The mark of bumped revisions counts in a status, and no range finds it.
        let marks = u64::from(matches!(shape, "bumped" | "after"));
        assert_eq!(
            ours["totalKeys"]["3.6+"],
            self.release.count(&self.server.endpoint) + marks,
            "{shape}"
        );
        ours
    }
}

/// What we say of a file, and that `check` ends as it should.
fn inspected(file: &Path, verdict: i32) -> Value {
    let program: PathBuf = programs().join("talosctl-snapshot-inspect");
    let check = other(&program).arg("check").arg(file).output().unwrap();
    assert_eq!(
        check.status.code(),
        Some(verdict),
        "{}",
        text(&check.stdout)
    );
    json(other(&program).args(["status", "-o", "json"]).arg(file))
}

/// One store that grows from shape to shape.
fn agrees_on_every_shape(release: Release) {
    let live = Live::start(release, &[]);
    live.agrees("empty");
    live.fill(0, 40, "first");
    live.agrees("filled");
    live.fill(0, 10, &"second ".repeat(3000));
    live.agrees("overflow-pages");
    live.ctl(&["compact", &live.revision().to_string(), "--physical"]);
    live.agrees("compacted");
    live.ctl(&["del", "/registry/configmaps/team/3"]);
    live.agrees("tombstone");
    live.ctl(&["compact", &live.revision().to_string(), "--physical"]);
    live.agrees("compacted-at-a-tombstone");
    live.fill(3, 4, "back again");
    live.agrees("born-again");
    let lease = live.ctl(&["lease", "grant", "3600"]);
    let lease = lease.split(' ').nth(1).unwrap();
    live.ctl(&["put", "--lease", lease, "/registry/events/one", "leased"]);
    assert_eq!(live.agrees("leased")["leases"], 1);
    live.ctl(&["defrag"]);
    live.agrees("defragmented");
    live.ctl(&["user", "add", "root:planted"]);
    live.ctl(&["user", "grant-role", "root", "root"]);
    live.ctl(&["auth", "enable"]);
    assert_eq!(live.agrees("auth")["auth"]["enabled"], true);
}

#[test]
fn every_shape_of_etcd_3_6_has_the_numbers_of_its_own_tools() {
    agrees_on_every_shape(ETCD_3_6);
}

#[test]
fn every_shape_of_etcd_3_7_has_the_numbers_of_its_own_tools() {
    agrees_on_every_shape(ETCD_3_7);
}

#[test]
fn an_alarm_is_seen() {
    for release in [ETCD_3_6, ETCD_3_7] {
        let live = Live::start(release, &["--quota-backend-bytes", "400000"]);
        let full = (0..20).find(|key| {
            let mut put = release.ctl(&live.server.endpoint);
            put.args([
                "put",
                &format!("/registry/secrets/team/{key}"),
                &"x".repeat(40_000),
            ]);
            !put.output().unwrap().status.success()
        });
        assert!(full.is_some(), "the quota was never reached");
        let ours = live.agrees_with("alarmed", 1);
        assert_eq!(ours["alarms"].as_array().map(Vec::len), Some(1), "{ours}");
        assert_eq!(
            ours["alarms"][0]["member"], ours["members"][0]["id"],
            "{ours}"
        );
    }
}

#[test]
fn a_restore_with_bumped_revisions_is_read_as_a_server_reads_it() {
    for release in [ETCD_3_6, ETCD_3_7] {
        let live = Live::start(release, &[]);
        live.fill(0, 30, "before");
        live.agrees("before");
        let data = live.folder.path().join("restored");
        let bump = ["--bump-revision", "1000", "--mark-compacted"];
        let mut restore = release.restoring(&live.folder.path().join("before"), &data);
        printed(restore.args(bump));
        let bumped = Live {
            server: release.serve(&data),
            ..live
        };
        bumped.agrees("bumped");
        bumped.fill(0, 5, "after");
        bumped.agrees("after");
    }
}

#[test]
fn three_members_differ_in_their_files_and_agree_in_what_they_hold() {
    for release in [ETCD_3_6, ETCD_3_7] {
        let world = release.world("150");
        let reports: Vec<Value> = world
            .talos
            .etcd_endpoints()
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                let file = world.path(&format!("member-{index}"));
                let mut save = release.ctl(endpoint);
                printed(save.args(["snapshot", "save"]).arg(&file));
                let ours = inspected(&file, 0);
                let theirs = release.status(&file);
                assert_eq!(ours["hash"], theirs["hash"]);
                let (hash, revision) = release.hash_of_server(endpoint);
                assert_eq!(ours["hashkv"]["hash"], hash);
                assert_eq!(ours["hashkv"]["hashRevision"], revision);
                ours
            })
            .collect();
        for report in &reports {
            assert_eq!(report["hashkv"], reports[0]["hashkv"], "{release:?}");
            assert_eq!(
                report["totalKeys"]["3.6+"],
                json!(reports[0]["totalKeys"]["3.6+"])
            );
            assert_eq!(report["members"].as_array().map(Vec::len), Some(3));
        }
    }
}
