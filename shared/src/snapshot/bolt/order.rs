//! The order of keys: ascending within a page, across pages, and never below what the branch
//! page above promises.

use super::page::KEY_LIMIT;
use super::rules;
use crate::snapshot::finding::Rule;

/// A rule and how it is broken.
type Breach = (&'static Rule, &'static str);

/// The keys around the walk. No key is empty, so an empty one is none.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The last record's key.
    previous: Vec<u8>,
    /// The key of the branch element on the way down: the least the next key may be.
    floor: Vec<u8>,
}

impl Order {
    /// Compares the next key, of a branch or a leaf, with what lies before it.
    pub(super) fn judge(&self, key: &[u8]) -> Option<Breach> {
        if !self.previous.is_empty() && *key <= *self.previous {
            return Some((
                &rules::KEY_ORDER,
                "has a key that is not above the one before",
            ));
        }
        (*key < *self.floor).then_some((
            &rules::KEY_ORDER,
            "has a key below the one its parent page names",
        ))
    }

    /// Goes down behind a branch element's key.
    pub(super) fn descend(&mut self, key: &[u8]) {
        self.floor.clear();
        self.floor.extend_from_slice(key);
    }

    /// Goes past a record's key.
    pub(super) fn pass(&mut self, key: &[u8]) {
        self.floor.clear();
        self.previous.clear();
        self.previous.extend_from_slice(key);
    }
}

/// bbolt takes keys of 1 to 32768 bytes.
pub(super) fn judge_length(key: &[u8]) -> Option<Breach> {
    match key.len() {
        0 => Some((&rules::KEY_LENGTH, "has an empty key")),
        1..=KEY_LIMIT => None,
        _ => Some((&rules::KEY_LENGTH, "has a key longer than bbolt takes")),
    }
}
