//! Which objects a person means: one by its full name, the newest, or all of a destination.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{self, Kind};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::store::{self, Destination, Store, StoreOptions};

/// What is wanted of a destination; a full key names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest snapshot.
    Newest,
    /// Every snapshot, newest first.
    All,
}

/// Objects of one store.
pub struct Located {
    /// Where they lie.
    pub store: Arc<dyn Store>,
    /// Their full keys.
    pub keys: Vec<String>,
    /// What a person should be told: one sentence each.
    pub notes: Vec<String>,
}

/// Finds what `place` names: a full key, or a destination and `wanted` of it.
///
/// # Errors
/// Those of the store and of the choice; 1: there is none.
pub async fn locate(
    place: &str,
    options: &StoreOptions,
    cluster: Option<&str>,
    wanted: Wanted,
) -> Result<Located, Failure> {
    let destination = Destination::parse(place)?;
    if let Some((parent, key)) = destination
        .split_object()
        .filter(|(_, key)| catalogue::is_object_name(key))
    {
        return Ok(Located {
            store: store::open(&parent, options).await?,
            keys: vec![key],
            notes: Vec::new(),
        });
    }
    let store = store::open(&destination, options).await?;
    let prefix = store.key_of("");
    let prefix = prefix.trim_end_matches('/');
    let entries = catalogue::read(store.as_ref(), prefix, clock::now()).await?;
    // Also tells when several clusters lie here and none was named.
    let newest = catalogue::select(&entries, cluster, None)?;
    let keys = match wanted {
        Wanted::Newest => vec![newest.entry.key],
        Wanted::All => {
            let mut dated: Vec<(Timestamp, String)> = entries
                .into_iter()
                .filter_map(|entry| match entry.kind {
                    Kind::Snapshot(name) if cluster.is_none_or(|own| own == name.cluster) => {
                        Some((name.taken_at, entry.key))
                    }
                    _ => None,
                })
                .collect();
            dated.sort_by(|left, right| right.cmp(left));
            dated.into_iter().map(|(_, key)| key).collect()
        }
    };
    if keys.is_empty() {
        return Err(Failure::new(Exit::No, format!("no snapshot in {place}")));
    }
    Ok(Located {
        store,
        keys,
        notes: newest.notes,
    })
}
