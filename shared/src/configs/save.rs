//! Saves what is not saved yet.

use std::io::{self, Write};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::current::newest_of;
use super::live::Reading;
use super::name::{ConfigName, fingerprint, sealed_for};
use super::saved::{SavedConfig, list};
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Recipients, Sealer};
use crate::store::{self, Destination, Store, StoreOptions};

/// What to save, and for whom.
pub struct Saving<'a> {
    /// Our name for the cluster.
    pub cluster: &'a str,
    /// When the configs were read.
    pub taken_at: Timestamp,
    /// Who can open them; none: stored in the clear.
    pub recipients: Option<&'a Recipients>,
    /// What was read.
    pub readings: &'a [Reading],
    /// How to reach the store.
    pub stores: &'a StoreOptions,
}

/// What came of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The node.
    pub node: String,
    /// Where its config lies now.
    pub url: String,
    /// Of the config.
    pub fingerprint: String,
    /// When it was saved: by this run, or by an earlier one.
    pub taken_at: Timestamp,
    /// Whether this run stored it; else the newest that was saved is the same.
    pub stored: bool,
    /// Stored bytes.
    pub size: u64,
    /// Who can open it, in short; none: it is stored in the clear.
    pub sealed_for: Option<String>,
}

/// What came of one destination.
#[derive(Debug, Default)]
pub struct Saved {
    /// One per node whose config lies there now.
    pub outcomes: Vec<Outcome>,
    /// One per node whose config does not, or for all of them.
    pub failures: Vec<Failure>,
    /// What a person should be told: one sentence each.
    pub notes: Vec<String>,
}

impl Saving<'_> {
    /// Saves every config in `destination` that is not the newest saved one there.
    pub async fn save(&self, destination: &Destination) -> Saved {
        let mut saved = Saved::default();
        if let Err(failure) = self.save_all(destination, &mut saved).await {
            saved.failures.push(failure);
        }
        saved
    }

    async fn save_all(&self, destination: &Destination, saved: &mut Saved) -> Result<(), Failure> {
        let known = self.known(destination, &mut saved.notes).await?;
        let store = store::open(destination, self.stores).await?;
        for reading in self.readings {
            let Ok(config) = &reading.config else {
                continue;
            };
            let name = self.name(reading, config)?;
            if let Some(same) = same(&known, reading, &name) {
                saved.outcomes.push(kept(reading, same));
                continue;
            }
            match self.store(store.as_ref(), &name, config).await {
                Ok((url, size)) => saved.outcomes.push(Outcome {
                    node: reading.name.clone(),
                    url,
                    fingerprint: name.fingerprint,
                    taken_at: name.taken_at,
                    stored: true,
                    size,
                    sealed_for: name.sealed_for,
                }),
                Err(failure) => saved.failures.push(failure),
            }
        }
        Ok(())
    }

    /// What is saved of this cluster. A key that may only write sees nothing: everything is
    /// saved anew then.
    async fn known(
        &self,
        destination: &Destination,
        notes: &mut Vec<String>,
    ) -> Result<Vec<SavedConfig>, Failure> {
        match list(destination, self.stores, Timestamp::now()).await {
            Ok(listing) => {
                notes.extend(listing.notes);
                let own = listing.configs.into_iter();
                Ok(own.filter(|one| one.cluster == self.cluster).collect())
            }
            Err(failure) if failure.exit == Exit::NotPermitted => {
                notes.push(format!(
                    "{destination}: what is saved cannot be seen, so everything is saved anew: {}",
                    failure.what
                ));
                Ok(Vec::new())
            }
            // A folder that is missing is made, if the one above it exists.
            Err(_) if matches!(destination, Destination::File { folder } if !folder.exists()) => {
                Ok(Vec::new())
            }
            Err(failure) => Err(failure),
        }
    }

    fn name(&self, reading: &Reading, config: &str) -> Result<ConfigName, Failure> {
        ConfigName::new(
            self.cluster,
            (&reading.name, reading.address.as_deref()),
            self.taken_at,
            &fingerprint(config.as_bytes()),
            self.recipients.map(|all| sealed_for(all.fingerprints())),
        )
    }

    /// Seals and stores one config; gives its URL and its stored bytes.
    async fn store(
        &self,
        store: &dyn Store,
        name: &ConfigName,
        config: &str,
    ) -> Result<(String, u64), Failure> {
        let sealed = self.seal(config).map_err(|error| {
            let what = format!("cannot encrypt the machine config of {}", name.node);
            Failure::new(Exit::Config, format!("{what}: {error}"))
                .hint("check the recipients, and the age plugin if one is used")
        })?;
        let (key, size) = (store.key_of(&name.to_string()), sealed.len() as u64);
        store.put(&key, Bytes::from(sealed), false).await?;
        Ok((store.url_of(&key), size))
    }

    fn seal(&self, config: &str) -> io::Result<Vec<u8>> {
        // Uncompressed: it is small, and `age -d` alone opens it.
        let mut sealer = Sealer::new(Vec::new(), Compression::None, self.recipients)?;
        sealer.write_all(config.as_bytes())?;
        sealer.finish()
    }
}

