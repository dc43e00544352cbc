//! Everything a snapshot tells about itself, in one walk, and a second over what lies below
//! the compaction.

use super::age;
use super::buckets::{BUCKETS, BucketKind};
use super::history::History;
use super::incidents;
use super::live::LiveRecords;
use super::revision::RecordKey;
use super::rules;
use super::system::System;
use crate::snapshot::bolt::{self, Database, Item, Pages, ReadAt, Visitor};
use crate::snapshot::finding::{Finding, Findings, Place};

/// The fingerprint of the keys: the same on every member at the same revision, and after a
/// restore. What a server answers to `endpoint hashkv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision it is of.
    pub revision: i64,
    /// The compaction it is of; -1: none.
    pub compact_revision: i64,
}

/// What a snapshot holds.
#[derive(Debug, Clone)]
pub struct Survey {
    /// CRC-32C over all buckets, keys and values: `snapshot status`.
    pub hash: u32,
    /// The revision of the last record: `snapshot status`.
    pub revision: i64,
    /// The revision a restored server begins with.
    pub true_revision: i64,
    /// Records of all buckets: how 3.4 and 3.5 count keys.
    pub records: u64,
    /// Live keys: how 3.6 and later count keys.
    pub live_keys: u64,
    /// Whether one of them is the record of `--bump-revision`, which has no key.
    pub bumped: bool,
    /// HashKV.
    pub hash_kv: HashKv,
    /// Bytes of all pages: `snapshot status`.
    pub total_size: u64,
    /// What the pages are for.
    pub pages: Pages,
    /// The newest renewal of a node's lease, in seconds since 1970.
    pub newest_node_lease: Option<i64>,
    /// What etcd keeps about itself.
    pub system: System,
    /// What is wrong or odd.
    pub findings: Findings,
}

impl Survey {
    /// Surveys a database: bbolt's check, etcd's rules, and all the numbers.
    pub fn of<S: ReadAt + ?Sized>(database: &Database<S>) -> Self {
        let mut findings = Findings::default();
        let system = System::read(database);
        let mut walk = Walk::new(&system);
        let pages = bolt::inspect(database, &mut walk, &mut findings);
        let Walk {
            history,
            hash,
            records,
            missing,
            after,
            newest,
            ..
        } = walk;
        let (live, last) = (&history.live, history.last);
        let compaction = system.compaction();
        let revision = last.map_or(0, |last| last.main);
        // A server that never wrote begins at 1.
        let true_revision = revision.max(compaction).max(1);
        let bumped = history.bumped.is_some();
        let mut kept = live.records(history.records);
        history.bumped.into_iter().for_each(|mark| kept.add(mark));
        let before = hash_before(database, compaction, &kept);
        let hash_kv = HashKv {
            hash: crc32c::crc32c_combine(before, after.hash, after.bytes),
            revision: true_revision,
            compact_revision: compaction,
        };
        let (live_keys, leases_missing) = (live.len() as u64, live.leases_missing());
        let live_keys = live_keys + u64::from(bumped);
        if bumped {
            findings.whole(
                &rules::REVISION_BUMPED,
                "a record without a value moves revisions forward",
            );
        }
        if leases_missing > 0 {
            findings.whole(
                &rules::LEASE_MISSING,
                format!("{leases_missing} live keys are bound to leases that are not there"),
            );
        }
        for (name, kind) in BUCKETS {
            if missing.contains(&kind) {
                findings.whole(
                    &rules::BUCKET_MISSING,
                    format!("there is no bucket `{name}`"),
                );
            }
        }
        incidents::judge(&system, revision, &mut findings);
        Self {
            hash,
            revision,
            true_revision,
            records,
            live_keys,
            bumped,
            hash_kv,
            total_size: database.content_bytes(),
            pages,
            newest_node_lease: newest,
            findings,
            system,
        }
    }
}

/// A running CRC-32C, and over how many bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    hash: u32,
    bytes: usize,
}

impl Running {
    fn add(&mut self, bytes: &[u8]) {
        self.hash = crc32c::crc32c_append(self.hash, bytes);
        self.bytes += bytes.len();
    }
}

/// The first walk.
struct Walk<'s> {
    history: History<'s>,
    compaction: i64,
    kind: BucketKind,
    missing: Vec<BucketKind>,
    hash: u32,
    /// HashKV over what lies above the compaction.
    after: Running,
    records: u64,
    newest: Option<i64>,
}

impl<'s> Walk<'s> {
    fn new(system: &'s System) -> Self {
        Self {
            history: History::new(system),
            compaction: system.compaction(),
            kind: BucketKind::Unknown,
            missing: BUCKETS.iter().map(|(_, kind)| *kind).collect(),
            hash: 0,
            after: Running::default(),
            records: 0,
            newest: None,
        }
    }
}

impl Visitor for Walk<'_> {
    fn bucket(&mut self, name: &[u8], findings: &mut Findings) {
        self.kind = BucketKind::of(name);
        self.missing.retain(|kind| *kind != self.kind);
        self.hash = crc32c::crc32c_append(self.hash, name);
        if self.kind == BucketKind::Unknown {
            let name = name[..name.len().min(100)].escape_ascii();
            findings.whole(&rules::BUCKET_UNKNOWN, format!("bucket `{name}`"));
        }
    }

    fn record(&mut self, item: &Item<'_>, findings: &mut Findings) {
        self.records += 1;
        self.hash = crc32c::crc32c_append(self.hash, item.key);
        if item.is_bucket {
            findings.add(Finding {
                rule: &rules::BUCKET_NESTED,
                place: Some(Place {
                    page: item.page,
                    path: Vec::new(),
                    offset: item.offset,
                }),
                what: "a bucket inside a bucket".to_owned(),
            });
            return;
        }
        self.hash = crc32c::crc32c_append(self.hash, item.value);
        if self.kind != BucketKind::Key {
            return;
        }
        let taken = self.history.record(item, findings);
        if RecordKey::parse(item.key).is_some_and(|key| key.revision.main > self.compaction) {
            self.after.add(item.key);
            self.after.add(item.value);
        }
        if let Some(taken) = taken.filter(|taken| !taken.key.tombstone) {
            self.newest = self
                .newest
                .max(age::renewed(taken.value.key, taken.value.value));
        }
    }
}

/// HashKV over what lies at or below the compaction: the last records of live keys, where
/// there are any, and never a tombstone of the compaction itself.
fn hash_before<S: ReadAt + ?Sized>(
    database: &Database<S>,
    compaction: i64,
    kept: &LiveRecords,
) -> u32 {
    let mut hash = crc32c::crc32c(b"key");
    if compaction < 0 {
        return hash;
    }
    let (all, mut ordinal) = (kept.is_empty(), 0_u32);
    let walked = database.for_each(b"key", |key, value| {
        let here = ordinal;
        ordinal = ordinal.saturating_add(1);
        let Some(record) = RecordKey::parse(key) else {
            return std::ops::ControlFlow::Continue(());
        };
        let main = record.revision.main;
        if main > compaction {
            return std::ops::ControlFlow::Break(());
        }
        if (all || kept.contains(here)) && !(main == compaction && record.tombstone) {
            hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, key), value);
        }
        std::ops::ControlFlow::Continue(())
    });
    if let Err(finding) = walked {
        tracing::debug!(%finding, "the fingerprint ends at the damage");
    }
    hash
}
