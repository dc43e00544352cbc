//! The proof of a streamed snapshot, in one pass and constant memory.
//!
//! [`Verifier`] wraps a writer. Everything goes through to it but the last 32 bytes, which
//! are held back: they are the SHA-256 of all bytes before them. Only [`Verifier::finish`],
//! after length, digest and both meta pages hold, lets them go and gives a [`Proven`];
//! whatever reads the output of a bad stream therefore sees a file without its end.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::meta::{META_BYTES, Meta, MetaError, TRAILER_BYTES};

const TRAILER: usize = TRAILER_BYTES as usize;

/// Why bytes are not a whole snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// No byte came.
    #[error("no data")]
    Empty,
    /// The first page is not a bbolt meta page.
    #[error("not an etcd snapshot: {0}")]
    NotASnapshot(MetaError),
    /// What stores make of a snapshot: compressed or encrypted.
    #[error("{0}, not a plain snapshot")]
    Packed(&'static str),
    /// The second meta page is damaged.
    #[error("the second meta page is damaged: {0}")]
    SecondMeta(MetaError),
    /// A database file, copied from disk: it carries no digest.
    #[error("a raw database file, not a snapshot: it carries no digest")]
    RawDatabase,
    /// It has no trailer, and nothing else tells what it was.
    #[error("it carries no digest: a raw database file, or a snapshot that lost its last 32 bytes")]
    NoDigest,
    /// It was a streamed snapshot, but its 32 byte trailer is gone.
    #[error("a snapshot that lost its digest")]
    LostDigest,
    /// The stream ended before the length its own header names.
    #[error("cut short: {got} of {expected} bytes")]
    Short {
        /// Bytes that came.
        got: u64,
        /// Bytes the header promises, trailer included.
        expected: u64,
    },
    /// More bytes came than the header names.
    #[error("longer than its header says: more than {expected} bytes")]
    Long {
        /// Bytes the header promises, trailer included.
        expected: u64,
    },
    /// A raw copy that is not the file that was checked before.
    #[error("the file changed after its structure was checked")]
    Changed,
    /// The SHA-256 does not match.
    #[error("damaged: its SHA-256 is {computed}, its digest says {stored}")]
    Digest {
        /// What the bytes give, in hex.
        computed: String,
        /// What the trailer says, in hex.
        stored: String,
    },
}

/// Files that snapshots are often found in, by their first bytes.
const PACKED: [(&[u8], &str); 4] = [
    (b"age-encryption.org/", "an age file"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "an age file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x1f\x8b", "a gzip file"),
];

/// Why a file that begins with `head` is no snapshot, by its name where it has one.
pub(super) fn not_a_snapshot(head: &[u8], error: MetaError) -> SnapshotError {
    PACKED
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map_or(SnapshotError::NotASnapshot(error), |(_, what)| {
            SnapshotError::Packed(what)
        })
}

/// Keeps others from making a [`Proven`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sealed;

/// A snapshot whose length, digest and meta pages hold. Only [`Verifier::finish`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Bytes of the snapshot, trailer included.
    pub bytes: u64,
    /// SHA-256 of the whole file (trailer included), in hex.
    pub sha256: String,
    /// Meta page 0.
    pub meta: Meta,
    sealed: Sealed,
}

/// Proves a snapshot that is written through it.
pub struct Verifier<W> {
    inner: W,
    digest: Context,
    held: Vec<u8>,
    head: Vec<u8>,
    second: Vec<u8>,
    first: Option<Meta>,
    expected: Option<u64>,
    seen: u64,
    refused: Option<SnapshotError>,
}

