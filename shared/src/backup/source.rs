//! Where a snapshot comes from: a Talos node, a file, stdin.

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

fn copy(mut reader: impl Read, to: &Sender<Feed>) -> std::io::Result<()> {
    loop {
        let mut batch = BytesMut::zeroed(BATCH);
        match reader.read(&mut batch) {
            Ok(0) => {
                let _closed = to.blocking_send(Feed::End);
                return Ok(());
            }
            Ok(count) => {
                batch.truncate(count);
                if to.blocking_send(Feed::Data(batch.freeze())).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
