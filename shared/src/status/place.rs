//! One destination: its listing, and of the newest objects manifest and verification.

use jiff::Timestamp;

use super::model::{Checked, Newest, Place};
use crate::catalogue::{self, Entry, Kind};
use crate::failure::Failure;
use crate::store::{self, Destination, Store, StoreOptions};
use crate::verify::{self, Kept, Verdict};

/// How many of the newest objects are asked for their verification: a request each.
const ASKED: usize = 20;
/// How many sizes make the picture.
const SIZES: usize = 24;

/// Looks. What cannot be seen is in the outcome.
pub async fn look(
    destination: &str,
    options: &StoreOptions,
    cluster: Option<&str>,
    now: Timestamp,
) -> Place {
    match try_look(destination, options, cluster, now).await {
        Ok(place) => place,
        Err(failure) => Place {
            destination: destination.to_owned(),
            error: Some(failure.what),
            ..Place::default()
        },
    }
}

async fn try_look(
    destination: &str,
    options: &StoreOptions,
    cluster: Option<&str>,
    now: Timestamp,
) -> Result<Place, Failure> {
    let destination = Destination::parse(destination)?;
    let store = store::open(&destination, options).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(store.as_ref(), prefix.trim_end_matches('/'), now).await?;
    let (snapshots, others) = sorted(entries, cluster);
    let mut place = Place {
        destination: destination.to_string(),
        snapshots: snapshots.len(),
        others,
        bytes: snapshots.iter().map(|(_, entry)| entry.size).sum(),
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
    Ok(place)
}

/// Snapshots of the cluster, the newest first, and how many objects are none.
fn sorted(entries: Vec<Entry>, cluster: Option<&str>) -> (Vec<(Timestamp, Entry)>, usize) {
    let mut snapshots = Vec::new();
    let mut others = 0;
    for entry in entries {
        match &entry.kind {
            Kind::Snapshot(name) if cluster.is_none_or(|own| own == name.cluster) => {
                snapshots.push((name.taken_at, entry));
            }
            Kind::Snapshot(_) | Kind::Manifest => {}
            _ => others += 1,
        }
    }
    snapshots.sort_by(|(left, a), (right, b)| (right, &b.key).cmp(&(left, &a.key)));
    (snapshots, others)
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