impl<W: Write> Verifier<W> {
    /// A verifier in front of `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            digest: Context::new(&SHA256),
            held: Vec::with_capacity(2 * TRAILER),
            head: Vec::with_capacity(META_BYTES),
            second: Vec::with_capacity(META_BYTES),
            first: None,
            expected: None,
            seen: 0,
            refused: None,
        }
    }

    /// The whole length the header promises, once the header was seen.
    pub fn expected_bytes(&self) -> Option<u64> {
        self.expected
    }

    /// Bytes taken so far.
    pub fn seen_bytes(&self) -> u64 {
        self.seen
    }

    /// The reason a write was refused with [`io::ErrorKind::InvalidData`].
    pub fn refusal(&self) -> Option<&SnapshotError> {
        self.refused.as_ref()
    }

    /// Ends the stream: the verdict, and on a good one the last 32 bytes into the inner
    /// writer, which is given back for its own `finish`.
    ///
    /// # Errors
    /// [`FinishError::Refused`] when the bytes are no whole snapshot,
    /// [`FinishError::Io`] when the inner writer fails.
    pub fn finish(mut self) -> Result<(W, Proven), FinishError> {
        let (meta, bytes) = self.judge_length()?;
        let whole = self.digest.clone();
        let computed = self.digest.finish();
        if computed.as_ref() != self.held.as_slice() {
            return Err(FinishError::Refused(SnapshotError::Digest {
                computed: hex::encode(computed.as_ref()),
                stored: hex::encode(&self.held),
            }));
        }
        let mut whole = whole;
        whole.update(&self.held);
        let sha256 = hex::encode(whole.finish().as_ref());
        self.inner.write_all(&self.held).map_err(FinishError::Io)?;
        Ok((
            self.inner,
            Proven {
                bytes,
                sha256,
                meta,
                sealed: Sealed,
            },
        ))
    }

    fn judge_length(&mut self) -> Result<(Meta, u64), FinishError> {
        if let Some(refused) = self.refused.take() {
            return Err(FinishError::Refused(refused));
        }
        let refuse = |error| Err(FinishError::Refused(error));
        if self.seen == 0 {
            return refuse(SnapshotError::Empty);
        }
        let (Some(first), Some(expected)) = (self.first, self.expected) else {
            return refuse(not_a_snapshot(&self.head, MetaError::Short));
        };
        let second = Meta::parse(&self.second);
        let streamed = second
            .as_ref()
            .is_ok_and(|second| first.is_streamed_pair(second));
        if self.seen == expected - TRAILER_BYTES {
            let surely = second.is_ok_and(|second| first.is_surely_streamed_pair(&second));
            return refuse(match (streamed, surely) {
                (true, true) => SnapshotError::LostDigest,
                (true, false) => SnapshotError::NoDigest,
                (false, _) => SnapshotError::RawDatabase,
            });
        }
        if self.seen < expected {
            return refuse(SnapshotError::Short {
                got: self.seen,
                expected,
            });
        }
        match second {
            Err(error) => refuse(SnapshotError::SecondMeta(error)),
            Ok(_) if !streamed => refuse(SnapshotError::RawDatabase),
            Ok(_) => Ok((first, expected)),
        }
    }

    /// Keeps the bytes of the two meta pages; reads the first as soon as it is whole.
    fn look(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if self.head.len() < META_BYTES {
            let take = bytes.len().min(META_BYTES - self.head.len());
            self.head.extend_from_slice(&bytes[..take]);
            if self.head.len() == META_BYTES {
                let first =
                    Meta::parse(&self.head).map_err(|error| not_a_snapshot(&self.head, error))?;
                self.expected = first.content_bytes().map(|content| content + TRAILER_BYTES);
                self.first = Some(first);
            }
        }
        if let Some(first) = self.first {
            let page = u64::from(first.page_size);
            let begin = (page + self.second.len() as u64).saturating_sub(self.seen);
            if let Ok(begin) = usize::try_from(begin)
                && self.second.len() < META_BYTES
                && begin < bytes.len()
            {
                let take = (bytes.len() - begin).min(META_BYTES - self.second.len());
                self.second.extend_from_slice(&bytes[begin..begin + take]);
            }
        }
        let end = self.seen + bytes.len() as u64;
        match self.expected {
            Some(expected) if end > expected => Err(self.too_long(expected)),
            _ => Ok(()),
        }
    }

    /// A raw database may be grown ahead of use: longer than its header, without trailer.
    fn too_long(&self, expected: u64) -> SnapshotError {
        let streamed = self.first.is_some_and(|first| {
            Meta::parse(&self.second).is_ok_and(|second| first.is_streamed_pair(&second))
        });
        if streamed {
            SnapshotError::Long { expected }
        } else {
            SnapshotError::RawDatabase
        }
    }

    /// Passes all but the newest 32 bytes on.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() >= TRAILER {
            self.digest.update(&self.held);
            self.inner.write_all(&self.held)?;
            let (now, later) = bytes.split_at(bytes.len() - TRAILER);
            self.digest.update(now);
            self.inner.write_all(now)?;
            self.held.clear();
            self.held.extend_from_slice(later);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let surplus = self.held.len().saturating_sub(TRAILER);
        self.digest.update(&self.held[..surplus]);
        self.inner.write_all(&self.held[..surplus])?;
        self.held.drain(..surplus);
        Ok(())
    }
}

