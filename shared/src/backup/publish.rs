//! The whole way of one snapshot: names, pipeline, manifest, receipt.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cancel::Cancel;
use super::facts::SourceFacts;
use super::lane::Delivery;
use super::run::{BATCHES, Outcome, PushPlan, push};
use super::source::{SnapshotSource, SourceError};
use crate::catalogue::{
    Content, MANIFEST_VERSION, Manifest, ObjectName, Verified, manifest_key_beside,
};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Recipients};
use crate::snapshot::Sound;
use crate::store::{self, Destination, LockFor, ObjectLock, Store, StoreOptions};

const MIB: usize = 1024 * 1024;
/// A destination that stands still this long, while another waits for it, is left out.
const LAG_LIMIT: Duration = Duration::from_secs(30);
/// How long manifests may still take after a stop.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What to publish, and where.
pub struct Publication {
    /// Where to.
    pub destinations: Vec<Destination>,
    /// How to reach them.
    pub stores: StoreOptions,
    /// Our name of the cluster.
    pub cluster: String,
    /// Compression before encryption.
    pub compression: Compression,
    /// Who can open it.
    pub recipients: Option<Arc<Recipients>>,
    /// The structure proof of a raw copy; none: a streamed snapshot.
    pub raw: Option<Sound>,
    /// Small parts, one at a time.
    pub low_memory: bool,
    /// Bytes of a part; none: 8 MiB, or 5 MiB with `low_memory`.
    pub part_size: Option<usize>,
    /// Parts on their way at once; none: 3, or 1 with `low_memory`.
    pub concurrency: Option<usize>,
    /// Whether a manifest is written beside each object.
    pub manifest: bool,
    /// How many destinations must have it; none: all.
    pub min_copies: Option<usize>,
    /// How long the store shall keep each object from being deleted.
    pub lock: Option<LockFor>,
    /// What is known of the source beside its bytes, for the manifest.
    pub facts: SourceFacts,
    /// The object whose snapshot is stored anew; none: a snapshot of now.
    pub replacing: Option<Replacing>,
}

/// A stored snapshot that is stored again, for other recipients.
pub struct Replacing {
    /// Name of the new object: it also says when the snapshot was taken.
    pub name: ObjectName,
    /// Name of the old one.
    pub old: String,
    /// Where the snapshot came from first, if that is known.
    pub source: Option<String>,
}

/// What was published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// Our name of the cluster.
    pub cluster: String,
    /// When the snapshot was taken, by this machine's clock: RFC 3339, UTC.
    pub taken_at: String,
    /// Bytes and SHA-256 of the snapshot.
    pub snapshot: Digest,
    /// Bytes and SHA-256 as stored.
    pub stored: Digest,
    /// `none` or `zstd:LEVEL`.
    pub compression: String,
    /// Whether it is an age file.
    pub encrypted: bool,
    /// Whether it is a copied database file, without a digest of etcd's own.
    pub raw: bool,
    /// Until when the store keeps it from being deleted: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<String>,
    /// `governance` or `compliance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_mode: Option<String>,
    /// One per destination.
    pub copies: Vec<Copy>,
}

/// Size and SHA-256.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Digest {
    /// Bytes.
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

/// One destination's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Copy {
    /// Full URL.
    pub url: String,
    /// Full key.
    pub key: String,
    /// None: stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A finished run: its receipt, and the failures of single destinations.
pub struct Published {
    /// For stdout.
    pub receipt: Receipt,
    /// For stderr, each with its hint.
    pub failures: Vec<Failure>,
    /// Manifests that could not be written: warnings.
    pub warnings: Vec<String>,
    /// The code of the run: 0 when enough copies are stored.
    pub exit: Exit,
}

/// Stores what `source` gives in every destination.
///
/// # Errors
/// Nothing was published anywhere.
pub async fn publish(
    source: &mut dyn SnapshotSource,
    publication: &Publication,
    mut cancel: Cancel,
) -> Result<Published, SourceError> {
    let lock = publication.lock.map(|lock| lock.from(clock::now()));
    let refused = |failure| SourceError {
        failure,
        try_elsewhere: false,
    };
    let name = name(publication).map_err(refused)?;
    let (taken_at, name) = (name.taken_at, name.to_string());
    let stores = open_all(publication, lock).await.map_err(refused)?;
    let (part_size, slots) = parts(publication, stores.len());
    let batches = if publication.low_memory {
        FEW_BATCHES
    } else {
        BATCHES
    };
    let plan = PushPlan {
        compression: publication.compression,
        recipients: publication.recipients.clone(),
        raw: publication.raw.clone(),
        part_size,
        batches,
        slots,
        lag_limit: LAG_LIMIT,
        destinations: stores
            .iter()
            .map(|store| (Arc::clone(store), store.key_of(&name)))
            .collect(),
    };
    let outcome = push(source, plan, cancel.clone()).await?;
    let mut warnings: Vec<String> = outcome.deliveries.iter().filter_map(remark).collect();
    if publication.manifest {
        let mut manifest = manifest(&name, taken_at, &source.name(), publication, &outcome);
        manifest.set_lock(lock);
        if let Some(replacing) = &publication.replacing {
            manifest.replaces = Some(replacing.old.clone());
            if let Some(first) = &replacing.source {
                manifest.source.clone_from(first);
            }
        }
        let written = write_manifests(&stores, &name, &manifest, &outcome);
        match cancel.grant(LAST_WORDS, written).await {
            Ok(unwritten) => warnings.extend(unwritten),
            Err(_) => warnings.push("stopped by a signal: manifests are missing".to_owned()),
        }
    }
    let mut published = judge(publication, taken_at, outcome, warnings);
    published.receipt.retain_until = lock.map(|lock| lock.until.to_string());
    published.receipt.lock_mode = lock.map(|lock| lock.mode.to_string());
    Ok(published)
}

