//! Entries, small enough to keep a million of them in memory: a name is told again from its
//! parts where it can be, and what an object is, is told again from its name.

use std::collections::HashMap;

use jiff::Timestamp;

use super::entry::{Entry, Kind, classify};
use super::short_name::ShortName;
use crate::store::{Object, Store};

/// An entry in some forty bytes. Without its [`Shelf`] it says no more than its place in time.
#[derive(Debug)]
pub struct Packed {
    /// In microseconds since 1970.
    time: i64,
    modified: i64,
    size: u64,
    /// Below the prefix.
    name: ShortName,
    cluster: u32,
}

/// No time is known: before all others.
const UNKNOWN: i64 = i64::MIN;

impl Packed {
    /// Orders by time, where none is known before all others.
    pub fn order(&self) -> i64 {
        self.time
    }
}

/// What the packed entries of a destination have in common.
#[derive(Debug)]
pub struct Shelf {
    /// Before each key: the prefix with its `/`.
    base: String,
    now: Timestamp,
    clusters: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Shelf {
    /// Of a destination. `now`: what is dated later is [`Kind::FutureDated`].
    pub fn new(store: &dyn Store, now: Timestamp) -> Self {
        Self {
            base: store.key_of(""),
            now,
            clusters: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// What an object of the listing is; none: no part of the destination.
    pub fn entry_of(&self, object: &Object) -> Option<Entry> {
        classify(object, self.base.trim_end_matches('/'), self.now)
    }

    /// Packs an entry of this destination.
    pub fn pack(&mut self, entry: &Entry) -> Packed {
        let below = entry.key.strip_prefix(self.base.as_str());
        let below = below.unwrap_or(&entry.key);
        let micros = |time: Option<Timestamp>| time.map_or(UNKNOWN, Timestamp::as_microsecond);
        let modified = micros(entry.modified);
        let (time, name, cluster) = match &entry.kind {
            Kind::Snapshot(name) | Kind::FutureDated(name) => (
                name.taken_at.as_microsecond(),
                ShortName::of(below, name),
                self.number(&name.cluster),
            ),
            _ => (modified, ShortName::Whole(below.into()), 0),
        };
        Packed {
            time,
            modified,
            size: entry.size,
            name,
            cluster,
        }
    }

    /// The entry again. None: it was packed elsewhere.
    pub fn unpack(&self, packed: &Packed) -> Option<Entry> {
        let name = match &packed.name {
            ShortName::Whole(name) => name.to_string(),
            // Its time was read from the name, which has no more than milliseconds.
            known @ ShortName::Known(_) => {
                let cluster = self.clusters.get(packed.cluster as usize)?;
                known.render(cluster, packed.time.div_euclid(1000))
            }
        };
        self.entry_of(&Object {
            key: format!("{}{name}", self.base),
            size: packed.size,
            modified: Timestamp::from_microsecond(packed.modified).ok(),
        })
    }

    fn number(&mut self, cluster: &str) -> u32 {
        if let Some(number) = self.numbers.get(cluster) {
            return *number;
        }
        let number = u32::try_from(self.clusters.len()).unwrap_or(u32::MAX);
        self.numbers.insert(cluster.to_owned(), number);
        self.clusters.push(cluster.to_owned());
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Destination, StoreOptions};

    async fn shelf(prefix: &str) -> Shelf {
        let folder = Destination::parse("file:///nowhere").unwrap();
        let store = crate::store::open(&folder, &StoreOptions::default()).await;
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        Shelf {
            base: prefix.to_owned(),
            ..Shelf::new(store.unwrap().as_ref(), now)
        }
    }

    #[tokio::test]
    async fn what_is_packed_comes_out_as_it_was() {
        for base in ["prod/", "", "a/b/"] {
            let mut shelf = shelf(base).await;
            for name in [
                "c-2026-01-01T00:00:00.000Z.snap.zst.age",
                "/c-2026-01-01T00:00:00Z.snap",
                "other-2026-01-01T01-02-03.456Z.snap.age",
                "c-2026-01-01T02:00:00.123456789+02:00.snap",
                "c-1960-01-01T00:00:00.001Z.snap.zst",
                "c-2999-01-01T00:00:00.000Z.snap.zst",
                "before-upgrade.snapshot",
                "notes.txt",
                ".c-2026-01-01T00-00-00.000Z.snap.1a2b3c4d.part",
            ] {
                for modified in [None, Some("2026-01-01T00:00:01.5Z".parse().unwrap())] {
                    let object = Object {
                        key: format!("{base}{name}"),
                        size: 7,
                        modified,
                    };
                    let entry = shelf.entry_of(&object).unwrap();
                    let packed = shelf.pack(&entry);
                    assert_eq!(shelf.unpack(&packed), Some(entry), "{name}");
                }
            }
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Packed>() <= 48, "{}", size_of::<Packed>());
    }

    #[tokio::test]
    async fn what_has_no_time_is_before_all_others() {
        let mut shelf = shelf("").await;
        let mut order = |name: &str| {
            let object = Object {
                key: name.to_owned(),
                size: 7,
                modified: None,
            };
            let entry = shelf.entry_of(&object).unwrap();
            shelf.pack(&entry).order()
        };
        let unknown = order("notes.txt");
        let old = order("c-0001-01-01T00:00:00Z.snap");
        let new = order("c-2026-01-01T00:00:00Z.snap");
        assert!(unknown < old && old < new);
    }
}
