//! The records of a snapshot, each with what its key stands for and whether it is live.

use std::ops::ControlFlow;

use super::key::{Grammar, Key, PrefixFinder};
use crate::snapshot::bolt::{Database, ReadAt};
use crate::snapshot::encryption::Place;
use crate::snapshot::etcd::{LiveRecords, for_each_record, live_records};
use crate::snapshot::finding::Finding;

/// One put, lent for the length of a call.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The key in etcd.
    pub etcd_key: &'a [u8],
    /// What the key stands for.
    pub key: Key<'a>,
    /// The value as it is stored.
    pub value: &'a [u8],
    /// The revision of this change: the object's `resourceVersion`.
    pub mod_revision: i64,
    /// Whether it is the newest of its key, and the key was not deleted.
    pub live: bool,
}

impl<'a> Entry<'a> {
    /// Where it lies, as encryption at rest asks.
    pub fn place(&self) -> Place<'a> {
        Place {
            etcd_key: self.etcd_key,
            key: self.key,
        }
    }
}

/// The records of one snapshot.
#[derive(Debug)]
pub struct Contents<'a, S: ReadAt + ?Sized> {
    database: &'a Database<S>,
    grammar: Grammar,
    live: LiveRecords,
}

impl<'a, S: ReadAt + ?Sized> Contents<'a, S> {
    /// Finds what is live; `prefix`: the API server's, where it is not to be found out.
    ///
    /// # Errors
    /// The first damage met.
    pub fn find(database: &'a Database<S>, prefix: Option<&str>) -> Result<Self, Box<Finding>> {
        let live = live_records(database)?;
        let grammar = match prefix {
            Some(prefix) => Grammar::with_prefix(prefix),
            None => notice(database)?,
        };
        Ok(Self {
            database,
            grammar,
            live,
        })
    }

    /// How keys are read.
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// Calls `each` with every put, in the order of time.
    ///
    /// # Errors
    /// The first damage met.
    pub fn each(
        &self,
        mut each: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Box<Finding>> {
        let mut ordinal = 0_u32;
        for_each_record(self.database, |record| {
            let live = self.live.contains(ordinal);
            ordinal = ordinal.saturating_add(1);
            if record.tombstone {
                return ControlFlow::Continue(());
            }
            each(Entry {
                etcd_key: record.value.key,
                key: self.grammar.parse(record.value.key),
                value: record.value.value,
                mod_revision: record.revision.main,
                live,
            })
        })
    }

    /// The same for live puts only.
    ///
    /// # Errors
    /// The first damage met.
    pub fn each_live(
        &self,
        mut each: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Box<Finding>> {
        self.each(|entry| {
            if entry.live {
                each(entry)
            } else {
                ControlFlow::Continue(())
            }
        })
    }
}

/// The usual prefix is met early: `kube-system` is among the first objects of a cluster.
fn notice<S: ReadAt + ?Sized>(database: &Database<S>) -> Result<Grammar, Box<Finding>> {
    let mut finder = PrefixFinder::default();
    for_each_record(database, |record| {
        finder.see(record.value.key);
        if finder.is_usual() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(finder
        .found()
        .map_or_else(Grammar::default, Grammar::with_prefix))
}
