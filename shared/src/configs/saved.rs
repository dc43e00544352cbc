//! What is saved in a destination, by its names alone.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::FOLDER;
use super::name::ConfigName;
use crate::catalogue::FUTURE_TOLERANCE_SECONDS;
use crate::failure::Failure;
use crate::store::{self, Destination, Object, Store, StoreErrorKind, StoreOptions};

/// A saved machine config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedConfig {
    /// Full URL.
    pub url: String,
    /// Its key, for the store of its [`Listing`].
    #[serde(skip)]
    pub key: String,
    /// Our name for the cluster.
    pub cluster: String,
    /// The node's host name; its address where it told none.
    pub node: String,
    /// Its address, where that is not its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When it was read.
    pub taken_at: Timestamp,
    /// Of what was read: [`super::fingerprint`].
    pub fingerprint: String,
    /// Who can open it, in short; none: it is stored in the clear.
    pub sealed_for: Option<String>,
    /// Stored bytes.
    pub size: u64,
}

/// What is saved in one destination.
pub struct Listing {
    /// Where it lies.
    pub store: Arc<dyn Store>,
    /// Newest first; those of one run in the order of their names.
    pub configs: Vec<SavedConfig>,
    /// What a person should be told: one sentence each.
    pub notes: Vec<String>,
}

/// Lists what is saved in `destination`. Only the folder of the machine configs is looked at,
/// however many backups lie beside it.
///
/// # Errors
/// Those of the store.
pub async fn list(
    destination: &Destination,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<Listing, Failure> {
    let store = store::open(&inside(destination), options).await?;
    let objects = match objects(store.as_ref()).await {
        Err(error) if error.kind == StoreErrorKind::NotFound => {
            // No folder of machine configs; whether the destination itself is there, it tells.
            store::open(destination, options).await?.list(None).await?;
            Vec::new()
        }
        found => found?,
    };
    let prefix = store.key_of("");
    let (mut configs, mut notes) = (Vec::new(), Vec::new());
    for object in objects {
        let below = object.key.strip_prefix(&prefix).map(str::to_owned);
        let url = store.url_of(&object.key);
        if let Some(name) = below.as_deref().and_then(ConfigName::parse) {
            match trouble(&name, &object, now) {
                Some(trouble) => notes.push(format!("{url} {trouble}: skipped")),
                None => configs.push(saved(name, object, url)),
            }
        }
    }
    configs.sort_by(|left, right| (right.taken_at, &left.key).cmp(&(left.taken_at, &right.key)));
    Ok(Listing {
        store,
        configs,
        notes,
    })
}

/// The destination of the machine configs of `destination`.
fn inside(destination: &Destination) -> Destination {
    match destination {
        Destination::S3 { bucket, prefix } => Destination::S3 {
            bucket: bucket.clone(),
            prefix: match prefix.as_str() {
                "" => FOLDER.to_owned(),
                prefix => format!("{prefix}/{FOLDER}"),
            },
        },
        Destination::File { folder } => Destination::File {
            folder: folder.join(FOLDER),
        },
    }
}

async fn objects(store: &dyn Store) -> Result<Vec<Object>, store::StoreError> {
    let mut objects = Vec::new();
    store::each(store, |object| objects.push(object)).await?;
    Ok(objects)
}

/// Why it cannot be relied on.
fn trouble(name: &ConfigName, object: &Object, now: Timestamp) -> Option<&'static str> {
    let ahead = name.taken_at.as_second().saturating_sub(now.as_second());
    if ahead > FUTURE_TOLERANCE_SECONDS {
        Some("is dated in the future")
    } else if object.size == 0 {
        Some("is empty")
    } else {
        None
    }
}

fn saved(name: ConfigName, object: Object, url: String) -> SavedConfig {
    SavedConfig {
        url,
        key: object.key,
        cluster: name.cluster,
        node: name.node,
        address: name.address,
        taken_at: name.taken_at,
        fingerprint: name.fingerprint,
        sealed_for: name.sealed_for,
        size: object.size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_lie_beside_the_backups() {
        for (text, place) in [
            ("s3://bucket", "s3://bucket/.configs"),
            ("s3://bucket/a/b", "s3://bucket/a/b/.configs"),
            ("file:///mnt/nas", "file:///mnt/nas/.configs"),
        ] {
            let destination = Destination::parse(text).unwrap();
            assert_eq!(inside(&destination).to_string(), place);
        }
    }

    #[tokio::test]
    async fn a_folder_without_any_is_empty_and_one_that_is_missing_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| Destination::File {
            folder: folder.path().join(name),
        };
        std::fs::create_dir(folder.path().join("there")).unwrap();
        let now = Timestamp::now();
        let options = StoreOptions::default();
        let none = list(&place("there"), &options, now).await.unwrap();
        assert!(none.configs.is_empty() && none.notes.is_empty());
        assert!(list(&place("away"), &options, now).await.is_err());
    }

    #[tokio::test]
    async fn what_cannot_be_relied_on_is_skipped_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join(".configs/c");
        std::fs::create_dir_all(&inner).unwrap();
        let stem = |time: &str| format!("cp-1-{time}-0123456789abcdef");
        for (name, bytes) in [
            (stem("2026-01-01T00-00-00.000Z") + ".yaml", "x"),
            (stem("2026-01-02T00-00-00.000Z") + "-01234567.yaml.age", "x"),
            (stem("2026-01-03T00-00-00.000Z") + ".yaml", ""),
            (stem("2027-01-01T00-00-00.000Z") + ".yaml", "x"),
            ("notes.txt".to_owned(), "x"),
        ] {
            std::fs::write(inner.join(name), bytes).unwrap();
        }
        let destination = Destination::File {
            folder: folder.path().to_owned(),
        };
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let listing = list(&destination, &StoreOptions::default(), now)
            .await
            .unwrap();
        let times: Vec<String> = listing
            .configs
            .iter()
            .map(|one| one.taken_at.to_string())
            .collect();
        assert_eq!(times, ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]);
        assert_eq!(listing.configs[0].sealed_for.as_deref(), Some("01234567"));
        assert_eq!(listing.notes.len(), 2, "{:?}", listing.notes);
        assert!(listing.store.open(&listing.configs[0].key).await.is_ok());
    }
}
