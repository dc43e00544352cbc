//! Where a snapshot comes from: a Talos node, a file, stdin.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;

use crate::failure::{Exit, Failure};

/// Bytes gathered before they go on: gRPC messages carry only 1 KiB each.
pub(super) const BATCH: usize = 128 * 1024;

/// What a source sends. A channel that closes without [`Feed::End`] was cut.
#[derive(Debug)]
pub enum Feed {
    /// The next bytes.
    Data(Bytes),
    /// The source ended by itself.
    End,
}

/// Why a source gave up.
#[derive(Debug)]
pub struct SourceError {
    /// For people and the exit code.
    pub failure: Failure,
    /// Whether another member may do better.
    pub try_elsewhere: bool,
}

/// Gives the bytes of one snapshot, in order.
#[async_trait]
pub trait SnapshotSource: Send {
    /// What it is, for messages: `node 10.0.0.2`, `stdin`, `file db.snapshot`.
    fn name(&self) -> String;
    /// Whether the bytes come from a cluster: a broken stream is then 75, not 65.
    fn is_live(&self) -> bool;
    /// Sends everything, then [`Feed::End`]. A closed receiver ends it without error:
    /// whoever closed it knows why.
    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError>;
}

/// Buffers for batches. One is used again as soon as nobody reads it any more: new memory for
/// each would come from the kernel, a page at a time, and go back to it.
#[derive(Default)]
pub(super) struct Batches {
    /// The oldest first.
    lent: VecDeque<Bytes>,
}

impl Batches {
    /// A buffer for one batch; what is in it is old.
    pub(super) fn buffer(&mut self) -> BytesMut {
        match self.lent.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(buffer)) => return buffer,
            Some(Err(in_use)) => self.lent.push_front(in_use),
            None => {}
        }
        BytesMut::with_capacity(BATCH)
    }

    /// A batch to be sent.
    pub(super) fn lend(&mut self, batch: BytesMut) -> Feed {
        let batch = batch.freeze();
        self.lent.push_back(batch.clone());
        Feed::Data(batch)
    }
}

/// A file or stdin.
pub struct ReaderSource<R> {
    reader: Option<R>,
    name: String,
}

impl<R: Read + Send + 'static> ReaderSource<R> {
    /// A source that reads `reader`, called `name` in messages.
    pub fn new(reader: R, name: impl Into<String>) -> Self {
        Self {
            reader: Some(reader),
            name: name.into(),
        }
    }
}

#[async_trait]
impl<R: Read + Send + 'static> SnapshotSource for ReaderSource<R> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_live(&self) -> bool {
        false
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        let Some(reader) = self.reader.take() else {
            return Err(broken(&self.name, "it was read before"));
        };
        let (done, ended) = tokio::sync::oneshot::channel();
        // A thread of its own: a read of stdin cannot be cancelled, and must not keep the
        // runtime from ending.
        std::thread::spawn(move || {
            let _nobody_waits = done.send(copy(reader, &to));
        });
        match ended.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(&self.name, &error.to_string())),
            Err(_) => Err(broken(&self.name, "its reader stopped")),
        }
    }
}

fn broken(name: &str, why: &str) -> SourceError {
    let failure = Failure::new(Exit::Io, format!("cannot read {name}: {why}"))
        .hint("check the file or the program in front of the pipe");
    SourceError {
        failure,
        try_elsewhere: false,
    }
}

/// Feeds all of `reader`; blocks.
pub(super) fn copy(mut reader: impl Read, to: &Sender<Feed>) -> std::io::Result<()> {
    let mut batches = Batches::default();
    loop {
        let mut batch = batches.buffer();
        batch.resize(BATCH, 0);
        match reader.read(&mut batch) {
            Ok(0) => {
                let _closed = to.blocking_send(Feed::End);
                return Ok(());
            }
            Ok(count) => {
                batch.truncate(count);
                if to.blocking_send(batches.lend(batch)).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
