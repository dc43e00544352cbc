//! A Talos node's snapshot stream as a source.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::source::{Batcher, Feed, SnapshotSource, SourceError};
use crate::talos::{StreamTimeouts, Talos, TalosError};

/// The snapshot of one member, over the Talos API.
pub struct TalosSource<'a> {
    talos: &'a Talos,
    node: String,
    timeouts: StreamTimeouts,
}

impl<'a> TalosSource<'a> {
    /// A source that asks `node`.
    pub fn new(talos: &'a Talos, node: impl Into<String>, timeouts: StreamTimeouts) -> Self {
        Self {
            talos,
            node: node.into(),
            timeouts,
        }
    }
}

#[async_trait]
impl SnapshotSource for TalosSource<'_> {
    fn name(&self) -> String {
        format!("node {}", self.node)
    }

    fn is_live(&self) -> bool {
        true
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        let mut stream = self
            .talos
            .snapshot(&self.node, &self.timeouts)
            .await
            .map_err(source_error)?;
        let mut batcher = Batcher::new(to);
        while let Some(message) = stream.next().await.map_err(source_error)? {
            if !batcher.add(&message).await {
                return Ok(());
            }
        }
        batcher.end().await;
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
