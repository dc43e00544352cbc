//! What a Talos node streams as a source: a snapshot, or a file of its disk.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::source::{BATCH, Batches, Feed, SnapshotSource, SourceError};
use crate::talos::{StreamTimeouts, Talos, TalosError};

/// A batch with less room than this is full: one more message of Talos' size always fits.
const ROOM: usize = 4096;
const FULL: usize = BATCH - ROOM;

/// The snapshot of one member, or a file of its node, over the Talos API.
pub struct TalosSource<'a> {
    talos: &'a Talos,
    node: String,
    /// None: a snapshot.
    path: Option<String>,
    timeouts: StreamTimeouts,
}

impl<'a> TalosSource<'a> {
    /// A source that asks `node`.
    pub fn new(talos: &'a Talos, node: impl Into<String>, timeouts: StreamTimeouts) -> Self {
        Self {
            talos,
            node: node.into(),
            path: None,
            timeouts,
        }
    }

    /// A source that asks `node` for the file at `path`.
    pub fn file(
        talos: &'a Talos,
        node: impl Into<String>,
        path: impl Into<String>,
        timeouts: StreamTimeouts,
    ) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::new(talos, node, timeouts)
        }
    }
}

#[async_trait]
impl SnapshotSource for TalosSource<'_> {
    fn name(&self) -> String {
        match &self.path {
            None => format!("node {}", self.node),
            Some(path) => format!("`{path}` of node {}", self.node),
        }
    }

    fn is_live(&self) -> bool {
        true
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        let asked = match &self.path {
            None => self.talos.snapshot(&self.node, &self.timeouts).await,
            Some(path) => self.talos.file(&self.node, path, &self.timeouts).await,
        };
        let mut stream = asked.map_err(source_error)?;
        let mut batches = Batches::default();
        let mut batch = batches.buffer();
        while stream.read(&mut batch, FULL).await.map_err(source_error)? {
            if batch.len() < FULL {
                continue;
            }
            if to.send(batches.lend(batch)).await.is_err() {
                return Ok(());
            }
            batch = batches.buffer();
            batch.clear();
        }
        // A closed receiver has its own reason to report.
        if to.send(batches.lend(batch)).await.is_ok() {
            let _closed = to.send(Feed::End).await;
        }
        Ok(())
    }
}

fn source_error(error: TalosError) -> SourceError {
    let try_elsewhere = error.retryable_elsewhere();
    SourceError {
        failure: error.into_failure(),
        try_elsewhere,
    }
}
