//! One delete at a time: the object with all its versions, then what lies beside it. A lock is
//! no failure: it is said, and the object stays with all that belongs to it.

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::manifest_key_beside;
use crate::failure::{Exit, Failure};
use crate::store::{Hold, Store, StoreError};
use crate::verify::{self, record_key_beside};

/// By how much a store's clock may be behind ours: a lock that just ended here may hold there.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Deleted,
    /// It is locked: until when, in words.
    Locked(String),
}

/// Deletes, and learns on the way what the store can do.
pub struct Remover<'a> {
    store: &'a dyn Store,
    now: Timestamp,
    /// Why versions cannot be listed: a plain delete then, which may only hide.
    blind: Option<String>,
}

impl<'a> Remover<'a> {
    /// Deletes in `store`; locks are held against `now`.
    pub fn new(store: &'a dyn Store, now: Timestamp) -> Self {
        Self {
            store,
            now,
            blind: None,
        }
    }

    /// Why versions were not seen, for a person to know.
    pub fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// Deletes the object at `key`, and beside it the manifest and the record where there are.
    ///
    /// # Errors
    /// The store's. What was begun is gone on with by the next run.
    pub async fn remove(
        &mut self,
        key: &str,
        manifest: bool,
        record: bool,
    ) -> Result<Fate, Failure> {
        let fate = self.remove_key(key).await?;
        if fate == Fate::Deleted {
            if record {
                self.remove_key(&record_key_beside(key)).await?;
            }
            if manifest {
                self.remove_key(&manifest_key_beside(key)).await?;
            }
        }
        Ok(fate)
    }

    /// Deletes what lies under one key.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove_key(&mut self, key: &str) -> Result<Fate, Failure> {
        let versions = self.versions(key).await?;
        if versions.is_empty() {
            return self.remove_plain(key).await;
        }
        // The oldest first: were the newest gone, an older one would come to light.
        for version in versions {
            if let Err(error) = self.store.delete(key, Some(&version)).await {
                return self.refused(key, Some(&version), error).await;
            }
        }
        Ok(Fate::Deleted)
    }

    async fn versions(&mut self, key: &str) -> Result<Vec<String>, Failure> {
        if self.blind.is_some() {
            return Ok(Vec::new());
        }
        match self.store.versions(key).await {
            Ok(versions) => Ok(versions),
            Err(error) if error.failure.exit == Exit::NotPermitted => {
                self.blind = Some(error.failure.what);
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where versions cannot be seen, a plain delete would hide a locked object instead of being
    /// refused: so it is asked first.
    async fn remove_plain(&self, key: &str) -> Result<Fate, Failure> {
        if self.blind.is_some() {
            let hold = self.store.hold(key, None).await?;
            if hold.holds(self.now) {
                return Ok(Fate::Locked(hold.to_string()));
            }
        }
        match self.store.delete(key, None).await {
            Ok(()) => Ok(Fate::Deleted),
            Err(error) => self.refused(key, None, error).await,
        }
    }

    /// Stores word the refusal of a locked object each in its own way: so it is asked what holds
    /// it, and where that may not be asked, the manifest is.
    async fn refused(
        &self,
        key: &str,
        version: Option<&str>,
        error: StoreError,
    ) -> Result<Fate, Failure> {
        if !matches!(error.failure.exit, Exit::NotPermitted | Exit::Config) {
            return Err(error.into());
        }
        let hold = self.store.hold(key, version).await.unwrap_or_default();
        let skewed = self.now.checked_sub(SKEW).unwrap_or(self.now);
        if hold.holds(skewed) {
            return Ok(Fate::Locked(hold.to_string()));
        }
        let manifest = verify::manifest(self.store, key).await;
        let lock = manifest.and_then(|manifest| manifest.lock());
        let told = Hold { lock, legal: false };
        if told.holds(skewed) {
            return Ok(Fate::Locked(told.to_string()));
        }
        Err(error.into())
    }
}
