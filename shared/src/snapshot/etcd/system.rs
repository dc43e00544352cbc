//! What etcd keeps about itself: everything but the keys of its users.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::buckets::{BUCKETS, BucketKind};
use super::revision::Revision;
use crate::snapshot::bolt::{Database, ReadAt};
use crate::snapshot::protobuf;

/// Entries kept of each list; real clusters have a handful.
const LIST_LIMIT: usize = 1000;
/// The largest record of a small bucket that is read.
const VALUE_LIMIT: usize = 1024 * 1024;
/// Leases whose ids are kept; beyond, nothing is said about missing ones.
const LEASES_LIMIT: usize = 4_000_000;

/// Everything but the keys.
#[derive(Debug, Clone, Default)]
pub struct System {
    /// The last raft entry that was applied.
    pub consistent_index: Option<u64>,
    /// Its term; written since 3.5.
    pub term: Option<u64>,
    /// The voters and learners of raft; written since 3.5.
    pub conf_state: Option<ConfState>,
    /// As `3.6.0`; written since 3.6.
    pub storage_version: Option<String>,
    /// The compaction that was asked for.
    pub scheduled_compaction: Option<i64>,
    /// The compaction that was done.
    pub finished_compaction: Option<i64>,
    /// The version all members agreed on.
    pub cluster_version: Option<String>,
    /// The version a downgrade goes to.
    pub downgrade: Option<String>,
    /// Members.
    pub members: Vec<Member>,
    /// Ids of removed members.
    pub removed: Vec<u64>,
    /// Alarms.
    pub alarms: Vec<Alarm>,
    /// Authentication.
    pub auth: Auth,
    /// Ids of the leases.
    pub leases: HashSet<i64>,
    /// What could not be read: bucket, key, why.
    pub unreadable: Vec<String>,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty: it never started.
    #[serde(default)]
    pub name: String,
    /// Where other members reach it.
    #[serde(default, rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[serde(default, rename = "clientURLs")]
    pub client_urls: Vec<String>,
    /// Whether it only follows.
    #[serde(default, rename = "isLearner")]
    pub is_learner: bool,
}

/// Who votes, as raft has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ConfState {
    /// Ids of voters.
    #[serde(default)]
    pub voters: Vec<u64>,
    /// Ids of learners.
    #[serde(default)]
    pub learners: Vec<u64>,
}

/// An alarm that is raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Whose.
    pub member: u64,
    /// `NOSPACE`, `CORRUPT`, or the number of a kind we do not know.
    pub kind: String,
}

/// Authentication.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// Whether it is on.
    pub enabled: bool,
    /// Its revision.
    pub revision: u64,
    /// How many users there are.
    pub users: usize,
    /// How many roles there are.
    pub roles: usize,
}

#[derive(Deserialize)]
struct Downgrade {
    #[serde(default, rename = "target-version")]
    target: String,
    #[serde(default)]
    enabled: bool,
}

impl System {
    /// Reads every small bucket. Damage ends a bucket; the deep check tells where it is.
    pub fn read<S: ReadAt + ?Sized>(database: &Database<S>) -> Self {
        let mut system = Self::default();
        for (name, kind) in BUCKETS {
            if kind == BucketKind::Key {
                continue;
            }
            let read = database.for_each(name.as_bytes(), |key, value| {
                let read = (value.len() <= VALUE_LIMIT)
                    .then(|| system.record(kind, key, value))
                    .flatten();
                if read.is_none() && system.unreadable.len() < LIST_LIMIT {
                    let key = key[..key.len().min(64)].escape_ascii();
                    system
                        .unreadable
                        .push(format!("record `{key}` of bucket `{name}`"));
                }
                std::ops::ControlFlow::Continue(())
            });
            if let Err(finding) = read {
                tracing::debug!(%finding, name, "a bucket ends early");
            }
        }
        system
    }

    /// The last compaction, done or asked for; -1: none.
    pub fn compaction(&self) -> i64 {
        self.finished_compaction
            .max(self.scheduled_compaction)
            .unwrap_or(-1)
    }

    /// Whether a compaction was asked for and not done: etcd goes on with it when it starts.
    pub fn compaction_pending(&self) -> bool {
        self.scheduled_compaction > self.finished_compaction
    }

    /// The oldest etcd that writes what is here, in words.
    pub fn fingerprint(&self) -> String {
        match (&self.storage_version, self.term) {
            (Some(version), _) => version
                .rsplit_once('.')
                .map_or(version.as_str(), |(minor, _)| minor)
                .to_owned(),
            (None, Some(_)) => "3.5".to_owned(),
            (None, None) => "3.4 or older".to_owned(),
        }
    }

    /// None: the record cannot be read.
    fn record(&mut self, kind: BucketKind, key: &[u8], value: &[u8]) -> Option<()> {
        match kind {
            BucketKind::Meta => self.meta(key, value),
            BucketKind::Cluster => self.cluster(key, value),
            BucketKind::Members => {
                let member: Member = serde_json::from_slice(value).ok()?;
                keep(&mut self.members, member);
                Some(())
            }
            BucketKind::MembersRemoved => {
                let id = u64::from_str_radix(std::str::from_utf8(key).ok()?, 16).ok()?;
                keep(&mut self.removed, id);
                Some(())
            }
            BucketKind::Alarm => {
                keep(&mut self.alarms, Alarm::decode(key)?);
                Some(())
            }
            BucketKind::Lease => {
                let id = i64::from_be_bytes(key.try_into().ok()?);
                if self.leases.len() < LEASES_LIMIT {
                    self.leases.insert(id);
                }
                Some(())
            }
            BucketKind::Auth => self.auth(key, value),
            BucketKind::AuthUsers => {
                self.auth.users += 1;
                Some(())
            }
            BucketKind::AuthRoles => {
                self.auth.roles += 1;
                Some(())
            }
            BucketKind::Key | BucketKind::Unknown => Some(()),
        }
    }

