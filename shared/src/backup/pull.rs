//! object → age → zstd → proof → stdout or a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::failure::{Exit, Failure};
use crate::seal::{self, Identities, OpenError};
use crate::snapshot::stream::FinishError;
use crate::snapshot::{SnapshotError, Verifier};
use crate::store::Body;

/// Chunks between download and the opening thread.
const CHUNKS: usize = 16;

/// Where a snapshot goes: `.part` first, 0600, renamed when proven; or straight to stdout.
pub enum PullTarget {
    /// Standard output.
    Stdout,
    /// A file; the flag lets an existing one be replaced.
    File(PathBuf, bool),
    /// An open file that nobody else sees.
    Spool(File),
}

impl PullTarget {
    /// Opens the target. An existing file is refused before any work.
    ///
    /// # Errors
    /// 74: it exists and may not be replaced, or it cannot be written.
    pub fn open(self) -> Result<Target, Failure> {
        match self {
            Self::Stdout => Ok(Target {
                writer: Box::new(io::stdout()),
                part: None,
            }),
            Self::Spool(file) => Ok(Target {
                writer: Box::new(file),
                part: None,
            }),
            Self::File(path, force) => {
                if path.exists() && !force {
                    return Err(Failure::new(
                        Exit::Io,
                        format!("file `{}` exists", path.display()),
                    )
                    .hint("choose another name with `-o`, or replace it with `--force`"));
                }
                let part = part_of(&path);
                let file = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&part)
                    .map_err(|error| file_failure("create", &part, &error))?;
                let writer = file
                    .try_clone()
                    .map_err(|error| file_failure("open", &part, &error))?;
                Ok(Target {
                    writer: Box::new(writer),
                    part: Some(PartFile {
                        file,
                        part,
                        path,
                        keep: false,
                    }),
                })
            }
        }
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn file_failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Io,
        format!("cannot {verb} `{}`: {error}", path.display()),
    )
    .hint("check the folder, its rights and its space")
}

/// An open target; a `.part` that is not published is removed when this is dropped.
pub struct Target {
    writer: Box<dyn Write + Send>,
    part: Option<PartFile>,
}

struct PartFile {
    file: File,
    part: PathBuf,
    path: PathBuf,
    keep: bool,
}

impl Target {
    /// Makes a file visible under its own name.
    ///
    /// # Errors
    /// 74: flush, fsync or rename failed.
    pub fn publish(mut self) -> Result<(), Failure> {
        self.writer
            .flush()
            .map_err(|error| Failure::new(Exit::Io, format!("cannot write the output: {error}")))?;
        if let Some(part) = &mut self.part {
            part.file
                .sync_all()
                .map_err(|error| file_failure("sync", &part.part, &error))?;
            std::fs::rename(&part.part, &part.path)
                .map_err(|error| file_failure("rename", &part.part, &error))?;
            part.keep = true;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.keep {
            // Its absence is as good.
            let _gone = std::fs::remove_file(&self.part);
        }
    }
}

struct ChunkReader {
    from: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for ChunkReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.from.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
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
/// 65 when the object does not open or is no whole snapshot; the store's own failure; 74.
pub async fn pull(
    mut body: Box<dyn Body>,
    object: &str,
    identities: Identities,
    stored: bool,
    target: Target,
) -> Result<u64, Failure> {
    let (chunks, from) = mpsc::channel(CHUNKS);
    let name = object.to_owned();
    let (done, opened) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let reader = ChunkReader {
            from,
            chunk: Bytes::new(),
        };
        let result = if stored {
            copy_stored(reader, target)
        } else {
            open_and_prove(reader, &name, &identities, target)
        };
        let _nobody_waits = done.send(result);
    });
    let fetched = fetch(body.as_mut(), &chunks).await;
    drop(chunks);
    let opened = opened
        .await
        .map_err(|_| Failure::new(Exit::Bug, "the opening thread stopped"))?;
    match fetched {
        Err(failure) => Err(failure),
        Ok(()) => opened,
    }
}

/// Sends chunks until the end, or until nobody listens (who stopped, knows why).
async fn fetch(body: &mut dyn Body, to: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Failure> {
    loop {
        match body.next().await {
            Ok(Some(chunk)) => {
                if to.send(Ok(chunk)).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                // The reader must not take the cut for an end.
                let _closed = to.send(Err(io::Error::other("the download failed"))).await;
                return Err(error.into());
            }
        }
    }
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

fn output_failure(error: &io::Error) -> Failure {
    Failure::new(Exit::Io, format!("cannot write the output: {error}"))
        .hint("check the disk or the program behind the pipe")
}

fn refused_failure(object: &str, refused: &SnapshotError) -> Failure {
    Failure::new(Exit::Data, format!("{object}: {refused}"))
        .hint("this copy is not usable: take an older one with `--at TIME`; its stored bytes come with `--stored`")
}
