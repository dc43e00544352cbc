//! What a destination holds, small enough to keep a million of it in memory: the names we and
//! talos-backup give are told again from their parts, all others are kept as they are.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::catalogue::{Kind, MANIFEST_FOLDER, ObjectName, Shape, ShortName, classify};
use crate::failure::Failure;
use crate::store::{self, Object, OpenUpload, Store};
use crate::verify::RECORD_FOLDER;

/// A snapshot of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When it was taken, in milliseconds since 1970.
    pub taken_at: i64,
    /// Stored bytes.
    pub size: u64,
    pub(super) name: ShortName,
    /// Whether a manifest lies beside it.
    pub manifest: bool,
    /// Whether the record of a verification does.
    pub record: bool,
}

/// The snapshots of one cluster, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its name.
    pub cluster: String,
    /// Its snapshots.
    pub items: Vec<Item>,
}

impl Lot {
    /// When each was taken, as the planner takes it.
    pub fn times(&self) -> Vec<i64> {
        self.items.iter().map(|item| item.taken_at).collect()
    }
}

/// An object that is neither counted nor deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Full key.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// What it is: `partial`, `undated`, `future-dated`, `foreign (tool)`.
    pub what: String,
}

/// What is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrphanKind {
    /// A manifest whose object is gone.
    Manifest,
    /// The record of a verification whose object is gone.
    Record,
    /// An upload that was begun and not ended.
    Upload,
}

/// Something left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// What it is.
    pub kind: OrphanKind,
    /// Full key; of an upload the key it would publish.
    pub key: String,
    /// The upload itself.
    pub upload: Option<OpenUpload>,
}

/// A destination's content.
#[derive(Debug, Default)]
pub struct Inventory {
    /// By cluster, in the order of their names.
    pub lots: Vec<Lot>,
    /// What is not touched.
    pub others: Vec<Other>,
    /// Manifests and records without an object.
    pub orphans: Vec<Orphan>,
    /// Before each key: the prefix with its `/`.
    base: String,
}

impl Inventory {
    /// Lists all of `store`, or what may belong to `cluster`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read(
        store: &dyn Store,
        cluster: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut gathered = Gathered::new(store.key_of(""), cluster, now);
        store::each(store, |object| gathered.take(&object)).await?;
        Ok(gathered.join())
    }

    /// The full key of a snapshot.
    pub fn key(&self, lot: &Lot, item: &Item) -> String {
        let name = item.name.render(&lot.cluster, item.taken_at);
        format!("{}{name}", self.base)
    }

    /// Adds uploads that were begun and not ended, of objects of this destination.
    pub fn add_uploads(&mut self, uploads: Vec<OpenUpload>) {
        let own = uploads.into_iter();
        let own = own.filter(|upload| upload.lies_in(&self.base));
        self.orphans.extend(own.map(|upload| Orphan {
            kind: OrphanKind::Upload,
            key: upload.key.clone(),
            upload: Some(upload),
        }));
    }
}

/// One place of a manifest or record: when, of which cluster, in which form.
type Place = (i64, u32, Shape);

/// Manifests or records, before they are joined with their objects.
#[derive(Default)]
struct Beside {
    places: Vec<Place>,
    names: Vec<Box<str>>,
}

impl Beside {
    fn sort(&mut self) {
        self.places.sort_unstable();
        self.names.sort_unstable();
    }

    fn has(&self, cluster: u32, item: &Item) -> bool {
        match &item.name {
            ShortName::Known(shape) => self
                .places
                .binary_search(&(item.taken_at, cluster, *shape))
                .is_ok(),
            ShortName::Whole(name) => self.names.binary_search(name).is_ok(),
        }
    }
}

/// A listing on its way.
struct Gathered<'a> {
    base: String,
    cluster: Option<&'a str>,
    now: Timestamp,
    clusters: Vec<Lot>,
    numbers: HashMap<String, u32>,
    manifests: Beside,
    records: Beside,
    others: Vec<Other>,
}

impl<'a> Gathered<'a> {
    fn new(base: String, cluster: Option<&'a str>, now: Timestamp) -> Self {
        Self {
            base,
            cluster,
            now,
            clusters: Vec::new(),
            numbers: HashMap::new(),
            manifests: Beside::default(),
            records: Beside::default(),
            others: Vec::new(),
        }
    }

    fn take(&mut self, object: &Object) {
        let Some(below) = object.key.strip_prefix(self.base.as_str()) else {
            return;
        };
        for folder in [MANIFEST_FOLDER, RECORD_FOLDER] {
            if let Some(name) = beside(below, folder) {
                return self.take_beside(&name, folder == MANIFEST_FOLDER);
            }
        }
        let prefix = self.base.strip_suffix('/').unwrap_or(&self.base);
        let Some(entry) = classify(object, prefix, self.now) else {
            return;
        };
        match entry.kind {
            Kind::Snapshot(name) if self.wants(&name) => {
                let cluster = self.number(&name.cluster);
                let item = Item {
                    taken_at: name.taken_at.as_millisecond(),
                    size: object.size,
                    name: ShortName::of(below, &name),
                    manifest: false,
                    record: false,
                };
                if let Some(lot) = self.clusters.get_mut(cluster as usize) {
                    lot.items.push(item);
                }
            }
            Kind::Snapshot(_) | Kind::Manifest => {}
            Kind::FutureDated(name) if self.wants(&name) => self.leave(object, "future-dated"),
            Kind::FutureDated(_) => {}
            Kind::Partial => {
                let name = ObjectName::parse(&entry.name);
                if name.is_none_or(|name| self.wants(&name)) {
                    self.leave(object, "partial");
                }
            }
            Kind::Undated => self.leave(object, "undated"),
            Kind::Foreign(tool) => self.leave(object, &format!("foreign ({tool})")),
        }
    }

