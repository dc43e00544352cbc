//! Everything that can be learned now: from the talosconfig, the nodes, and the stores.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;

use super::facts::{Backup, Facts, Place, S3Place, Vouched};
use super::learn::{self, Learned};
use crate::catalogue::{self, Entry, Kind, Manifest};
use crate::configs::{self, SavedConfig};
use crate::failure::{Exit, Failure};
use crate::recovery::{Known, Unknown, Why};
use crate::store::{self, Destination, Store, StoreOptions};
use crate::talos::Talos;
use crate::verify::{self, Verdict};

/// Backups whose verification is looked up, from the newest on: each is a request.
const LOOKED_UP: usize = 50;

/// What to ask.
pub struct Asked<'a> {
    /// Our name for the cluster.
    pub cluster: String,
    /// The nodes, or why they cannot be asked.
    pub talos: Result<&'a Talos, &'a Failure>,
    /// Where backups lie.
    pub destinations: &'a [Destination],
    /// How to reach those.
    pub stores: &'a StoreOptions,
    /// Fingerprints of the recipients that were given; else those of the newest backup.
    pub recipients: Option<Vec<String>>,
    /// Whether stores may be read; else why not.
    pub reading: Result<(), &'a str>,
}

/// Asks. It never fails: what could not be learned is told as such.
pub async fn gather(asked: &Asked<'_>) -> Facts {
    let now = Timestamp::now();
    let places = asked.destinations.iter().map(|one| place(one, asked, now));
    let (learned, places) = tokio::join!(learned(asked), join_all(places));
    let talos = match asked.talos {
        Ok(talos) => Known::Is(learn::of_config(talos)),
        Err(failure) => Known::not_asked(failure.what.clone()),
    };
    let mut facts = Facts {
        cluster: asked.cluster.clone(),
        made_at: now,
        tool: concat!("etcdbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        talos,
        own_name: learned.own_name,
        machines: learned.machines,
        gap: learned.gap,
        versions: learned.versions,
        places,
        recipients: match &asked.recipients {
            Some(all) => Known::Is(all.clone()),
            None => Known::not_asked(
                "fingerprints of the recipients: no manifest of a backup tells them",
            ),
        },
    };
    fill_in(&mut facts);
    facts
}

async fn learned(asked: &Asked<'_>) -> Learned {
    match asked.talos {
        Ok(talos) => learn::of_nodes(talos).await,
        Err(failure) => learn::nothing(&failure.what),
    }
}

/// What the nodes did not tell, the newest backup may.
fn fill_in(facts: &mut Facts) {
    let backups = facts
        .places
        .iter()
        .filter_map(|place| place.newest.get()?.as_ref());
    let newest = backups.max_by_key(|backup| backup.taken_at).cloned();
    let Some(newest) = newest else { return };
    let at = newest.taken_at.strftime("%Y-%m-%d").to_string();
    let then = |known: &mut Known<String>, told: Option<String>| {
        if let (Known::Unknown(_), Some(told)) = (&known, told) {
            *known = Known::Is(format!("{told} (of the backup of {at})"));
        }
    };
    then(&mut facts.versions.talos, newest.talos);
    then(&mut facts.versions.etcd, newest.etcd);
    then(&mut facts.versions.kubernetes, newest.kubernetes);
    if let (Known::Unknown(_), Some(all)) = (&facts.recipients, newest.recipients) {
        facts.recipients = Known::Is(all);
    }
}

async fn place(destination: &Destination, asked: &Asked<'_>, now: Timestamp) -> Place {
    let s3 = match destination {
        Destination::S3 { .. } => Some(s3_place(asked.stores).await),
        Destination::File { .. } => None,
    };
    let unread = Place {
        destination: destination.to_string(),
        s3,
        newest: Known::not_asked("the last backup"),
        vouched: Known::not_asked("the last verified backup"),
        configs: Known::not_asked("the saved machine configs"),
    };
    match asked.reading {
        Ok(()) => read(destination, asked, now, unread).await,
        Err(why) => Place {
            newest: Known::not_asked(why),
            vouched: Known::not_asked(why),
            configs: Known::not_asked(why),
            ..unread
        },
    }
}

async fn s3_place(options: &StoreOptions) -> Known<S3Place> {
    match store::s3_place(options).await {
        Ok((endpoint, region)) => Known::Is(S3Place { endpoint, region }),
        Err(failure) => unknown(&failure),
    }
}

async fn read(
    destination: &Destination,
    asked: &Asked<'_>,
    now: Timestamp,
    unread: Place,
) -> Place {
    let saved = configs::list(destination, asked.stores, now).await;
    let configs = match saved {
        Ok(listing) => Known::Is(newest_each(listing.configs, &asked.cluster)),
        Err(failure) => unknown(&failure),
    };
    let (newest, vouched) = match backups(destination, asked, now).await {
        Ok((newest, vouched)) => (Known::Is(newest), Known::Is(vouched)),
        Err(failure) => (unknown(&failure), unknown(&failure)),
    };
    Place {
        newest,
        vouched,
        configs,
        ..unread
    }
}

fn unknown<T>(failure: &Failure) -> Known<T> {
    let why = match failure.exit {
        Exit::NotPermitted => Why::NotPermitted,
        Exit::Unreachable | Exit::Temporary => Why::Silent,
        _ => Why::Answered,
    };
    Known::Unknown(Unknown {
        why,
        reason: failure.what.clone(),
    })
}

/// The newest of each node of this cluster, by the node's name.
fn newest_each(all: Vec<SavedConfig>, cluster: &str) -> Vec<SavedConfig> {
    let mut newest: BTreeMap<String, SavedConfig> = BTreeMap::new();
    for one in all.into_iter().filter(|one| one.cluster == cluster) {
        let known = newest
            .entry(one.node.clone())
            .or_insert_with(|| one.clone());
        if known.taken_at < one.taken_at {
            *known = one;
        }
    }
    newest.into_values().collect()
}

async fn backups(
    destination: &Destination,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<(Option<Backup>, Option<Vouched>), Failure> {
    let store = store::open(destination, asked.stores).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(store.as_ref(), prefix.trim_end_matches('/'), now).await?;
    let all = snapshots(entries, &asked.cluster);
    let Some((taken_at, entry)) = all.first() else {
        return Ok((None, None));
    };
    let manifest = verify::manifest(store.as_ref(), &entry.key).await;
    let newest = backup(store.url_of(&entry.key), *taken_at, entry.size, manifest);
    Ok((Some(newest), vouched(store.as_ref(), &all).await))
}

/// Snapshots of the cluster, newest first.
fn snapshots(entries: Vec<Entry>, cluster: &str) -> Vec<(Timestamp, Entry)> {
    let own = |entry: Entry| match &entry.kind {
        Kind::Snapshot(name) if name.cluster == cluster => Some((name.taken_at, entry)),
        _ => None,
    };
    let mut all: Vec<(Timestamp, Entry)> = entries.into_iter().filter_map(own).collect();
    all.sort_by(|(left, a), (right, b)| (right, &b.key).cmp(&(left, &a.key)));
    all
}

fn backup(url: String, taken_at: Timestamp, bytes: u64, manifest: Option<Manifest>) -> Backup {
    let told = manifest.map(|manifest| Backup {
        etcd: manifest.etcd_version,
        talos: manifest.talos_version,
        kubernetes: manifest.kubernetes_version,
        recipients: Some(manifest.recipients),
        ..Backup::default()
    });
    Backup {
        url,
        taken_at,
        bytes,
        ..told.unwrap_or_default()
    }
}

/// The newest that an earlier verification calls good, by what that left beside it.
async fn vouched(store: &dyn Store, all: &[(Timestamp, Entry)]) -> Option<Vouched> {
    for (taken_at, entry) in all.iter().take(LOOKED_UP) {
        let kept = verify::kept(store, &entry.key).await;
        if let Some(kept) = kept.filter(|kept| kept.verdict == Verdict::Good) {
            return Some(Vouched {
                url: store.url_of(&entry.key),
                taken_at: *taken_at,
                depth: kept.depth,
                verified_at: kept.verified_at,
            });
        }
    }
    None
}