    fn meta(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"consistent_index" => self.consistent_index = Some(number(value)?),
            b"term" => self.term = Some(number(value)?),
            b"confState" => self.conf_state = Some(serde_json::from_slice(value).ok()?),
            b"storageVersion" => self.storage_version = Some(text(value)?),
            b"scheduledCompactRev" => {
                self.scheduled_compaction = Some(Revision::parse(value)?.main);
            }
            b"finishedCompactRev" => self.finished_compaction = Some(Revision::parse(value)?.main),
            _ => {}
        }
        Some(())
    }

    fn cluster(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"clusterVersion" => self.cluster_version = Some(text(value)?),
            b"downgrade" => {
                let downgrade: Downgrade = serde_json::from_slice(value).ok()?;
                self.downgrade = downgrade.enabled.then_some(downgrade.target);
            }
            _ => {}
        }
        Some(())
    }

    fn auth(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"authEnabled" => self.auth.enabled = value == [1],
            b"authRevision" => self.auth.revision = number(value)?,
            _ => {}
        }
        Some(())
    }

    /// Whether every lease id was kept.
    pub fn leases_are_complete(&self) -> bool {
        self.leases.len() < LEASES_LIMIT
    }
}

impl Alarm {
    /// An alarm is the key of its record.
    fn decode(key: &[u8]) -> Option<Self> {
        let mut alarm = Self {
            member: 0,
            kind: String::new(),
        };
        for field in protobuf::Fields::new(key) {
            match field.ok()? {
                (1, protobuf::Value::Varint(member)) => alarm.member = member,
                (2, protobuf::Value::Varint(1)) => alarm.kind = "NOSPACE".to_owned(),
                (2, protobuf::Value::Varint(2)) => alarm.kind = "CORRUPT".to_owned(),
                (2, protobuf::Value::Varint(other)) => alarm.kind = format!("kind {other}"),
                _ => {}
            }
        }
        Some(alarm)
    }
}

fn keep<T>(list: &mut Vec<T>, entry: T) {
    if list.len() < LIST_LIMIT {
        list.push(entry);
    }
}

fn number(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

/// Versions are short; what is not is no version.
fn text(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= 64).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_small_buckets_are_read_and_nonsense_is_told() {
        let mut system = System::default();
        let mut record = |kind, key: &[u8], value: &[u8]| system.record(kind, key, value).is_some();
        assert!(record(
            BucketKind::Meta,
            b"consistent_index",
            &7u64.to_be_bytes()
        ));
        assert!(!record(BucketKind::Meta, b"term", b"short"));
        assert!(record(
            BucketKind::Meta,
            b"confState",
            br#"{"voters":[13668033151171901709],"auto_leave":false}"#
        ));
        assert!(record(
            BucketKind::Meta,
            b"finishedCompactRev",
            b"\0\0\0\0\0\0\x01\x40_\0\0\0\0\0\0\0\0"
        ));
        assert!(!record(BucketKind::Meta, b"scheduledCompactRev", b"320"));
        assert!(record(
            BucketKind::Cluster,
            b"downgrade",
            br#"{"target-version":"3.5.0","enabled":true}"#
        ));
        assert!(record(
            BucketKind::Members,
            b"872476c7d1e54566",
            br#"{"id":9738038894873888102,"peerURLs":["http://a"],"isLearner":true,"name":"n"}"#
        ));
        assert!(!record(BucketKind::Members, b"1", b"{"));
        assert!(record(
            BucketKind::MembersRemoved,
            b"872476c7d1e54566",
            b"removed"
        ));
        assert!(record(BucketKind::Alarm, b"\x08\x05\x10\x01", b""));
        assert!(record(BucketKind::Alarm, b"\x08\x05\x10\x09", b""));
        assert!(!record(BucketKind::Alarm, b"\x08", b""));
        assert!(record(BucketKind::Lease, &5i64.to_be_bytes(), b""));
        assert!(record(BucketKind::Auth, b"authEnabled", &[1]));
        assert_eq!(system.consistent_index, Some(7));
        assert_eq!(
            (system.compaction(), system.compaction_pending()),
            (320, false)
        );
        assert_eq!(system.downgrade.as_deref(), Some("3.5.0"));
        assert_eq!(system.members[0].id, system.removed[0]);
        assert!(system.members[0].is_learner && system.auth.enabled);
        assert_eq!(
            system.alarms[0],
            Alarm {
                member: 5,
                kind: "NOSPACE".to_owned()
            }
        );
        assert_eq!(system.alarms[1].kind, "kind 9");
        assert!(system.leases.contains(&5));
    }

    #[test]
    fn the_fingerprint_is_the_oldest_that_fits() {
        let mut system = System::default();
        assert_eq!(system.fingerprint(), "3.4 or older");
        system.term = Some(2);
        assert_eq!(system.fingerprint(), "3.5");
        system.storage_version = Some("3.6.0".to_owned());
        assert_eq!(system.fingerprint(), "3.6");
    }
}
