//! What etcd's records say about each other, and what known faults leave behind.

use etcdbackup::failure::Exit;
use etcdbackup::snapshot::{Checked, check};

use crate::writer::Writer;

/// A store to make, change by change.
struct Store(Writer);

/// A change of a key.
#[derive(Clone, Copy)]
struct Change {
    key: &'static str,
    create: u64,
    change: u64,
    version: u64,
    lease: u64,
}

impl Change {
    /// A key made at this revision.
    fn made(key: &'static str, revision: u64) -> Self {
        Self {
            key,
            create: revision,
            change: revision,
            version: 1,
            lease: 0,
        }
    }

    /// The same key changed again.
    fn again(self, revision: u64) -> Self {
        Self {
            change: revision,
            version: self.version + 1,
            ..self
        }
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![0x0a, self.key.len() as u8];
        bytes.extend_from_slice(self.key.as_bytes());
        for (tag, number) in [
            (0x10, self.create),
            (0x18, self.change),
            (0x20, self.version),
            (0x30, self.lease),
        ] {
            assert!(number < 128, "one byte is enough for tests");
            if number > 0 {
                bytes.extend_from_slice(&[tag, number as u8]);
            }
        }
        bytes.extend_from_slice(b"\x2a\x05value");
        bytes
    }
}

fn revision(main: u64, sub: u64) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat()
}

