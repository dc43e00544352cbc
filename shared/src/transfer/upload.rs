//! Bytes to an object of one part or of many, published when the caller says so and not before.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use crate::failure::{Exit, Failure};
use crate::store::{Store, StoreError, StoreErrorKind, Upload};

/// Bytes of a part.
const PART: usize = 8 * 1024 * 1024;
/// Parts on their way at once.
const FLYING: usize = 3;

/// An object on its way.
pub(super) struct Outgoing {
    store: Arc<dyn Store>,
    key: String,
    upload: Option<Arc<dyn Upload>>,
    flying: JoinSet<Result<(), StoreError>>,
    buffer: BytesMut,
    number: u32,
    offset: u64,
}

impl Outgoing {
    pub(super) fn new(store: Arc<dyn Store>, key: String) -> Self {
        Self {
            store,
            key,
            upload: None,
            flying: JoinSet::new(),
            buffer: BytesMut::new(),
            number: 0,
            offset: 0,
        }
    }

    /// Takes bytes; a full part goes as soon as more come.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if self.buffer.len() == PART {
                self.send().await?;
            }
            let count = bytes.len().min(PART - self.buffer.len());
            let (now, later) = bytes.split_at(count);
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        let upload = match &self.upload {
            Some(upload) => Arc::clone(upload),
            None => {
                let begun = self.store.begin(&self.key, PART as u64).await?;
                let begun: Arc<dyn Upload> = Arc::from(begun);
                self.upload = Some(Arc::clone(&begun));
                begun
            }
        };
        while self.flying.len() >= FLYING {
            self.land().await?;
        }
        self.number += 1;
        let (number, offset) = (self.number, self.offset);
        let body = self.buffer.split().freeze();
        self.offset += body.len() as u64;
        self.flying
            .spawn(async move { upload.part(number, offset, body).await });
        Ok(())
    }

    async fn land(&mut self) -> Result<(), Failure> {
        match self.flying.join_next().await {
            Some(Ok(stored)) => Ok(stored?),
            Some(Err(_)) => Err(Failure::new(Exit::Bug, "a part was lost on its way")),
            None => Ok(()),
        }
    }

    /// Publishes what was written: what it is must be proven by now.
    pub(super) async fn publish(&mut self) -> Result<(), Failure> {
        if self.upload.is_none() {
            let only: Bytes = self.buffer.split().freeze();
            return self.store.put(&self.key, only, false).await.map_err(taken);
        }
        self.send().await?;
        while !self.flying.is_empty() {
            self.land().await?;
        }
        match &self.upload {
            Some(upload) => upload.complete(self.number).await.map_err(taken),
            None => Ok(()),
        }
    }

    /// Leaves nothing behind; what may remain is told.
    pub(super) async fn abandon(mut self) -> Option<Failure> {
        self.flying.shutdown().await;
        let upload = self.upload.take()?;
        upload.abort().await.err().map(Failure::from)
    }
}

fn taken(error: StoreError) -> Failure {
    if error.kind == StoreErrorKind::Exists {
        return Failure::new(Exit::Temporary, error.failure.what)
            .hint("someone else is copying, too: run it again, and it is compared");
    }
    error.into()
}
