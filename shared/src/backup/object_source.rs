//! A stored object as a source: fetched, opened, and fed to the pipeline, which proves it again.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::{self, Sender};

use super::pull::{CHUNKS, ChunkReader, fetch};
use super::source::{Feed, SnapshotSource, SourceError, copy};
use crate::failure::{Exit, Failure};
use crate::seal::{self, Identities, OpenError};
use crate::store::Store;

/// An object of a store.
pub struct ObjectSource {
    store: Arc<dyn Store>,
    key: String,
    identities: Identities,
}

impl ObjectSource {
    /// The object at `key`, opened with `identities`.
    pub fn new(store: Arc<dyn Store>, key: String, identities: Identities) -> Self {
        Self {
            store,
            key,
            identities,
        }
    }

    async fn open_and_feed(&self, to: Sender<Feed>) -> Result<(), Failure> {
        let mut body = self.store.open(&self.key).await?;
        let (chunks, from) = mpsc::channel(CHUNKS);
        let (name, identities) = (self.name(), self.identities.clone());
        let opened = super::run::spawn(move || {
            let reader = ChunkReader::new(from);
            let (clear, _) =
                seal::open(reader, &identities).map_err(|error| error.into_failure(&name))?;
            copy(clear, &to).map_err(|error| OpenError::Io(error).into_failure(&name))
        });
        let fetched = fetch(body.as_mut(), chunks).await;
        let opened = opened
            .await
            .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the opening thread stopped")));
        fetched?;
        opened
    }
}

#[async_trait]
impl SnapshotSource for ObjectSource {
    fn name(&self) -> String {
        self.store.url_of(&self.key)
    }

    fn is_live(&self) -> bool {
        false
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        self.open_and_feed(to).await.map_err(|failure| SourceError {
            failure,
            try_elsewhere: false,
        })
    }
}