impl Store {
    /// A sound store of one member, without keys.
    fn new() -> Self {
        let mut writer = Writer::new(4096);
        for bucket in [
            "alarm",
            "auth",
            "authRoles",
            "authUsers",
            "key",
            "lease",
            "members_removed",
        ] {
            writer.bucket(bucket);
        }
        writer.put("cluster", b"clusterVersion", b"3.5.0");
        writer.put("meta", b"consistent_index", &9u64.to_be_bytes());
        writer.put("meta", b"term", &2u64.to_be_bytes());
        let mut store = Self(writer);
        store.member(1, r#""name":"one","peerURLs":["http://one"]"#);
        store
    }

    fn member(&mut self, id: u64, fields: &str) {
        let value = format!(r#"{{"id":{id},{fields}}}"#);
        self.0
            .put("members", format!("{id:x}").as_bytes(), value.as_bytes());
    }

    fn put(&mut self, sub: u64, change: Change) -> &mut Self {
        self.0
            .put("key", &revision(change.change, sub), &change.encode());
        self
    }

    fn delete(&mut self, main: u64, key: &str) -> &mut Self {
        let value = [&[0x0a, key.len() as u8], key.as_bytes()].concat();
        self.0
            .put("key", &[&revision(main, 0)[..], b"t"].concat(), &value);
        self
    }

    fn compacted(&mut self, scheduled: u64, finished: Option<u64>) -> &mut Self {
        self.0
            .put("meta", b"scheduledCompactRev", &revision(scheduled, 0));
        if let Some(finished) = finished {
            self.0
                .put("meta", b"finishedCompactRev", &revision(finished, 0));
        }
        self
    }

    fn check(&self) -> Checked {
        check(&*self.0.streamed()).unwrap()
    }

    /// Names of the rules that do not hold.
    fn broken(&self) -> Vec<&'static str> {
        let checked = self.check();
        let findings = checked.survey.findings.kept().iter();
        findings.map(|finding| finding.rule.name).collect()
    }
}

/// Ten changes of two keys, from the first of a cluster on.
fn sound() -> Store {
    let mut store = Store::new();
    let (mut a, mut b) = (Change::made("a", 2), Change::made("b", 3));
    store.put(0, a).put(0, b);
    for main in (4..12).step_by(2) {
        (a, b) = (a.again(main), b.again(main + 1));
        store.put(0, a).put(0, b);
    }
    store
}

#[test]
fn a_sound_history_has_no_findings() {
    let store = sound();
    assert_eq!(store.broken(), Vec::<&str>::new());
    let survey = store.check().survey;
    assert_eq!(
        (survey.revision, survey.live_keys, survey.records),
        (11, 2, 14)
    );
    let mut store = sound();
    store
        .delete(12, "a")
        .put(0, Change::made("a", 13))
        .put(1, Change::made("c", 13));
    assert_eq!(store.broken(), Vec::<&str>::new());
    assert_eq!(Store::new().broken(), Vec::<&str>::new());
}

#[test]
fn what_is_missing_above_the_compaction_is_told() {
    let mut gap = sound();
    gap.put(0, Change::made("c", 13));
    assert_eq!(gap.broken(), ["revision-gap"]);
    let mut begin = Store::new();
    begin.put(0, Change::made("a", 5));
    assert_eq!(begin.broken(), ["revision-gap"]);
    let mut change = sound();
    change
        .put(0, Change::made("c", 12))
        .put(2, Change::made("d", 12));
    assert_eq!(change.broken(), ["change-gap"]);
    let mut first = sound();
    first.put(1, Change::made("c", 12));
    assert_eq!(first.broken(), ["change-gap"]);
    // The same transactions are no loss where they were compacted away.
    let mut compacted = Store::new();
    compacted.put(
        0,
        Change {
            version: 7,
            ..Change::made("a", 40)
        }
        .again(40),
    );
    compacted
        .put(0, Change::made("b", 41))
        .compacted(40, Some(40));
    let broken = compacted.broken();
    assert_eq!(
        broken,
        ["record-fields"],
        "eight changes in one transaction"
    );
}

#[test]
fn changes_continue_each_other() {
    let a = Change::made("a", 2);
    for (second, rule) in [
        (a.again(3).again(3), "record-fields"),
        (
            Change {
                version: 1,
                ..a.again(3)
            },
            "version-chain",
        ),
        (Change::made("a", 3), "version-chain"),
        (
            Change {
                change: 3,
                ..Change::made("a", 4)
            },
            "record-fields",
        ),
        (
            Change {
                create: 0,
                ..a.again(3)
            },
            "record-fields",
        ),
        (
            Change {
                key: "",
                ..a.again(3)
            },
            "record-fields",
        ),
    ] {
        let mut store = Store::new();
        store.put(0, a).put(0, second);
        assert_eq!(store.broken(), [rule]);
    }
    let mut orphan = sound();
    orphan.delete(12, "nobody");
    assert_eq!(orphan.broken(), ["tombstone-orphan"]);
    let mut unborn = sound();
    unborn.put(
        0,
        Change {
            create: 5,
            version: 3,
            ..Change::made("c", 12)
        },
    );
    assert_eq!(unborn.broken(), ["version-chain"]);
}

#[test]
fn a_compaction_leaves_one_change_of_each_key() {
    let a = Change {
        create: 2,
        version: 5,
        ..Change::made("a", 20)
    };
    let mut store = Store::new();
    store
        .put(0, a)
        .delete(30, "b")
        .put(0, a.again(31))
        .compacted(30, Some(30));
    assert_eq!(
        store.broken(),
        Vec::<&str>::new(),
        "a tombstone at the compaction may stay"
    );
    store.put(
        0,
        Change {
            create: 2,
            version: 4,
            ..Change::made("a", 19)
        },
    );
    assert_eq!(store.broken(), ["compaction-leftover"]);
    store.compacted(30, Some(25));
    assert_eq!(store.broken(), ["compaction-pending"]);
    let mut deleted = Store::new();
    deleted
        .delete(29, "b")
        .put(0, a.again(31))
        .compacted(30, Some(30));
    assert_eq!(deleted.broken(), ["compaction-leftover", "version-chain"]);
    let mut below = Store::new();
    below.put(0, a).compacted(33, Some(33));
    assert_eq!(below.broken(), ["revision-below-compaction"]);
    let survey = below.check().survey;
    assert_eq!((survey.revision, survey.true_revision), (20, 33));
    assert_eq!(survey.findings.exit(), Exit::Done, "notes are no doubt");
}

#[test]
fn a_bumped_revision_is_no_change_of_a_key() {
    let mut store = sound();
    store.0.put("key", &revision(100, 0), b"");
    store.compacted(100, None);
    let mut expected = ["compaction-pending", "revision-bumped"];
    let mut broken = store.broken();
    broken.sort_unstable();
    expected.sort_unstable();
    assert_eq!(broken, expected);
    let survey = store.check().survey;
    assert_eq!((survey.revision, survey.true_revision), (100, 100));
    assert_eq!(survey.live_keys, 3, "etcd 3.6 counts it as a key");
}

#[test]
fn records_that_are_none_are_damage() {
    for (key, value, rule) in [
        (b"short".to_vec(), b"x".to_vec(), "record-key"),
        (revision(12, 0), b"\x0a\xff".to_vec(), "record-value"),
        (
            [&revision(12, 0)[..], b"x"].concat(),
            b"x".to_vec(),
            "record-key",
        ),
    ] {
        let mut store = sound();
        store.0.put("key", &key, &value);
        assert_eq!(store.broken(), [rule]);
        assert!(store.check().sound().is_none());
    }
}

#[test]
fn leases_that_are_gone_are_counted() {
    let mut store = sound();
    store
        .0
        .put("lease", &7u64.to_be_bytes(), b"\x08\x07\x10\x05");
    store.put(
        0,
        Change {
            lease: 7,
            ..Change::made("c", 12)
        },
    );
    assert_eq!(store.broken(), Vec::<&str>::new());
    store.put(
        0,
        Change {
            lease: 8,
            ..Change::made("d", 13)
        },
    );
    assert_eq!(store.broken(), ["lease-missing"]);
    store.delete(14, "d");
    assert_eq!(store.broken(), Vec::<&str>::new());
}

#[test]
fn members_that_should_not_be_there_are_told() {
    let mut twice = sound();
    twice.member(2, r#""name":"one","peerURLs":["http://two"]"#);
    assert_eq!(twice.broken(), ["member-twice"]);
    let mut url = sound();
    url.member(2, r#""name":"two","peerURLs":["http://one"]"#);
    assert_eq!(url.broken(), ["member-twice"]);
    let mut removed = sound();
    removed.0.put("members_removed", b"1", b"removed");
    assert_eq!(removed.broken(), ["member-twice"]);
    let mut zombie = sound();
    zombie.member(2, r#""name":"two","peerURLs":["http://two"]"#);
    zombie.0.put("meta", b"confState", br#"{"voters":[1]}"#);
    assert_eq!(zombie.broken(), ["member-zombie"]);
    let mut restored = sound();
    restored
        .0
        .put("meta", b"confState", br#"{"voters":[77,78]}"#);
    assert_eq!(
        restored.broken(),
        Vec::<&str>::new(),
        "raft's list is the old one"
    );
    let mut learner = sound();
    learner.member(2, r#""name":"two","isLearner":true"#);
    learner
        .0
        .put("meta", b"confState", br#"{"voters":[1],"learners":[2]}"#);
    assert_eq!(learner.broken(), ["learner"]);
    learner.0.put("meta", b"confState", br#"{"voters":[1,2]}"#);
    assert_eq!(learner.broken(), ["learner-flag"]);
}

#[test]
fn what_a_restore_must_know_is_told() {
    let mut store = sound();
    store.0.put("alarm", b"\x08\x01\x10\x02", b"");
    store.0.put("auth", b"authEnabled", &[1]);
    store.0.put(
        "cluster",
        b"downgrade",
        br#"{"target-version":"3.4.0","enabled":true}"#,
    );
    assert_eq!(store.broken(), ["alarm", "auth-enabled", "downgrade"]);
    assert_eq!(store.check().survey.findings.exit(), Exit::No);
    let mut bare = Store(Writer::new(4096));
    bare.0.bucket("something");
    let broken = bare.broken();
    assert_eq!(
        broken
            .iter()
            .filter(|rule| **rule == "bucket-missing")
            .count(),
        10
    );
    for rule in [
        "bucket-unknown",
        "consistent-index",
        "cluster-version",
        "members-none",
    ] {
        assert!(broken.contains(&rule), "{rule}: {broken:?}");
    }
    let mut odd = sound();
    odd.0.put("members", b"2", b"{");
    odd.0.put("meta", b"term", b"two");
    assert_eq!(odd.broken(), ["system-record", "system-record"]);
}
