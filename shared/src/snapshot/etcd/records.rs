//! Records as their readers want them: all, or the last one of each live key.

use std::ops::ControlFlow;

use super::key_value::KeyValue;
use super::live::{LiveKey, LiveKeys, LiveRecords};
use super::revision::{RecordKey, Revision};
use crate::snapshot::bolt::{Database, ReadAt};
use crate::snapshot::finding::{Finding, Rule};

/// A record of bucket `key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// When.
    pub revision: Revision,
    /// Whether its key was deleted by it.
    pub tombstone: bool,
    /// What was put; of a tombstone: only the key.
    pub value: KeyValue<'a>,
}

/// Calls `each` with every record, in the order of revisions. The mark that a restore leaves
/// to move revisions forward is left out.
///
/// # Errors
/// The first damage met.
pub fn for_each_record<S: ReadAt + ?Sized>(
    database: &Database<S>,
    mut each: impl FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<(), Box<Finding>> {
    let mut wrong = None;
    database.for_each(b"key", |key, value| match read(key, value) {
        Ok(Some(record)) => each(record),
        Ok(None) => ControlFlow::Continue(()),
        Err(finding) => {
            wrong = Some(finding);
            ControlFlow::Break(())
        }
    })?;
    wrong.map_or(Ok(()), Err)
}

/// Calls `each` with the last record of every live key, in the order of revisions. Walks the
/// records twice: which one is the last is known only at the end.
///
/// # Errors
/// The first damage met.
pub fn for_each_live<S: ReadAt + ?Sized>(
    database: &Database<S>,
    mut each: impl FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<(), Box<Finding>> {
    let live = live_records(database)?;
    let mut ordinal = 0_u32;
    for_each_record(database, |record| {
        let here = ordinal;
        ordinal = ordinal.saturating_add(1);
        if live.contains(here) {
            each(record)
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// Which records, counted as [`for_each_record`] gives them, are the last of a live key.
///
/// # Errors
/// The first damage met.
pub fn live_records<S: ReadAt + ?Sized>(
    database: &Database<S>,
) -> Result<LiveRecords, Box<Finding>> {
    let (mut live, mut count) = (LiveKeys::default(), 0_u32);
    for_each_record(database, |record| {
        let value = record.value;
        if record.tombstone {
            live.delete(value.key);
        } else {
            let entry = LiveKey::new(value.create_revision, value.version, count, false);
            live.put(value.key, entry);
        }
        count = count.saturating_add(1);
        ControlFlow::Continue(())
    })?;
    Ok(live.records(count))
}

fn read<'a>(key: &[u8], value: &'a [u8]) -> Result<Option<Record<'a>>, Box<Finding>> {
    let broken = |rule: &'static Rule, what: &str| {
        let key = key[..key.len().min(32)].escape_ascii();
        Box::new(Finding {
            rule,
            place: None,
            what: format!("record `{key}`: {what}"),
        })
    };
    let at = RecordKey::parse(key)
        .ok_or_else(|| broken(&super::rules::RECORD_KEY, "the key is no revision"))?;
    if value.is_empty() && !at.tombstone {
        return Ok(None);
    }
    let value = KeyValue::decode(value)
        .map_err(|_| broken(&super::rules::RECORD_VALUE, "the value is no record"))?;
    Ok(Some(Record {
        revision: at.revision,
        tombstone: at.tombstone,
        value,
    }))
}
