//! object → age → zstd → proof → stdout or a file.

use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::{mpsc, oneshot};

use super::cancel::Cancel;
use super::source::Feed;
use super::target::{Target, output_failure};
use crate::failure::{Exit, Failure};
use crate::seal::{self, Identities, OpenError};
use crate::snapshot::stream::FinishError;
use crate::snapshot::{SnapshotError, Verifier};
use crate::store::Body;

/// Chunks between download and the opening thread.
pub(super) const CHUNKS: usize = 16;
/// How long the opening thread may take to clean up after a stop; its output may hang.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Reads what was fetched, in a thread. A channel that closes without [`Feed::End`] was cut.
pub struct ChunkReader {
    from: mpsc::Receiver<Feed>,
    chunk: Bytes,
    ended: bool,
}

impl ChunkReader {
    /// Reads what comes through `from`.
    pub fn new(from: mpsc::Receiver<Feed>) -> Self {
        Self {
            from,
            chunk: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.ended {
            match self.from.blocking_recv() {
                Some(Feed::Data(chunk)) => self.chunk = chunk,
                Some(Feed::End) => self.ended = true,
                None => return Err(io::Error::other("the download was cut")),
            }
        }
        let count = to.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut to[..count]);
        Ok(count)
    }
}

/// Fetches `body`, opens it, proves it and writes it to `target`. `stored` skips opening
/// and proof: the bytes as they lie in the store.
///
/// # Errors
/// 65 when the object does not open or is no whole snapshot; the store's own failure; 74;
/// 130 and 143 when it was stopped.
pub async fn pull(
    mut body: Box<dyn Body>,
    object: &str,
    identities: Identities,
    stored: bool,
    target: Target,
    mut cancel: Cancel,
) -> Result<u64, Failure> {
    let (chunks, from) = mpsc::channel(CHUNKS);
    let name = object.to_owned();
    let (done, mut opened) = oneshot::channel();
    std::thread::spawn(move || {
        let reader = ChunkReader::new(from);
        let result = if stored {
            copy_stored(reader, target)
        } else {
            open_and_prove(reader, &name, &identities, target)
        };
        let _nobody_waits = done.send(result);
    });
    let work = async {
        let fetched = fetch(body.as_mut(), chunks).await;
        let result = (&mut opened).await;
        fetched?;
        result.map_err(|_| Failure::new(Exit::Bug, "the opening thread stopped"))?
    };
    let exit = tokio::select! {
        result = work => return result,
        exit = cancel.requested() => exit,
    };
    // The download is cut: without its end the thread publishes nothing, and cleans up.
    match tokio::time::timeout(CLEAN_UP, opened).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        _ => Err(stopped(exit)),
    }
}

fn stopped(exit: Exit) -> Failure {
    Failure::new(exit, "stopped by a signal: nothing was kept").hint("run it again")
}

/// Sends chunks until the end, or until nobody listens (who stopped, knows why).
pub(super) async fn fetch(body: &mut dyn Body, to: mpsc::Sender<Feed>) -> Result<(), Failure> {
    while let Some(chunk) = body.next().await? {
        if to.send(Feed::Data(chunk)).await.is_err() {
            return Ok(());
        }
    }
    let _closed = to.send(Feed::End).await;
    Ok(())
}

fn copy_stored(mut reader: ChunkReader, mut target: Target) -> Result<u64, Failure> {
    let count = io::copy(&mut reader, &mut target).map_err(|error| output_failure(&error))?;
    target.publish()?;
    Ok(count)
}

fn open_and_prove(
    reader: ChunkReader,
    object: &str,
    identities: &Identities,
    target: Target,
) -> Result<u64, Failure> {
    let (mut clear, _content) =
        seal::open(reader, identities).map_err(|error| error.into_failure(object))?;
    let mut verifier = Verifier::new(target);
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = clear
            .read(&mut buffer)
            .map_err(|error| OpenError::Io(error).into_failure(object))?;
        if count == 0 {
            break;
        }
        if let Err(error) = verifier.write_all(&buffer[..count]) {
            return Err(verifier.refusal().map_or_else(
                || output_failure(&error),
                |refused| refused_failure(object, refused),
            ));
        }
    }
    match verifier.finish() {
        Ok((target, proven)) => {
            target.publish()?;
            Ok(proven.bytes)
        }
        Err(FinishError::Refused(refused)) => Err(refused_failure(object, &refused)),
        Err(FinishError::Io(error)) => Err(output_failure(&error)),
    }
}

fn refused_failure(object: &str, refused: &SnapshotError) -> Failure {
    let hint = match refused {
        SnapshotError::RawDatabase | SnapshotError::NoDigest => {
            "nothing proves a raw copy on its way: fetch it with `--stored`, open it with `age -d -i KEY | zstd -d`, judge it with `talosctl-snapshot-inspect check`"
        }
        _ => {
            "this copy is not usable: take an older one with `--at TIME`; its stored bytes come with `--stored`"
        }
    };
    Failure::new(Exit::Data, format!("{object}: {refused}")).hint(hint)
}
