//! One destination: its listing, and of the newest objects manifest and verification.

use jiff::Timestamp;

use super::beside;
use super::model::{Checked, Newest, Place};
use crate::catalogue::{self, Entry, Kind};
use crate::configs::Live;
use crate::failure::Failure;
use crate::store::{self, Destination, Store, StoreOptions};
use crate::verify::{self, Kept, Verdict};

/// How many of the newest objects are asked for their verification: a request each.
const ASKED: usize = 20;
/// How many sizes make the picture.
const SIZES: usize = 24;

/// What is the same for every destination.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How stores are reached.
    pub options: &'a StoreOptions,
    /// Only this cluster, where several share a prefix.
    pub cluster: Option<&'a str>,
    /// What the nodes run with, to be held against what is saved.
    pub live: Option<&'a Live>,
    /// The time.
    pub now: Timestamp,
}

/// Looks. What cannot be seen is in the outcome.
pub async fn look(destination: &str, asked: &Asked<'_>) -> Place {
    match try_look(destination, asked).await {
        Ok(place) => place,
        Err(failure) => Place {
            destination: destination.to_owned(),
            error: Some(failure.what),
            ..Place::default()
        },
    }
}

async fn try_look(destination: &str, asked: &Asked<'_>) -> Result<Place, Failure> {
    let (cluster, now) = (asked.cluster, asked.now);
    let destination = Destination::parse(destination)?;
    let store = store::open(&destination, asked.options).await?;
    let mut found = Found::default();
    let base = store.key_of("");
    let prefix = base.trim_end_matches('/');
    let take = |object| {
        if let Some(entry) = catalogue::classify(&object, prefix, now) {
            found.take(entry, cluster);
        }
    };
    store::each(store.as_ref(), take).await?;
    found.keep_the_newest();
    let snapshots = found.newest;
    let mut place = Place {
        destination: destination.to_string(),
        snapshots: found.snapshots,
        others: found.others,
        bytes: found.bytes,
        sizes: sizes(&snapshots),
        ..Place::default()
    };
    let mut records = Vec::new();
    for (_, entry) in snapshots.iter().take(ASKED) {
        records.push(verify::kept(store.as_ref(), &entry.key).await);
        // Both kinds were found: what is older says nothing new.
        if records.iter().flatten().any(|kept| kept.depth == "drill") {
            break;
        }
    }
    weigh(&mut place, store.as_ref(), &snapshots, &records);
    if let Some(newest) = &mut place.newest {
        let key = snapshots
            .iter()
            .find(|(_, entry)| store.url_of(&entry.key) == newest.url);
        if let Some((_, entry)) = key
            && let Some(manifest) = verify::manifest(store.as_ref(), &entry.key).await
        {
            newest.encrypted = Some(manifest.encrypted);
            newest.recipients = manifest.recipients;
        }
    }
    beside::uploads(&mut place, store.as_ref(), &destination, now).await;
    beside::machine_configs(&mut place, &destination, asked).await;
    Ok(place)
}

/// What a listing holds, of which only the newest snapshots are kept.
#[derive(Default)]
struct Found {
    snapshots: usize,
    bytes: u64,
    others: usize,
    /// The newest first, once it was asked for.
    newest: Vec<(Timestamp, Entry)>,
}

impl Found {
    fn take(&mut self, entry: Entry, cluster: Option<&str>) {
        match &entry.kind {
            Kind::Snapshot(name) if cluster.is_none_or(|own| own == name.cluster) => {
                self.snapshots += 1;
                self.bytes += entry.size;
                self.newest.push((name.taken_at, entry));
                if self.newest.len() >= 2 * SIZES {
                    self.keep_the_newest();
                }
            }
            Kind::Snapshot(_) | Kind::Manifest => {}
            _ => self.others += 1,
        }
    }

    /// No more than are asked and shown.
    fn keep_the_newest(&mut self) {
        self.newest
            .sort_by(|(left, a), (right, b)| (right, &b.key).cmp(&(left, &a.key)));
        self.newest.truncate(SIZES.max(ASKED + 1));
    }
}

fn sizes(snapshots: &[(Timestamp, Entry)]) -> Vec<u64> {
    let last = snapshots.iter().take(SIZES).rev();
    last.map(|(_, entry)| entry.size).collect()
}

/// The newest that is not known to be bad, and the last looks with the keys.
fn weigh(
    place: &mut Place,
    store: &dyn Store,
    snapshots: &[(Timestamp, Entry)],
    records: &[Option<Kept>],
) {
    let mut records = records.iter();
    for (taken_at, entry) in snapshots {
        let kept = records.next().and_then(Option::as_ref);
        if kept.is_some_and(|kept| kept.verdict == Verdict::Failed) && place.newest.is_none() {
            place.bad.push(store.url_of(&entry.key));
        } else if place.newest.is_none() {
            place.newest = Some(Newest {
                url: store.url_of(&entry.key),
                taken_at: taken_at.to_string(),
                content_at: kept.and_then(|kept| kept.content_at.clone()),
                bytes: entry.size,
                encrypted: None,
                recipients: Vec::new(),
            });
        }
        let Some(kept) = kept else {
            continue;
        };
        let checked = || Checked {
            object: entry.name.clone(),
            at: kept.verified_at.clone().unwrap_or_default(),
            depth: kept.depth.clone(),
            verdict: kept.verdict.word(),
        };
        let deep = matches!(kept.depth.as_str(), "deep" | "drill");
        later(&mut place.verified, deep, checked);
        later(&mut place.drilled, kept.depth == "drill", checked);
    }
}

fn later(known: &mut Option<Checked>, counts: bool, new: impl Fn() -> Checked) {
    let new = counts.then(&new);
    let at = |checked: &Option<Checked>| checked.as_ref().map(|one| one.at.clone());
    if new.is_some() && at(&new) > at(known) {
        *known = new;
    }
}
