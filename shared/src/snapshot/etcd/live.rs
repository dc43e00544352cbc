//! Which keys are live, in one pass over the records and without a value in memory.
//!
//! Records lie in the order of time, so whether one is its key's last is known only at the
//! end. Keys are remembered by a 128-bit hash with random seeds, in 32 bytes each.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Ordinals share their word with a flag.
const ORDINAL_MOST: u32 = u32::MAX >> 1;
const FLAG: u32 = 1 << 31;

/// What is remembered of a live key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveKey {
    /// The revision that made it.
    pub create_revision: i64,
    /// The low half of its version.
    version: u32,
    /// Ordinal of its last record, and whether its lease is missing.
    record: u32,
}

impl LiveKey {
    /// A key as a record leaves it.
    pub fn new(create_revision: i64, version: i64, ordinal: u32, lease_missing: bool) -> Self {
        Self {
            create_revision,
            version: version as u32,
            record: ordinal.min(ORDINAL_MOST) | if lease_missing { FLAG } else { 0 },
        }
    }

    /// Whether `version` is the one after this.
    pub fn is_followed_by(&self, version: i64) -> bool {
        self.version.wrapping_add(1) == version as u32
    }

    /// Whether it is bound to a lease that is not there.
    pub fn lease_missing(&self) -> bool {
        self.record & FLAG != 0
    }

    fn ordinal(self) -> u32 {
        self.record & ORDINAL_MOST
    }
}

/// The keys that are live after the records so far.
#[derive(Debug, Default)]
pub struct LiveKeys {
    seeds: [RandomState; 2],
    keys: HashMap<[u64; 2], LiveKey, Hashed>,
}

impl LiveKeys {
    /// What is known of a key.
    pub fn get(&self, key: &[u8]) -> Option<LiveKey> {
        self.keys.get(&self.hash(key)).copied()
    }

    /// A put: gives what was known before.
    pub fn put(&mut self, key: &[u8], live: LiveKey) -> Option<LiveKey> {
        self.keys.insert(self.hash(key), live)
    }

    /// A tombstone: false when the key was not live.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.keys.remove(&self.hash(key)).is_some()
    }

    /// How many keys are live.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many are bound to a lease that is not there.
    pub fn leases_missing(&self) -> usize {
        self.keys.values().filter(|key| key.lease_missing()).count()
    }

    /// The last record of each live key, as a bit for each of `records` records.
    pub fn records(&self, records: u32) -> LiveRecords {
        let mut live = LiveRecords {
            words: vec![0; records.div_ceil(64) as usize],
        };
        for key in self.keys.values() {
            live.add(key.ordinal());
        }
        live
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [self.seeds[0].hash_one(key), self.seeds[1].hash_one(key)]
    }
}

/// Which records of bucket `key`, counted from 0 in order, are the last of a live key.
#[derive(Debug, Clone, Default)]
pub struct LiveRecords {
    words: Vec<u64>,
}

impl LiveRecords {
    pub(super) fn add(&mut self, ordinal: u32) {
        if let Some(word) = self.words.get_mut((ordinal / 64) as usize) {
            *word |= 1 << (ordinal % 64);
        }
    }

    /// Whether record `ordinal` is the last of a live key.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.words
            .get((ordinal / 64) as usize)
            .is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }

    /// Whether no record is.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

/// The keys of the map are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct Hashed;

impl BuildHasher for Hashed {
    type Hasher = FirstWord;

    fn build_hasher(&self) -> FirstWord {
        FirstWord(None)
    }
}

/// Takes the first word it is given.
#[derive(Debug)]
struct FirstWord(Option<u64>);

impl Hasher for FirstWord {
    fn finish(&self) -> u64 {
        self.0.unwrap_or(0)
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(word) = bytes.first_chunk() {
            self.write_u64(u64::from_ne_bytes(*word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0.get_or_insert(word);
    }

    /// The length of the array says nothing.
    fn write_usize(&mut self, _length: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<([u64; 2], LiveKey)>(), 32);
    }

    proptest! {
        #[test]
        fn the_last_record_of_each_live_key_is_known(changes in prop::collection::vec((0u8..20, any::<bool>()), 0..200)) {
            let (mut live, mut model) = (LiveKeys::default(), BTreeMap::new());
            for (ordinal, (key, put)) in changes.iter().enumerate() {
                if *put {
                    live.put(&[*key], LiveKey::new(1, 1, ordinal as u32, *key == 3));
                    model.insert(*key, ordinal as u32);
                } else {
                    prop_assert_eq!(live.delete(&[*key]), model.remove(key).is_some());
                }
            }
            let records = live.records(changes.len() as u32);
            prop_assert_eq!(live.len(), model.len());
            prop_assert_eq!(live.leases_missing(), usize::from(model.contains_key(&3)));
            for ordinal in 0..changes.len() as u32 + 70 {
                prop_assert_eq!(records.contains(ordinal), model.values().any(|last| *last == ordinal));
            }
        }
    }
}
