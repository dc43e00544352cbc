//! Counts and bytes of everything in a snapshot, by resource and namespace.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Serialize;

use super::key::{Internal, Key};

/// Objects and bytes of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Objects.
    pub count: u64,
    /// Bytes of their values as stored.
    pub bytes: u64,
}

impl Size {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Keys named of those that are not understood.
const NAMED: usize = 5;

/// One resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResourceSize {
    /// All of it.
    #[serde(flatten)]
    pub all: Size,
    /// By namespace; empty: cluster scope.
    pub namespaces: BTreeMap<String, Size>,
}

/// The whole of a snapshot.
#[derive(Debug, Default)]
pub struct Inventory {
    resources: BTreeMap<(String, String), ResourceSize>,
    internal: BTreeMap<&'static str, Size>,
    unknown: Size,
    foreign: Size,
    others: Vec<String>,
    historic: Size,
    largest: BinaryHeap<Reverse<(u64, String)>>,
    wanted: usize,
}

impl Inventory {
    /// An empty one that remembers the `largest` objects.
    pub fn new(largest: usize) -> Self {
        Self {
            wanted: largest,
            ..Self::default()
        }
    }

    /// Takes a live value in.
    pub fn see(&mut self, etcd_key: &[u8], key: Key<'_>, bytes: u64) {
        match key {
            Key::Object(object) => {
                let id = (object.group.to_owned(), object.resource.to_owned());
                let resource = self.resources.entry(id).or_default();
                resource.all.add(bytes);
                resource
                    .namespaces
                    .entry(object.namespace.unwrap_or_default().to_owned())
                    .or_default()
                    .add(bytes);
            }
            Key::Internal(internal) => self
                .internal
                .entry(internal_name(internal))
                .or_default()
                .add(bytes),
            Key::Unknown(_) => {
                self.unknown.add(bytes);
                self.name(etcd_key);
            }
            Key::Foreign => {
                self.foreign.add(bytes);
                self.name(etcd_key);
            }
        }
        self.remember(etcd_key, bytes);
    }

    /// Takes an older value in: it is in the file until the next compaction.
    pub fn see_historic(&mut self, bytes: u64) {
        self.historic.add(bytes);
    }

    fn name(&mut self, etcd_key: &[u8]) {
        if self.others.len() < NAMED {
            self.others
                .push(String::from_utf8_lossy(etcd_key).into_owned());
        }
    }

    /// Some of the keys that are not understood, or of other programs.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    fn remember(&mut self, etcd_key: &[u8], bytes: u64) {
        let smallest = self.largest.peek().map(|Reverse((bytes, _))| *bytes);
        if self.largest.len() >= self.wanted && smallest.is_none_or(|smallest| bytes <= smallest) {
            return;
        }
        self.largest.push(Reverse((
            bytes,
            String::from_utf8_lossy(etcd_key).into_owned(),
        )));
        if self.largest.len() > self.wanted {
            self.largest.pop();
        }
    }

    /// Group and resource with their sizes.
    pub fn resources(&self) -> &BTreeMap<(String, String), ResourceSize> {
        &self.resources
    }

    /// What the API server and Talos keep that is no object.
    pub fn internal(&self) -> &BTreeMap<&'static str, Size> {
        &self.internal
    }

    /// Keys under the prefix that are not understood.
    pub fn unknown(&self) -> Size {
        self.unknown
    }

    /// Keys of other programs.
    pub fn foreign(&self) -> Size {
        self.foreign
    }

    /// Older revisions.
    pub fn historic(&self) -> Size {
        self.historic
    }

    /// All objects.
    pub fn objects(&self) -> Size {
        let add = |sum: Size, resource: &ResourceSize| Size {
            count: sum.count + resource.all.count,
            bytes: sum.bytes + resource.all.bytes,
        };
        self.resources.values().fold(Size::default(), add)
    }

    /// Sizes by namespace over all resources; empty: cluster scope.
    pub fn namespaces(&self) -> BTreeMap<&str, Size> {
        let mut sizes: BTreeMap<&str, Size> = BTreeMap::new();
        for (namespace, size) in self
            .resources
            .values()
            .flat_map(|resource| &resource.namespaces)
        {
            let sum = sizes.entry(namespace.as_str()).or_default();
            sum.count += size.count;
            sum.bytes += size.bytes;
        }
        sizes
    }

    /// The largest values: bytes and key, largest first.
    pub fn largest(&self) -> Vec<(u64, &str)> {
        let mut all: Vec<(u64, &str)> = self
            .largest
            .iter()
            .map(|Reverse((bytes, key))| (*bytes, key.as_str()))
            .collect();
        all.sort_by_key(|(bytes, key)| (Reverse(*bytes), *key));
        all
    }
}

fn internal_name(internal: Internal<'_>) -> &'static str {
    match internal {
        Internal::CompactRevision => "compact_rev_key",
        Internal::Health => "health",
        Internal::Range(_) => "ranges",
        Internal::MasterLease(_) => "masterleases",
        Internal::PeerServerLease(_) => "peerserverleases",
        Internal::TalosLock(_) => "talos locks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::kubernetes::Grammar;

    #[test]
    fn everything_is_counted_once() {
        let grammar = Grammar::default();
        let mut inventory = Inventory::new(2);
        for (key, bytes) in [
            ("/registry/pods/a/x", 10),
            ("/registry/pods/b/y", 30),
            ("/registry/minions/cp-1", 5),
            ("/registry/ranges/serviceips", 7),
            ("compact_rev_key", 4),
            ("/registry/what/is-this", 20),
            ("cilium/state", 1),
        ] {
            inventory.see(key.as_bytes(), grammar.parse(key.as_bytes()), bytes);
        }
        inventory.see_historic(100);
        assert_eq!(
            inventory.objects(),
            Size {
                count: 3,
                bytes: 45
            }
        );
        let pods = &inventory.resources()[&(String::new(), "pods".to_owned())];
        assert_eq!((pods.all.count, pods.namespaces["b"].bytes), (2, 30));
        assert_eq!(inventory.namespaces()[""], Size { count: 1, bytes: 5 });
        assert_eq!(
            inventory.largest(),
            [(30, "/registry/pods/b/y"), (20, "/registry/what/is-this")]
        );
        assert_eq!(
            (
                inventory.unknown().count,
                inventory.foreign().count,
                inventory.historic().bytes
            ),
            (1, 1, 100)
        );
        assert_eq!(
            inventory.others(),
            ["/registry/what/is-this", "cilium/state"]
        );
        assert_eq!(
            inventory.internal().keys().copied().collect::<Vec<_>>(),
            ["compact_rev_key", "ranges"]
        );
    }
}