/// The name of the object, and with it the time of the snapshot.
fn name(publication: &Publication) -> Result<ObjectName, Failure> {
    if let Some(replacing) = &publication.replacing {
        return Ok(replacing.name.clone());
    }
    ObjectName::new(
        &publication.cluster,
        clock::now(),
        publication.compression != Compression::None,
        publication.recipients.is_some(),
    )
}

/// Batches between source and proof where memory is short.
const FEW_BATCHES: usize = 4;

/// Bytes of a part, and how many may be in memory at once.
fn parts(publication: &Publication, destinations: usize) -> (usize, usize) {
    let (size, slots) = match (publication.low_memory, destinations) {
        (true, count) => (5 * MIB, 1 + count),
        (false, 1) => (8 * MIB, 4),
        (false, _) => (8 * MIB, 6),
    };
    (
        publication.part_size.unwrap_or(size),
        // One is filled for each destination while the others are on their way.
        publication
            .concurrency
            .map_or(slots, |concurrency| concurrency + destinations),
    )
}

fn remark(delivery: &Delivery) -> Option<String> {
    delivery.remark.clone()
}

async fn open_all(
    publication: &Publication,
    lock: Option<ObjectLock>,
) -> Result<Vec<Arc<dyn Store>>, Failure> {
    let options = StoreOptions {
        lock,
        ..publication.stores.clone()
    };
    let mut stores = Vec::with_capacity(publication.destinations.len());
    for destination in &publication.destinations {
        stores.push(store::open(destination, &options).await?);
    }
    Ok(stores)
}

fn manifest(
    name: &str,
    taken_at: Timestamp,
    source: &str,
    publication: &Publication,
    outcome: &Outcome,
) -> Manifest {
    let facts = &publication.facts;
    Manifest {
        version: MANIFEST_VERSION,
        object: name.to_owned(),
        cluster: publication.cluster.clone(),
        created_at: taken_at,
        source: source.to_owned(),
        snapshot: Content {
            bytes: outcome.proof.bytes(),
            sha256: outcome.proof.sha256().to_owned(),
        },
        stored: Content {
            bytes: outcome.stored_bytes,
            sha256: outcome.stored_sha256.clone(),
        },
        compression: publication.compression.to_string(),
        encrypted: publication.recipients.is_some(),
        recipients: publication
            .recipients
            .as_ref()
            .map(|recipients| recipients.fingerprints().to_vec())
            .unwrap_or_default(),
        revision: None,
        total_keys: None,
        etcd_version: facts.etcd_version.clone(),
        talos_version: facts.talos_version.clone(),
        kubernetes_version: None,
        retain_until: None,
        lock_mode: None,
        replaces: None,
        verified: if outcome.proof.is_raw() {
            Verified::Structure
        } else {
            Verified::Digest
        },
        raw: outcome.proof.is_raw(),
        talos_ca: facts.talos_ca.clone(),
        member_id: facts.member_id.clone(),
        unknown: facts.unknown.clone(),
        tool: format!("etcdbackup {}", env!("CARGO_PKG_VERSION")),
    }
}

/// A destination where the name was taken has the object under another one.
fn of_delivery(
    manifest: &Manifest,
    name: &str,
    store: &dyn Store,
    delivery: &Delivery,
) -> Manifest {
    let mut manifest = manifest.clone();
    if delivery.key != store.key_of(name) {
        let (_, file) = delivery.key.rsplit_once('/').unwrap_or(("", &delivery.key));
        manifest.object = file.to_owned();
    }
    manifest
}

async fn write_manifests(
    stores: &[Arc<dyn Store>],
    name: &str,
    manifest: &Manifest,
    outcome: &Outcome,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (store, delivery) in stores.iter().zip(&outcome.deliveries) {
        if delivery.result.is_err() {
            continue;
        }
        let json = match of_delivery(manifest, name, store.as_ref(), delivery).to_json() {
            Ok(json) => Bytes::from(json),
            Err(failure) => return vec![failure.what],
        };
        let key = manifest_key_beside(&delivery.key);
        if let Err(error) = store.put(&key, json, true).await {
            warnings.push(format!(
                "{}: the manifest was not written: {error}",
                store.url_of(&key)
            ));
        }
    }
    warnings
}

fn judge(
    publication: &Publication,
    taken_at: Timestamp,
    outcome: Outcome,
    warnings: Vec<String>,
) -> Published {
    let wanted = publication
        .min_copies
        .unwrap_or(publication.destinations.len());
    let mut failures = Vec::new();
    let mut copies = Vec::new();
    for delivery in outcome.deliveries {
        let error = delivery
            .result
            .as_ref()
            .err()
            .map(|failure| failure.what.clone());
        copies.push(Copy {
            url: delivery.url,
            key: delivery.key,
            error,
        });
        failures.extend(delivery.result.err());
    }
    let stored = copies.iter().filter(|copy| copy.error.is_none()).count();
    let exit = if stored >= wanted {
        Exit::Done
    } else {
        failures.first().map_or(Exit::Temporary, |first| first.exit)
    };
    let receipt = Receipt {
        cluster: publication.cluster.clone(),
        taken_at: taken_at.to_string(),
        snapshot: Digest {
            bytes: outcome.proof.bytes(),
            sha256: outcome.proof.sha256().to_owned(),
        },
        stored: Digest {
            bytes: outcome.stored_bytes,
            sha256: outcome.stored_sha256,
        },
        compression: publication.compression.to_string(),
        encrypted: publication.recipients.is_some(),
        raw: outcome.proof.is_raw(),
        retain_until: None,
        lock_mode: None,
        copies,
    };
    Published {
        receipt,
        failures,
        warnings,
        exit,
    }
}
