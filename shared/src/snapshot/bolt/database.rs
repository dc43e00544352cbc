//! An opened file: which meta page counts, what form the file has, where its buckets are.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use super::bucket::Bucket;
use super::cursor::Cursor;
use super::source::ReadAt;
use crate::failure::{Exit, Failure};
use crate::snapshot::finding::{Finding, Place};
use crate::snapshot::meta::{META_BYTES, Meta, MetaError, TRAILER_BYTES};
use crate::snapshot::stream::{SnapshotError, not_a_snapshot};

/// Smallest and largest page size, as powers of two.
const PAGE_SIZE_POWERS: std::ops::RangeInclusive<u32> = 10..=24;
/// More root buckets than any etcd has; it has ten.
const BUCKETS_MOST: usize = 4096;

/// What kind of file it is, told by its metas and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A snapshot as the Maintenance API streams it, with its digest at the end.
    Streamed,
    /// The metas are those that only a stream has, and the digest is gone.
    LostDigest,
    /// A copy of `member/snap/db`, which never had a digest. The copy of a database that was
    /// closed well can be the very bytes of a snapshot without its digest.
    Raw,
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no database, or a part of one.
    #[error(transparent)]
    Refused(SnapshotError),
}

impl OpenError {
    /// As `name`'s failure, with its exit code and next step.
    pub fn into_failure(self, name: &str) -> Failure {
        match self {
            Self::Io(error) => Failure::new(Exit::Io, format!("cannot read {name}: {error}"))
                .hint("check the file and its disk")
                .source(error),
            Self::Refused(error) => {
                let hint = match &error {
                    SnapshotError::Packed(_) => {
                        "open it first: `talosctl-snapshot-pull URL -i KEY -o db.snapshot`, or `age -d -i KEY | zstd -d`"
                    }
                    SnapshotError::Empty => {
                        "nothing was written to it: look at what should have been"
                    }
                    SnapshotError::Short { .. } => {
                        "the rest is missing: fetch the file again from where it came"
                    }
                    _ => {
                        "name a snapshot of etcd, as `talosctl-snapshot-take -o db.snapshot` writes one"
                    }
                };
                Failure::new(Exit::Data, format!("{name}: {error}")).hint(hint)
            }
        }
    }
}

/// A bbolt file, open for reading.
#[derive(Debug)]
pub struct Database<S: ?Sized = File> {
    meta: Meta,
    metas: [Result<Meta, MetaError>; 2],
    length: u64,
    form: Form,
    source: S,
}

impl<S: ReadAt> Database<S> {
    /// Opens what is in `source`: finds the page size, chooses the meta, tells the form.
    ///
    /// # Errors
    /// No meta page is valid, or the file is shorter than its meta says.
    pub fn open(source: S) -> Result<Self, OpenError> {
        let length = source.length()?;
        if length == 0 {
            return Err(OpenError::Refused(SnapshotError::Empty));
        }
        let metas = find_metas(&source, length)?;
        let meta = match choose(&metas) {
            Ok(meta) => meta,
            Err(error) => {
                return Err(OpenError::Refused(not_a_snapshot(
                    &head(&source, length)?,
                    error,
                )));
            }
        };
        let content = content_bytes(&meta);
        let form = form(&metas, &meta, length);
        let expected = match form {
            Form::Streamed => content + TRAILER_BYTES,
            Form::LostDigest | Form::Raw => content,
        };
        if length < expected {
            return Err(OpenError::Refused(SnapshotError::Short {
                got: length,
                expected,
            }));
        }
        Ok(Self {
            meta,
            metas,
            length,
            form,
            source,
        })
    }
}

impl<S: ReadAt + ?Sized> Database<S> {
    /// The meta page that counts.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Both meta pages, in file order.
    pub fn metas(&self) -> &[Result<Meta, MetaError>; 2] {
        &self.metas
    }

    /// What kind of file it is.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of its pages: what `snapshot status` calls the total size.
    pub fn content_bytes(&self) -> u64 {
        content_bytes(&self.meta)
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// A cursor over the tree of root buckets.
    pub(super) fn root_cursor(&self) -> Cursor<'_, S> {
        Cursor::at_page(self, self.meta.root)
    }

    /// The root buckets, in byte order of their names.
    ///
    /// # Errors
    /// The first damage met.
    pub fn buckets(&self) -> Result<Vec<Bucket>, Box<Finding>> {
        let mut cursor = self.root_cursor();
        let mut buckets = Vec::new();
        while let Some(bucket) = cursor.advance_bucket()? {
            if buckets.len() == BUCKETS_MOST {
                break;
            }
            buckets.push(bucket);
        }
        Ok(buckets)
    }

