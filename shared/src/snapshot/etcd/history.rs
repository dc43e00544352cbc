//! The history of keys, record by record: what must hold between a change and the one before.
//!
//! Above the last compaction C nothing may be missing: transactions follow each other without
//! a gap, changes of a key continue each other. Below it one record of each live key is left,
//! unless the compaction is still under way.

use super::key_value::KeyValue;
use super::live::{LiveKey, LiveKeys};
use super::revision::{RecordKey, Revision};
use super::rules;
use super::system::System;
use crate::snapshot::bolt::Item;
use crate::snapshot::finding::{Finding, Findings, Place, Rule, Severity};

/// The transaction of a cluster's first write.
const FIRST_MAIN: i64 = 2;

/// All changes so far.
#[derive(Debug)]
pub(super) struct History<'s> {
    system: &'s System,
    /// The last compaction, done or asked for; -1: none.
    compaction: i64,
    pub(super) live: LiveKeys,
    pub(super) last: Option<Revision>,
    /// The last mark of `--bump-revision`, counted as records are: it is a live key of no name.
    pub(super) bumped: Option<u32>,
    pub(super) records: u32,
}

/// What a record is, once it was taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) key: RecordKey,
    pub(super) value: KeyValue<'a>,
}

impl<'s> History<'s> {
    pub(super) fn new(system: &'s System) -> Self {
        Self {
            system,
            compaction: system.compaction(),
            live: LiveKeys::default(),
            last: None,
            bumped: None,
            records: 0,
        }
    }

    /// Takes the next record in; none: it is none.
    pub(super) fn record<'a>(
        &mut self,
        item: &Item<'a>,
        findings: &mut Findings,
    ) -> Option<Taken<'a>> {
        let ordinal = self.records;
        self.records = self.records.saturating_add(1);
        let mut sink = Sink { item, findings };
        let Some(key) = RecordKey::parse(item.key) else {
            sink.tell(&rules::RECORD_KEY, "the key is no revision");
            return None;
        };
        self.follow(key.revision, &mut sink);
        if item.value.is_empty() && !key.tombstone {
            self.bumped = Some(ordinal);
            return None;
        }
        let Ok(value) = KeyValue::decode(item.value) else {
            sink.tell(&rules::RECORD_VALUE, "the value is no record");
            return None;
        };
        if value.key.is_empty() {
            sink.tell(&rules::RECORD_FIELDS, "a change of no key");
            return None;
        }
        if key.tombstone {
            self.tombstone(key.revision, &value, &mut sink);
        } else {
            self.put(key.revision, &value, ordinal, &mut sink);
        }
        Some(Taken { key, value })
    }

    /// Transactions and the changes in them follow without a gap.
    fn follow(&mut self, revision: Revision, sink: &mut Sink<'_, '_>) {
        let last = self.last.replace(revision);
        if revision.main <= self.compaction {
            return;
        }
        let begin = match last {
            Some(last) if last.main == revision.main => {
                if Some(revision.sub) != last.sub.checked_add(1) {
                    sink.tell(
                        &rules::CHANGE_GAP,
                        format!(
                            "change {} of transaction {} follows change {}",
                            revision.sub, revision.main, last.sub
                        ),
                    );
                }
                return;
            }
            Some(last) if last.main > self.compaction => last.main.saturating_add(1),
            _ if self.compaction < 0 => FIRST_MAIN,
            _ => self.compaction.saturating_add(1),
        };
        if revision.main != begin {
            let missing = match revision.main - 1 {
                last if last == begin => format!("transaction {begin} is missing"),
                last if last > begin => format!("transactions {begin} to {last} are missing"),
                last => format!("transaction {} follows {last}", revision.main),
            };
            sink.tell(&rules::REVISION_GAP, missing);
        }
        if revision.sub != 0 {
            sink.tell(
                &rules::CHANGE_GAP,
                format!(
                    "transaction {} begins with change {}",
                    revision.main, revision.sub
                ),
            );
        }
    }

    fn put(
        &mut self,
        revision: Revision,
        value: &KeyValue<'_>,
        ordinal: u32,
        sink: &mut Sink<'_, '_>,
    ) {
        let main = revision.main;
        let sound = value.mod_revision == main
            && (1..=main).contains(&value.create_revision)
            && (1..=main - value.create_revision + 1).contains(&value.version);
        if !sound {
            sink.tell(
                &rules::RECORD_FIELDS,
                format!(
                    "created {}, changed {}, version {} in transaction {main}",
                    value.create_revision, value.mod_revision, value.version
                ),
            );
        }
        let missing = value.lease != 0
            && self.system.leases_are_complete()
            && !self.system.leases.contains(&value.lease);
        let live = LiveKey::new(value.create_revision, value.version, ordinal, missing);
        let before = self.live.put(value.key, live);
        if main <= self.compaction {
            if before.is_some() && !self.system.compaction_pending() {
                sink.tell(
                    &rules::COMPACTION_LEFTOVER,
                    "a change that the compaction should have removed lies before",
                );
            }
            return;
        }
        let continues = match before {
            Some(before) => {
                before.create_revision == value.create_revision
                    && before.is_followed_by(value.version)
            }
            None => value.create_revision == main && value.version == 1,
        };
        if sound && !continues {
            sink.tell(
                &rules::VERSION_CHAIN,
                format!(
                    "version {} of `{}` does not continue what lies before",
                    value.version,
                    shown(value.key)
                ),
            );
        }
    }

    fn tombstone(&mut self, revision: Revision, value: &KeyValue<'_>, sink: &mut Sink<'_, '_>) {
        let was_live = self.live.delete(value.key);
        let pending = self.system.compaction_pending();
        if revision.main > self.compaction && !was_live {
            sink.tell(
                &rules::TOMBSTONE_ORPHAN,
                format!("deletes `{}`, which was not there", shown(value.key)),
            );
        } else if revision.main < self.compaction && !pending {
            sink.tell(
                &rules::COMPACTION_LEFTOVER,
                "a deletion that the compaction should have removed",
            );
        }
    }
}

/// Tells where the record lies.
struct Sink<'i, 'f> {
    item: &'i Item<'i>,
    findings: &'f mut Findings,
}

impl Sink<'_, '_> {
    /// Behind damage, what is missing is missing because of it, and says nothing of etcd.
    #[cold]
    fn tell(&mut self, rule: &'static Rule, what: impl Into<String>) {
        let damaged = self.findings.count(Severity::Damaged) > 0;
        if damaged && rule.severity != Severity::Damaged {
            return;
        }
        self.findings.add(Finding {
            rule,
            place: Some(Place {
                page: self.item.page,
                path: Vec::new(),
                offset: self.item.offset,
            }),
            what: what.into(),
        });
    }
}

/// A key as it can be shown, not too long.
fn shown(key: &[u8]) -> String {
    key[..key.len().min(100)].escape_ascii().to_string()
}
