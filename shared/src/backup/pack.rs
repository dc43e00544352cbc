//! The one thread between source and lanes: verify → zstd → age → SHA-256 → parts.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::mpsc::Receiver;

use super::parts::PartWriter;
use super::source::Feed;
use crate::seal::{Compression, Recipients, Sealer};
use crate::snapshot::retrace::Retrace;
use crate::snapshot::stream::FinishError;
use crate::snapshot::{Proof, Proven, SnapshotError, Sound, Verifier};

/// A snapshot that went through whole.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) proof: Proof,
    pub(super) stored_bytes: u64,
    pub(super) stored_sha256: String,
}

/// Why nothing may be published.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackError {
    /// The bytes are no whole snapshot.
    #[error(transparent)]
    Refused(SnapshotError),
    /// The source stopped without an end; it tells why.
    #[error("the source was cut")]
    Cut,
    /// A stage failed, or the run was stopped.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Hashes what passes.
struct Hashed<W> {
    inner: W,
    digest: Context,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Runs to the end of the source. What was proven by its structure must be the same bytes;
/// anything else is proven by its digest.
pub(super) fn pack(
    mut from: Receiver<Feed>,
    to: PartWriter,
    compression: Compression,
    recipients: Option<&Recipients>,
    raw: Option<Sound>,
) -> Result<Packed, PackError> {
    let hashed = Hashed {
        inner: to,
        digest: Context::new(&SHA256),
    };
    let sealer = Sealer::new(hashed, compression, recipients)?;
    let (sealer, proof) = prove(&mut from, sealer, raw)?;
    let hashed = sealer.finish()?;
    let stored_sha256 = hex::encode(hashed.digest.finish().as_ref());
    let stored_bytes = hashed.inner.finish(&proof)?;
    Ok(Packed {
        proof,
        stored_bytes,
        stored_sha256,
    })
}

fn prove<W: Write>(
    from: &mut Receiver<Feed>,
    to: W,
    raw: Option<Sound>,
) -> Result<(W, Proof), PackError> {
    let Some(sound) = raw else {
        let mut verifier = Verifier::new(to);
        drain(from, &mut verifier)?;
        let (to, proven) = finish(verifier)?;
        return Ok((to, Proof::Digest(proven)));
    };
    let mut retrace = Retrace::new(to, sound);
    each(from, |bytes| Ok(retrace.write_all(bytes)?))?;
    let (to, sound) = retrace.finish().map_err(not_proven)?;
    Ok((to, Proof::Structure(sound)))
}

/// Writes a proven snapshot as it is: to stdout or a file.
pub(super) fn copy_proven<W: Write>(
    mut from: Receiver<Feed>,
    to: W,
) -> Result<(W, Proven), PackError> {
    let mut verifier = Verifier::new(to);
    drain(&mut from, &mut verifier)?;
    finish(verifier)
}

/// Writes what comes.
pub(super) fn copy<W: Write>(mut from: Receiver<Feed>, mut to: W) -> Result<W, PackError> {
    each(&mut from, |bytes| Ok(to.write_all(bytes)?))?;
    Ok(to)
}

fn drain<W: Write>(from: &mut Receiver<Feed>, verifier: &mut Verifier<W>) -> Result<(), PackError> {
    each(from, |bytes| {
        verifier
            .write_all(bytes)
            .map_err(|error| refused_or_io(verifier, error))
    })
}

fn each(
    from: &mut Receiver<Feed>,
    mut take: impl FnMut(&[u8]) -> Result<(), PackError>,
) -> Result<(), PackError> {
    loop {
        match from.blocking_recv() {
            Some(Feed::Data(bytes)) => take(&bytes)?,
            Some(Feed::End) => return Ok(()),
            None => return Err(PackError::Cut),
        }
    }
}

fn refused_or_io<W: Write>(verifier: &Verifier<W>, error: io::Error) -> PackError {
    match verifier.refusal() {
        Some(refused) => PackError::Refused(refused.clone()),
        None => PackError::Io(error),
    }
}

fn finish<W: Write>(verifier: Verifier<W>) -> Result<(W, Proven), PackError> {
    verifier.finish().map_err(not_proven)
}

fn not_proven(error: FinishError) -> PackError {
    match error {
        FinishError::Refused(refused) => PackError::Refused(refused),
        FinishError::Io(error) => PackError::Io(error),
    }
}
