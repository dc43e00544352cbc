//! Which objects a person means.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{self, Entry, Kind, ObjectName};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::store::{self, Destination, Store, StoreOptions};

/// What is wanted of a destination; a full key names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The newest snapshot.
    Newest,
    /// Those taken at this time or later.
    Since(Timestamp),
    /// Every snapshot.
    All,
}

/// Snapshots of one place, the oldest first.
pub struct Chosen {
    /// Where they lie.
    pub store: Arc<dyn Store>,
    /// What was chosen.
    pub entries: Vec<(ObjectName, Entry)>,
    /// Everything that lies there, for a look at its neighbours.
    pub names: Vec<(ObjectName, Entry)>,
    /// What a person should be told: one sentence each.
    pub notes: Vec<String>,
}

/// Finds what `place` names: a full key, or a destination and what is wanted of it.
///
/// # Errors
/// Those of the store and of the choice; 1: there is none; 2: a name without a date.
pub async fn choose(
    place: &str,
    options: &StoreOptions,
    cluster: Option<&str>,
    choice: Choice,
) -> Result<Chosen, Failure> {
    let destination = Destination::parse(place)?;
    let object = destination
        .split_object()
        .filter(|(_, key)| catalogue::is_object_name(key));
    let (parent, key) = match object {
        Some((parent, key)) => (parent, Some(key)),
        None => (destination, None),
    };
    let store = store::open(&parent, options).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(
        store.as_ref(),
        prefix.strip_suffix('/').unwrap_or(&prefix),
        clock::now(),
    )
    .await?;
    let names = dated(&entries);
    let mut notes = Vec::new();
    let key = match (key, choice) {
        (None, Choice::Newest) => {
            let newest = catalogue::select(&entries, cluster, None)?;
            notes = newest.notes;
            Some(newest.entry.key)
        }
        (key, _) => key,
    };
    let wanted = |(name, entry): &&(ObjectName, Entry)| match (&key, choice) {
        (Some(key), _) => entry.key == *key,
        (None, Choice::Since(time)) => name.taken_at >= time && is_of(name, cluster),
        (None, _) => is_of(name, cluster),
    };
    let mut chosen: Vec<(ObjectName, Entry)> = names.iter().filter(wanted).cloned().collect();
    if chosen.is_empty() {
        return Err(
            Failure::new(Exit::No, format!("no such snapshot in {place}")).hint(
                "`kubectl etcdbackup list` shows what lies there; only dated names are taken",
            ),
        );
    }
    chosen.sort_by(|left, right| {
        (left.0.taken_at, &left.1.key).cmp(&(right.0.taken_at, &right.1.key))
    });
    Ok(Chosen {
        store,
        entries: chosen,
        names,
        notes,
    })
}

fn is_of(name: &ObjectName, cluster: Option<&str>) -> bool {
    cluster.is_none_or(|cluster| cluster == name.cluster)
}

fn dated(entries: &[Entry]) -> Vec<(ObjectName, Entry)> {
    let named = entries.iter().filter_map(|entry| match &entry.kind {
        Kind::Snapshot(name) => Some((name.clone(), entry.clone())),
        _ => None,
    });
    named.collect()
}