/// Why [`Verifier::finish`] gave no proof.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The bytes are no whole snapshot.
    #[error(transparent)]
    Refused(SnapshotError),
    /// The inner writer failed.
    #[error(transparent)]
    Io(io::Error),
}

impl<W: Write> Write for Verifier<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(refused) = &self.refused {
            return Err(io::Error::new(io::ErrorKind::InvalidData, refused.clone()));
        }
        if let Err(refused) = self.look(bytes) {
            self.refused = Some(refused.clone());
            return Err(io::Error::new(io::ErrorKind::InvalidData, refused));
        }
        self.pass(bytes)?;
        self.seen += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::meta::made;
    use proptest::prelude::*;

    fn run(bytes: &[u8], step: usize) -> (Vec<u8>, Result<Proven, SnapshotError>) {
        let mut out = Vec::new();
        let mut verifier = Verifier::new(&mut out);
        for chunk in bytes.chunks(step.max(1)) {
            if verifier.write_all(chunk).is_err() {
                break;
            }
        }
        let verdict = match verifier.finish() {
            Ok((_, proven)) => Ok(proven),
            Err(FinishError::Refused(error)) => Err(error),
            Err(FinishError::Io(error)) => panic!("{error}"),
        };
        (out, verdict)
    }

    #[test]
    fn a_whole_snapshot_is_proven_and_passes_unchanged() {
        let snapshot = made::snapshot(5);
        for step in [1, 7, 31, 32, 33, 80, 1024, 4096, 1 << 20] {
            let (out, verdict) = run(&snapshot, step);
            let proven = verdict.unwrap();
            assert_eq!(out, snapshot);
            assert_eq!(proven.bytes, snapshot.len() as u64);
            let digest = aws_lc_rs::digest::digest(&SHA256, &snapshot);
            assert_eq!(proven.sha256, hex::encode(digest.as_ref()));
        }
    }

    #[test]
    fn a_cut_at_every_byte_is_refused_and_its_end_withheld() {
        let snapshot = made::snapshot(3);
        for cut in 0..snapshot.len() {
            let (out, verdict) = run(&snapshot[..cut], 1024);
            assert!(verdict.is_err(), "cut at {cut}");
            assert!(
                out.len() + TRAILER <= cut || out.is_empty(),
                "cut at {cut} let {} go",
                out.len()
            );
        }
    }

    #[test]
    fn each_kind_of_wrong_input_is_named() {
        let snapshot = made::snapshot(4);
        assert_eq!(run(&[], 9).1, Err(SnapshotError::Empty));
        assert!(matches!(
            run(&[b'x'; 500], 100).1,
            Err(SnapshotError::NotASnapshot(MetaError::Magic))
        ));
        assert_eq!(
            run(&snapshot[..4 * 4096], 512).1,
            Err(SnapshotError::LostDigest)
        );
        let mut long = snapshot.clone();
        long.push(0);
        assert!(matches!(
            run(&long, 4096).1,
            Err(SnapshotError::Long { .. })
        ));
        let mut raw = snapshot[..4 * 4096].to_vec();
        raw[4096..4096 + META_BYTES].copy_from_slice(&made::meta_page(4096, 4, 10));
        assert_eq!(run(&raw, 512).1, Err(SnapshotError::RawDatabase));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused(bit in 0usize..(3 * 4096 + 32) * 8, step in 1usize..5000) {
            let mut snapshot = made::snapshot(3);
            snapshot[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(run(&snapshot, step).1.is_err());
        }
    }
}
