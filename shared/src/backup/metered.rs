//! Counts what flows, for whoever shows progress: a source and a download that pass
//! everything on unchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};

use super::source::{Feed, SnapshotSource, SourceError};
use crate::snapshot::Meta;
use crate::snapshot::meta::{META_BYTES, TRAILER_BYTES};
use crate::store::{Body, StoreError};

/// Bytes so far and in all, read by one side and counted by the other.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    /// 0: not known yet.
    total: AtomicU64,
}

impl Meter {
    /// Bytes that went through.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// Bytes there will be, once that is known.
    pub fn total(&self) -> Option<u64> {
        Some(self.0.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
    }

    /// These went through.
    pub fn add(&self, bytes: usize) {
        self.0.done.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many there will be.
    pub fn expect(&self, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
    }
}

/// A source whose bytes are counted. How many there will be, its header says.
pub struct MeteredSource<'a> {
    source: &'a mut dyn SnapshotSource,
    meter: Meter,
}

impl<'a> MeteredSource<'a> {
    /// Counts what `source` gives in `meter`.
    pub fn new(source: &'a mut dyn SnapshotSource, meter: Meter) -> Self {
        Self { source, meter }
    }
}

#[async_trait]
impl SnapshotSource for MeteredSource<'_> {
    fn name(&self) -> String {
        self.source.name()
    }

    fn is_live(&self) -> bool {
        self.source.is_live()
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        let (feed, mut from) = mpsc::channel(1);
        let meter = self.meter.clone();
        let count = async move {
            let mut head = Vec::new();
            while let Some(batch) = from.recv().await {
                if let Feed::Data(bytes) = &batch {
                    look(bytes, &mut head, &meter);
                }
                if to.send(batch).await.is_err() {
                    return;
                }
            }
        };
        let (fed, ()) = tokio::join!(self.source.feed(feed), count);
        fed
    }
}

/// Counts, and reads the length from the header as soon as that is whole.
fn look(bytes: &[u8], head: &mut Vec<u8>, meter: &Meter) {
    meter.add(bytes.len());
    if head.len() < META_BYTES {
        let take = bytes.len().min(META_BYTES - head.len());
        head.extend_from_slice(&bytes[..take]);
        let content = Meta::parse(head).ok().and_then(|meta| meta.content_bytes());
        if let Some(content) = content {
            meter.expect(content + TRAILER_BYTES);
        }
    }
}

/// A download whose bytes are counted.
pub struct MeteredBody {
    body: Box<dyn Body>,
    meter: Meter,
}

impl MeteredBody {
    /// Counts what `body` gives in `meter`.
    pub fn new(body: Box<dyn Body>, meter: Meter) -> Self {
        if let Some(size) = body.size() {
            meter.expect(size);
        }
        Self { body, meter }
    }
}

#[async_trait]
impl Body for MeteredBody {
    fn size(&self) -> Option<u64> {
        self.body.size()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let chunk = self.body.next().await?;
        if let Some(bytes) = &chunk {
            self.meter.add(bytes.len());
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::backup::ReaderSource;
    use crate::snapshot::meta::made;

    /// Hands out a few bytes at a time, so that the header comes in pieces.
    struct Crumbs(std::io::Cursor<Vec<u8>>);

    impl Read for Crumbs {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let count = to.len().min(30);
            self.0.read(&mut to[..count])
        }
    }

    #[tokio::test]
    async fn everything_passes_and_the_header_tells_the_total() {
        let snapshot = made::snapshot(3);
        let meter = Meter::default();
        assert_eq!(meter.total(), None);
        let mut source =
            ReaderSource::new(Crumbs(std::io::Cursor::new(snapshot.clone())), "crumbs");
        let mut source = MeteredSource::new(&mut source, meter.clone());
        let (feed, mut from) = mpsc::channel(1);
        let mut got = Vec::new();
        let gather = async {
            while let Some(Feed::Data(bytes)) = from.recv().await {
                got.extend_from_slice(&bytes);
            }
        };
        let (fed, ()) = tokio::join!(source.feed(feed), gather);
        fed.unwrap();
        assert_eq!(got, snapshot);
        assert_eq!(
            (meter.done(), meter.total()),
            (snapshot.len() as u64, Some(snapshot.len() as u64))
        );
    }

    #[tokio::test]
    async fn a_listener_that_leaves_ends_the_source_without_error() {
        let mut source = ReaderSource::new(std::io::repeat(7), "endless");
        let mut source = MeteredSource::new(&mut source, Meter::default());
        let (feed, mut from) = mpsc::channel(1);
        let leave = async {
            from.recv().await;
            drop(from);
        };
        let (fed, ()) = tokio::join!(source.feed(feed), leave);
        fed.unwrap();
    }
}
