//! The snapshot stream: bytes from somewhere, in messages of 1024 bytes, with a fault on the way.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use etcdbackup_proto::common::Data;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::faults::Fault;
use crate::listener::Peer;
use crate::routing::Struck;

/// Talos' chunker sends so many bytes in a message.
pub const MESSAGE: usize = 1024;
/// Read from a file at once.
const BLOCK: usize = 256 * 1024;
/// What came before a reset gets so much time to arrive.
const BEFORE_RESET: Duration = Duration::from_millis(50);

/// Where a snapshot's bytes come from, if not from a live etcd.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file with a ready snapshot, read anew for every call.
    File(PathBuf),
    /// These bytes.
    Bytes(Bytes),
}

/// Blocks of bytes of any size.
pub(crate) type Blocks = BoxStream<'static, Result<Bytes, String>>;

impl Source {
    pub(crate) fn blocks(&self) -> Blocks {
        match self {
            Self::Bytes(bytes) => stream::iter([Ok(bytes.clone())]).boxed(),
            Self::File(path) => file_blocks(path.clone()),
        }
    }
}

/// Reads ahead on a thread that may block.
fn file_blocks(path: PathBuf) -> Blocks {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let result = File::open(&path).and_then(|mut file| {
            loop {
                let mut block = BytesMut::zeroed(BLOCK);
                let length = file.read(&mut block)?;
                block.truncate(length);
                if length == 0 || sender.blocking_send(Ok(block.freeze())).is_err() {
                    return Ok(());
                }
            }
        });
        if let Err(error) = result {
            sender
                .blocking_send(Err(format!("{}: {error}", path.display())))
                .ok();
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver).boxed()
}

/// The stream that a client sees.
pub(crate) struct SnapshotStream {
    blocks: Blocks,
    block: Bytes,
    /// Bytes that have gone out.
    sent: u64,
    fault: Option<Fault>,
    peer: Peer,
    /// The pause that is being made.
    pause: Option<Pin<Box<Sleep>>>,
    /// Bytes until the next pause of a drip.
    until_pause: u64,
    ended: bool,
}

impl SnapshotStream {
    pub(crate) fn new(blocks: Blocks, Struck { fault, peer }: Struck) -> Self {
        let until_pause = match &fault {
            Some(Fault::Drip { bytes, .. }) => *bytes,
            _ => u64::MAX,
        };
        let block = Bytes::new();
        Self {
            blocks,
            block,
            sent: 0,
            fault,
            peer,
            pause: None,
            until_pause,
            ended: false,
        }
    }

    /// Where the fault strikes, if it ends the stream.
    fn end(&self) -> Option<u64> {
        match &self.fault {
            Some(Fault::CutWithOk(at) | Fault::StallAfter(at) | Fault::Reset(at)) => Some(*at),
            Some(Fault::Fail { after, .. }) => Some(*after),
            _ => None,
        }
    }

    /// What the stream does once it has come to its end by a fault.
    fn strike(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Data, Status>>> {
        match self.fault.clone() {
            Some(Fault::StallAfter(_)) => Poll::Pending,
            Some(Fault::Reset(_)) => {
                let pause = self
                    .pause
                    .get_or_insert_with(|| Box::pin(sleep(BEFORE_RESET)));
                ready!(pause.as_mut().poll(context));
                self.peer.reset.notify_one();
                self.fault = Some(Fault::StallAfter(self.sent));
                Poll::Pending
            }
            Some(Fault::Fail { code, message, .. }) => {
                self.ended = true;
                Poll::Ready(Some(Err(Status::new(code, message))))
            }
            _ => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }

    /// The next message, out of a block that is not empty.
    fn message(&mut self, limit: u64) -> Data {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = self
            .block
            .split_to(MESSAGE.min(limit).min(self.block.len()));
        let length = bytes.len() as u64;
        if let Some(Fault::FlipBit(at)) = self.fault
            && (self.sent..self.sent + length).contains(&at)
        {
            let mut changed = BytesMut::from(&bytes[..]);
            changed[usize::try_from(at - self.sent).unwrap_or(0)] ^= 1;
            bytes = changed.freeze();
        }
        self.sent += length;
        self.until_pause -= length;
        Data {
            metadata: None,
            bytes,
        }
    }

    fn drip(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(Fault::Drip {
            bytes,
            pause: length,
        }) = self.fault
        else {
            return Poll::Ready(());
        };
        if self.until_pause > 0 {
            return Poll::Ready(());
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(length)));
        ready!(pause.as_mut().poll(context));
        self.pause = None;
        self.until_pause = bytes;
        Poll::Ready(())
    }
}

impl Stream for SnapshotStream {
    type Item = Result<Data, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let until_end = this.end().map_or(u64::MAX, |end| end - this.sent);
        if until_end == 0 {
            return this.strike(context);
        }
        ready!(this.drip(context));
        while this.block.is_empty() {
            match ready!(this.blocks.poll_next_unpin(context)) {
                Some(Ok(block)) => this.block = block,
                // As on real Talos: what goes wrong on the way is logged there, and the stream
                // ends with success.
                Some(Err(_)) | None => {
                    this.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        let limit = until_end.min(this.until_pause);
        Poll::Ready(Some(Ok(this.message(limit))))
    }
}
