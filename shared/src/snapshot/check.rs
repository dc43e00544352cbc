//! The whole check of a file: its digest, its structure, its records. And the proof that
//! comes out of a good one.
//!
//! There are two proofs, and they are two types. [`Proven`]: the digest of a streamed snapshot
//! holds, so these are the bytes that etcd sent. [`Sound`]: the deep check found no damage,
//! so these bytes are a database. A snapshot can have one without the other: a digest may be
//! right over a broken tree, and structure does not show a changed value.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::bolt::{Database, Form, OpenError, ReadAt, rules};
use super::etcd::Survey;
use super::finding::Severity;
use super::meta::Meta;
use super::stream::{FinishError, Proven, SnapshotError, Verifier};

/// Bytes read at once for a digest.
const CHUNK: usize = 1024 * 1024;

/// Keeps others from making a [`Sound`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sealed;

/// A database whose deep check found no damage. Only [`check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hex: what was checked is what may be stored.
    pub sha256: String,
    /// The meta page that counts.
    pub meta: Meta,
    sealed: Sealed,
}

/// One of the two proofs, without which nothing is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A streamed snapshot, by its digest.
    Digest(Proven),
    /// A raw copy, by its structure.
    Structure(Sound),
}

impl Proof {
    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Digest(proven) => proven.bytes,
            Self::Structure(sound) => sound.bytes,
        }
    }

    /// SHA-256 of the whole file, in hex.
    pub fn sha256(&self) -> &str {
        match self {
            Self::Digest(proven) => &proven.sha256,
            Self::Structure(sound) => &sound.sha256,
        }
    }

    /// Whether it is a raw copy.
    pub fn is_raw(&self) -> bool {
        matches!(self, Self::Structure(_))
    }
}

/// What the digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    /// It holds.
    Holds(Proven),
    /// There never was one: a raw copy. The SHA-256 of the whole file, in hex.
    None(String),
    /// It does not hold, or is gone.
    Fails(SnapshotError),
}

impl Digest {
    /// SHA-256 of the whole file, where all of it is known to be what it should be.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::Holds(proven) => Some(&proven.sha256),
            Self::None(sha256) => Some(sha256),
            Self::Fails(_) => None,
        }
    }
}

/// What a check found out.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What kind of file it is.
    pub form: Form,
    /// Bytes of the file.
    pub bytes: u64,
    /// The meta page that counts.
    pub meta: Meta,
    /// What the digest says.
    pub digest: Digest,
    /// Everything else. The digest's finding is among its findings.
    pub survey: Survey,
}

impl Checked {
    /// The structure proof; none: something is damaged.
    pub fn sound(&self) -> Option<Sound> {
        let sha256 = self.digest.sha256()?;
        let damaged = self.survey.findings.worst() == Some(Severity::Damaged);
        (!damaged).then(|| Sound {
            bytes: self.bytes,
            sha256: sha256.to_owned(),
            meta: self.meta,
            sealed: Sealed,
        })
    }
}

/// Checks a whole file. The digest is computed beside the walk, on a thread of its own.
///
/// # Errors
/// It cannot be read, or is no database at all.
pub fn check<S: ReadAt + Sync>(source: S) -> Result<Checked, OpenError> {
    let database = Database::open(source)?;
    let (mut survey, digested) = std::thread::scope(|scope| {
        let digested = scope.spawn(|| digest(&database));
        (Survey::of(&database), digested.join())
    });
    let digest =
        digested.unwrap_or_else(|_| Err(io::Error::other("the digest's thread panicked")))?;
    if let Digest::Fails(error) = &digest {
        let told = survey.findings.worst() == Some(Severity::Damaged);
        if !told || matches!(error, SnapshotError::Digest { .. }) {
            survey
                .findings
                .whole(&rules::DIGEST_WRONG, error.to_string());
        }
    }
    Ok(Checked {
        form: database.form(),
        bytes: database.length(),
        meta: *database.meta(),
        digest,
        survey,
    })
}

fn digest<S: ReadAt>(database: &Database<S>) -> io::Result<Digest> {
    if database.form() == Form::Raw {
        let mut whole = Context::new(&SHA256);
        copy(database, |bytes| {
            whole.update(bytes);
            Ok(())
        })?;
        return Ok(Digest::None(hex::encode(whole.finish().as_ref())));
    }
    let mut verifier = Verifier::new(io::sink());
    let copied = copy(database, |bytes| verifier.write_all(bytes));
    if verifier.refusal().is_none() {
        copied?;
    }
    match verifier.finish() {
        Ok((_, proven)) => Ok(Digest::Holds(proven)),
        Err(FinishError::Refused(refused)) => Ok(Digest::Fails(refused)),
        Err(FinishError::Io(error)) => Err(error),
    }
}

fn copy<S: ReadAt>(
    database: &Database<S>,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut offset, end) = (0, database.length());
    let mut chunk = vec![0; CHUNK];
    while offset < end {
        let length = usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK);
        database
            .source()
            .read_exact_at(&mut chunk[..length], offset)?;
        to(&chunk[..length])?;
        offset += length as u64;
    }
    Ok(())
}