/// The newest saved config of the node, if it is this one and the same people can open it.
fn same<'a>(
    known: &'a [SavedConfig],
    reading: &Reading,
    name: &ConfigName,
) -> Option<&'a SavedConfig> {
    newest_of(known, &reading.known_as)
        .filter(|newest| newest.fingerprint == name.fingerprint)
        .filter(|newest| newest.sealed_for == name.sealed_for)
}

fn kept(reading: &Reading, same: &SavedConfig) -> Outcome {
    Outcome {
        node: reading.name.clone(),
        url: same.url.clone(),
        fingerprint: same.fingerprint.clone(),
        taken_at: same.taken_at,
        stored: false,
        size: same.size,
        sealed_for: same.sealed_for.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicI64, Ordering};

    use zeroize::Zeroizing;

    use super::*;

    fn reading(name: &str, config: Result<&str, Failure>) -> Reading {
        Reading {
            name: name.to_owned(),
            address: Some("10.0.0.2".to_owned()),
            known_as: [name.to_owned()].into(),
            config: config.map(|text| Zeroizing::new(text.to_owned())),
        }
    }

    /// Each run a second later than the one before: a name has its time.
    async fn save(folder: &Path, readings: &[Reading], recipients: Option<&Recipients>) -> Saved {
        static RUNS: AtomicI64 = AtomicI64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let stores = StoreOptions::default();
        let saving = Saving {
            cluster: "prod",
            taken_at: Timestamp::from_second(1_700_000_000 + run).unwrap(),
            recipients,
            readings,
            stores: &stores,
        };
        let folder = folder.to_owned();
        saving.save(&Destination::File { folder }).await
    }

    fn stored(saved: &Saved) -> Vec<bool> {
        saved.outcomes.iter().map(|one| one.stored).collect()
    }

    #[tokio::test]
    async fn what_is_saved_already_is_not_saved_again_unless_others_shall_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new");
        let [old, new] = [
            "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z",
            "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        ]
        .map(|text| {
            Recipients::read(&[text.to_owned()], &[], false)
                .unwrap()
                .unwrap()
        });
        let away = || Failure::new(Exit::Unreachable, "away");
        let nodes = [
            reading("cp-1", Ok("one")),
            reading("cp-2", Ok("two")),
            reading("cp-3", Err(away())),
        ];
        let first = save(&place, &nodes, Some(&old)).await;
        assert_eq!(stored(&first), [true, true], "{:?}", first.failures);
        let second = save(&place, &nodes, Some(&old)).await;
        assert_eq!(stored(&second), [false, false]);
        assert_eq!(second.outcomes[0].url, first.outcomes[0].url);
        assert_eq!(stored(&save(&place, &nodes, Some(&new)).await), [true; 2]);
        assert_eq!(stored(&save(&place, &nodes, None).await), [true; 2]);
        let changed = [reading("cp-1", Ok("one, changed")), nodes[1].copied()];
        assert_eq!(stored(&save(&place, &changed, None).await), [true, false]);
        let back = [nodes[0].copied()];
        assert_eq!(stored(&save(&place, &back, None).await), [true]);
    }

    impl Reading {
        fn copied(&self) -> Self {
            reading(&self.name, Ok(self.config.as_ref().unwrap()))
        }
    }

    #[tokio::test]
    async fn a_destination_that_cannot_be_written_says_so_for_each_node() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let saved = save(&file, &[reading("cp-1", Ok("one"))], None).await;
        assert!(saved.outcomes.is_empty());
        assert_eq!(saved.failures.len(), 1);
        assert_eq!(saved.failures[0].exit, Exit::Config, "{:?}", saved.failures);
    }
}