    /// The root bucket of this name.
    ///
    /// # Errors
    /// Damage on the way to it.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket>, Box<Finding>> {
        let mut cursor = self.root_cursor();
        cursor.seek(name)?;
        let found = cursor.advance_bucket()?;
        Ok(found.filter(|bucket| bucket.name() == name))
    }

    /// A cursor before the first record of a bucket.
    pub fn cursor(&self, bucket: &Bucket) -> Cursor<'_, S> {
        Cursor::new(self, bucket)
    }

    /// Calls `each` with every record of the root bucket `name`, in order; a bucket that is
    /// not there has none. Values are lent, never kept.
    ///
    /// # Errors
    /// The first damage met.
    pub fn for_each(
        &self,
        name: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Box<Finding>> {
        let Some(bucket) = self.bucket(name)? else {
            return Ok(());
        };
        let mut cursor = self.cursor(&bucket);
        while let Some(item) = cursor.advance()? {
            if each(item.key, item.value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The value of one key of the root bucket `name`.
    ///
    /// # Errors
    /// Damage on the way to it.
    pub fn get(&self, name: &[u8], key: &[u8]) -> Result<Option<Vec<u8>>, Box<Finding>> {
        let Some(bucket) = self.bucket(name)? else {
            return Ok(None);
        };
        let mut cursor = self.cursor(&bucket);
        cursor.seek(key)?;
        let item = cursor.advance()?;
        Ok(item
            .filter(|item| item.key == key && !item.is_bucket)
            .map(|item| item.value.to_vec()))
    }

    /// Where a page lies.
    pub(super) fn place(&self, page: u64, path: Vec<u64>) -> Place {
        Place {
            page,
            path,
            offset: page.saturating_mul(u64::from(self.meta.page_size)),
        }
    }
}

/// Geometry was proven when the meta was read.
fn content_bytes(meta: &Meta) -> u64 {
    meta.content_bytes().unwrap_or(u64::MAX)
}

/// Page 0 where it is valid, else the first place of a page size where a meta lies.
fn find_metas(
    source: &impl ReadAt,
    length: u64,
) -> Result<[Result<Meta, MetaError>; 2], OpenError> {
    let first = meta_at(source, length, 0)?;
    if let Ok(meta) = first {
        return Ok([
            Ok(meta),
            meta_at(source, length, u64::from(meta.page_size))?,
        ]);
    }
    for power in PAGE_SIZE_POWERS {
        let second = meta_at(source, length, 1 << power)?;
        if second.is_ok_and(|meta| meta.page_size == 1 << power) {
            return Ok([first, second]);
        }
    }
    Ok([first, Err(MetaError::Short)])
}

/// The first bytes, to name what is no database.
fn head(source: &impl ReadAt, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length)
        .unwrap_or(META_BYTES)
        .min(META_BYTES);
    let mut bytes = vec![0; length];
    source.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn meta_at(
    source: &impl ReadAt,
    length: u64,
    offset: u64,
) -> Result<Result<Meta, MetaError>, OpenError> {
    let mut bytes = [0; META_BYTES];
    if offset + META_BYTES as u64 > length {
        return Ok(Err(MetaError::Short));
    }
    source.read_exact_at(&mut bytes, offset)?;
    Ok(Meta::parse(&bytes))
}

/// The valid meta of the later transaction; else why page 0 is none.
fn choose(metas: &[Result<Meta, MetaError>; 2]) -> Result<Meta, MetaError> {
    match metas {
        [Ok(first), Ok(second)] if second.txid > first.txid => Ok(*second),
        [Ok(first), _] => Ok(*first),
        [Err(_), Ok(second)] => Ok(*second),
        [Err(error), Err(_)] => Err(*error),
    }
}

/// What the metas and the length tell.
fn form(metas: &[Result<Meta, MetaError>; 2], meta: &Meta, length: u64) -> Form {
    let content = content_bytes(meta);
    let whole = length == content.saturating_add(TRAILER_BYTES);
    let [Ok(first), Ok(second)] = metas else {
        // With one meta lost, only the length tells.
        return if whole { Form::Streamed } else { Form::Raw };
    };
    let no_trailer = length == content;
    // A database is as long as some number of pages.
    let pages = length.is_multiple_of(u64::from(meta.page_size));
    match (
        first.is_streamed_pair(second),
        first.is_surely_streamed_pair(second),
    ) {
        (true, true) if no_trailer => Form::LostDigest,
        (true, false) if pages => Form::Raw,
        (true, _) => Form::Streamed,
        (false, _) => Form::Raw,
    }
}
