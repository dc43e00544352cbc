//! Where objects lie: S3, a folder, or behind a presigned URL.
//!
//! A [`Store`] is one destination: a bucket or folder and the prefix in it. Keys are full
//! keys (prefix included). Every retry, condition and checksum rule of a kind of store
//! stays inside it; callers see one outcome per call, and [`StoreError`] says which.
//!
//! The libraries below log whole requests at their debug and trace levels, signatures,
//! session tokens and presigned queries included, and as warnings what a credential helper
//! printed. A log filter must therefore switch every target of [`SECRET_LOG_TARGETS`] off,
//! whatever `-v` says.

mod chain;
mod destination;
mod file;
mod keeping;
mod listing;
mod options;
mod retry;
mod s3;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::failure::{Exit, Failure};

pub use destination::Destination;
pub use keeping::{Hold, LockFor, LockMode, ObjectLock, OpenUpload};
pub use listing::each;
pub use options::{Credentials, PathStyle, RetryPolicy, StoreOptions, Timeouts};

/// Log targets (by prefix) that show secrets: never to be switched on.
pub const SECRET_LOG_TARGETS: &[&str] = &[
    "aws_config",
    "aws_runtime",
    "aws_sdk",
    "aws_sigv4",
    "aws_smithy",
    "h2",
    "hyper",
    "hyper_util",
    "rustls",
];

/// Opens a destination: settings, credentials and trust are checked, nothing is sent to it.
///
/// # Errors
/// 2: a folder, and a lock is wanted; 78: no credentials, bad endpoint, unreadable CA file or
/// profile; 69, 77: the credential provider failed.
pub async fn open(
    destination: &Destination,
    options: &StoreOptions,
) -> Result<Arc<dyn Store>, Failure> {
    match destination {
        Destination::S3 { bucket, prefix } => s3::open(bucket, prefix, options).await,
        Destination::File { .. } if options.lock.is_some() => Err(Failure::new(
            Exit::Usage,
            format!("`{destination}` cannot lock what it holds: a folder has no object lock"),
        )
        .hint("leave `--lock-for` away, or back up to this folder in a run of its own")),
        Destination::File { folder } => Ok(Arc::new(file::FileStore::new(folder))),
    }
}

/// Endpoint (none: AWS) and region that S3 buckets are asked at: for people to read.
///
/// # Errors
/// 78: bad endpoint, unreadable CA file.
pub async fn s3_place(options: &StoreOptions) -> Result<(Option<String>, String), Failure> {
    s3::place(options).await
}

/// Opens a presigned URL for reading. The query of the URL is a secret: it is in no
/// message, log or `Debug` of ours.
///
/// # Errors
/// 2: not an `http(s)` URL; 69: unreachable; 77: refused or expired; 78: nothing there.
pub async fn open_url(url: &str, options: &StoreOptions) -> Result<Box<dyn Body>, Failure> {
    s3::open_url(url, options).await
}

/// Sends a small body by POST, with a store's trust and proxies. The URL may be a secret: only its
/// host is in the message.
///
/// # Errors
/// In words: it was not sent, or not answered with 2xx.
pub async fn post(url: &str, content_type: &'static str, body: Vec<u8>) -> Result<(), String> {
    s3::post(url, content_type, body).await
}

/// What kind of answer a store gave, as far as callers act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The key exists already and is not ours: take another name.
    Exists,
    /// No such key, bucket or folder.
    NotFound,
    /// Everything else: the failure tells.
    Failed,
    /// The request may or may not have been carried out.
    UnknownOutcome,
}

/// A failed call to a store.
#[derive(Debug)]
pub struct StoreError {
    /// What callers act on.
    pub kind: StoreErrorKind,
    /// What people read; names the bucket and key.
    pub failure: Failure,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.failure)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        error.failure
    }
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Full key.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// When the store last changed it.
    pub modified: Option<jiff::Timestamp>,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// Objects in key order.
    pub objects: Vec<Object>,
    /// Asks for the next page; none: this was the last.
    pub next: Option<String>,
}

/// The bytes of an object, read in order. Interrupted reads are taken up again where the
/// store allows it.
#[async_trait]
pub trait Body: Send {
    /// Size of the whole object, if the store said it.
    fn size(&self) -> Option<u64>;
    /// The next bytes; none at the end. A short object is an error, never an end.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError>;
}

/// An upload in parts. Nothing is visible under the key before [`Upload::complete`].
#[async_trait]
pub trait Upload: Send + Sync {
    /// What names the open upload to a person (S3: the upload id), for clean-up by hand.
    fn id(&self) -> &str;
    /// Stores part `number` (from 1), which begins at byte `offset` of the object. Parts of
    /// one upload may be sent at the same time.
    async fn part(&self, number: u32, offset: u64, body: Bytes) -> Result<(), StoreError>;
    /// Publishes parts 1 to `parts`.
    async fn complete(&self, parts: u32) -> Result<(), StoreError>;
    /// What else may remain in the store, for a person to know: one sentence.
    fn remark(&self) -> Option<&str> {
        None
    }
    /// Removes what was uploaded; bounded in time. An error means that something may
    /// remain, and names it.
    async fn abort(&self) -> Result<(), StoreError>;
}

/// One destination.
#[async_trait]
pub trait Store: Send + Sync {
    /// The full key of an object called `name` in this destination (prefix joined; a folder
    /// also replaces `:` by `-`).
    fn key_of(&self, name: &str) -> String;
    /// The full URL of a key, as people write it.
    fn url_of(&self, key: &str) -> String;
    /// Bytes given away so far, by every call. Where it stands still, so does the store.
    fn moved(&self) -> u64;
    /// Stores a small object in one request. `overwrite`: manifests may be replaced,
    /// snapshots never.
    async fn put(&self, key: &str, body: Bytes, overwrite: bool) -> Result<(), StoreError>;
    /// Begins an upload in parts of `part_size` bytes (the last may be shorter).
    async fn begin(&self, key: &str, part_size: u64) -> Result<Box<dyn Upload>, StoreError>;
    /// One page of what lies under the destination's prefix (its `/` included).
    async fn list(&self, page: Option<&str>) -> Result<Page, StoreError>;
    /// Opens an object for reading.
    async fn open(&self, key: &str) -> Result<Box<dyn Body>, StoreError>;
    /// Removes an object, or one version of it; what is gone already is fine. Where versions
    /// are kept and none is named, the store only hides the object.
    async fn delete(&self, _key: &str, _version: Option<&str>) -> Result<(), StoreError> {
        Err(keeping::unknown("delete"))
    }
    /// Ids of what lies under exactly this key, markers that hide it included, the oldest
    /// first. Empty: the store keeps no versions of it.
    async fn versions(&self, _key: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
    /// What keeps an object, or one version of it, from being deleted.
    async fn hold(&self, _key: &str, _version: Option<&str>) -> Result<Hold, StoreError> {
        Ok(Hold::default())
    }
    /// Whether objects can be locked here at all.
    async fn can_lock(&self) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// Uploads under the destination's prefix that were begun and not ended.
    async fn open_uploads(&self) -> Result<Vec<OpenUpload>, StoreError> {
        Ok(Vec::new())
    }
    /// Removes what an open upload has stored.
    async fn end_upload(&self, _upload: &OpenUpload) -> Result<(), StoreError> {
        Err(keeping::unknown("end an upload"))
    }
}