    fn wants(&self, name: &ObjectName) -> bool {
        self.cluster.is_none_or(|cluster| cluster == name.cluster)
    }

    fn leave(&mut self, object: &Object, what: &str) {
        self.others.push(Other {
            key: object.key.clone(),
            size: object.size,
            what: what.to_owned(),
        });
    }

    fn number(&mut self, cluster: &str) -> u32 {
        if let Some(number) = self.numbers.get(cluster) {
            return *number;
        }
        let number = u32::try_from(self.clusters.len()).unwrap_or(u32::MAX);
        self.numbers.insert(cluster.to_owned(), number);
        self.clusters.push(Lot {
            cluster: cluster.to_owned(),
            items: Vec::new(),
        });
        number
    }

    /// Of what is beside an object only its place is kept.
    fn take_beside(&mut self, object: &str, manifest: bool) {
        let file = object.rsplit_once('/').map_or(object, |(_, file)| file);
        let parsed = ObjectName::parse(file);
        if parsed.as_ref().is_some_and(|name| !self.wants(name)) {
            return;
        }
        let known = parsed.and_then(|name| match ShortName::of(object, &name) {
            ShortName::Known(shape) => {
                let taken_at = name.taken_at.as_millisecond();
                Some((taken_at, self.number(&name.cluster), shape))
            }
            ShortName::Whole(_) => None,
        });
        let beside = if manifest {
            &mut self.manifests
        } else {
            &mut self.records
        };
        match known {
            Some(place) => beside.places.push(place),
            None => beside.names.push(object.into()),
        }
    }

    fn join(mut self) -> Inventory {
        self.manifests.sort();
        self.records.sort();
        for (number, lot) in self.clusters.iter_mut().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for item in &mut lot.items {
                item.manifest = self.manifests.has(number, item);
                item.record = self.records.has(number, item);
            }
            lot.items.sort_unstable_by(|left, right| {
                (right.taken_at, &right.name).cmp(&(left.taken_at, &left.name))
            });
            lot.items.shrink_to_fit();
        }
        let mut orphans = self.orphans(OrphanKind::Manifest);
        orphans.extend(self.orphans(OrphanKind::Record));
        let mut lots = self.clusters;
        lots.retain(|lot| !lot.items.is_empty());
        lots.sort_by(|left, right| left.cluster.cmp(&right.cluster));
        Inventory {
            lots,
            others: self.others,
            orphans,
            base: self.base,
        }
    }

    /// What lies beside an object that is not there.
    fn orphans(&self, kind: OrphanKind) -> Vec<Orphan> {
        let (beside, folder) = match kind {
            OrphanKind::Manifest => (&self.manifests, MANIFEST_FOLDER),
            _ => (&self.records, RECORD_FOLDER),
        };
        let mut objects: Vec<Place> = Vec::new();
        let mut names: Vec<&str> = self
            .others
            .iter()
            .map(|other| other.below(&self.base))
            .collect();
        for (number, lot) in self.clusters.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for item in &lot.items {
                match &item.name {
                    ShortName::Known(shape) => objects.push((item.taken_at, number, *shape)),
                    ShortName::Whole(name) => names.push(name),
                }
            }
        }
        objects.sort_unstable();
        names.sort_unstable();
        let lost = |place: &&Place| objects.binary_search(place).is_err();
        let known = beside.places.iter().filter(lost).filter_map(|place| {
            let lot = self.clusters.get(place.1 as usize)?;
            Some(place.2.render(&lot.cluster, place.0))
        });
        let whole = beside.names.iter().map(ToString::to_string);
        known
            .chain(whole)
            .filter(|name| names.binary_search(&name.as_str()).is_err())
            .map(|name| {
                let (lead, file) = name
                    .rsplit_once('/')
                    .map_or(("", name.as_str()), |(_, file)| ("/", file));
                Orphan {
                    kind,
                    key: format!("{}{lead}{folder}/{file}.json", self.base),
                    upload: None,
                }
            })
            .collect()
    }
}

impl Other {
    fn below<'a>(&'a self, base: &str) -> &'a str {
        self.key.strip_prefix(base).unwrap_or(&self.key)
    }
}

/// The name, below the prefix, of the object that this lies beside; none: it is no such thing.
/// A prefix that ends with `/` makes names with a `/` before them.
fn beside(below: &str, folder: &str) -> Option<String> {
    let (lead, rest) = match below.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", below),
    };
    let name = rest.strip_prefix(folder)?.strip_prefix('/')?;
    let name = name.strip_suffix(".json")?;
    (!name.contains('/')).then(|| format!("{lead}{name}"))
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
