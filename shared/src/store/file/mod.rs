//! A folder as a store. Keys are paths below the folder, with `/`, and `-` for `:`.
//!
//! An object appears whole or not at all: bytes go to a hidden `.NAME.xxxxxxxx.part` (0600)
//! beside it, are brought to disk, and get the final name in one step that never replaces
//! another file. A folder that is missing is made if the one above it exists, so that an
//! unmounted disk is not filled by mistake further up.

mod list;
mod part;
mod trouble;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncReadExt;

use self::part::{FileUpload, PartFile};
use super::{Body, OpenUpload, Page, Store, StoreError, StoreErrorKind, Upload};
use crate::failure::{Exit, Failure};

/// Bytes asked of a file at once.
const READ_SIZE: usize = 256 * 1024;

/// A folder.
pub(super) struct FileStore {
    folder: PathBuf,
    moved: Arc<AtomicU64>,
}

impl FileStore {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            moved: Arc::default(),
        }
    }

    /// The path of a key: only ever below the folder.
    fn path_of(&self, key: &str) -> Result<PathBuf, StoreError> {
        let plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains('\0');
        if key.split('/').all(plain) {
            return Ok(self.folder.join(key));
        }
        let what = format!("`{key}` is not a name below `{}`", self.folder.display());
        let failure = Failure::new(Exit::Usage, what).hint("keys have no empty, `.` or `..` parts");
        Err(StoreError {
            kind: StoreErrorKind::Failed,
            failure,
        })
    }

    /// A new part file for `key`, with the folders it needs.
    async fn part_file(&self, key: &str) -> Result<PartFile, StoreError> {
        let (folder, path) = (self.folder.clone(), self.path_of(key)?);
        blocking(move || {
            make_folders(&folder, path.parent().unwrap_or(&folder))?;
            PartFile::create(&path)
        })
        .await
    }
}

#[async_trait]
impl Store for FileStore {
    fn key_of(&self, name: &str) -> String {
        // Windows shares and some tools cannot have colons in names.
        name.replace(':', "-")
    }

    fn url_of(&self, key: &str) -> String {
        let folder = self.folder.display().to_string();
        format!("file://{}/{key}", folder.trim_end_matches('/'))
    }

    fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    async fn put(&self, key: &str, body: Bytes, overwrite: bool) -> Result<(), StoreError> {
        let (part, moved) = (self.part_file(key).await?, Arc::clone(&self.moved));
        blocking(move || {
            let stored = part
                .write_at(&body, 0)
                .inspect(|()| {
                    moved.fetch_add(body.len() as u64, Ordering::Relaxed);
                })
                .and_then(|()| part.publish(overwrite));
            // What could not be stored leaves nothing; the first error is the one that tells.
            stored.inspect_err(|_| drop(part.remove()))
        })
        .await
    }

    async fn begin(&self, key: &str, _part_size: u64) -> Result<Box<dyn Upload>, StoreError> {
        let path = self.path_of(key)?;
        // Publishing will look again; asking first saves the whole transfer.
        if tokio::fs::symlink_metadata(&path).await.is_ok() {
            return Err(trouble::exists(&path));
        }
        let part = self.part_file(key).await?;
        Ok(Box::new(FileUpload::new(part, Arc::clone(&self.moved))))
    }

    /// The whole folder is one page: sorting needs all of it anyway.
    async fn list(&self, _page: Option<&str>) -> Result<Page, StoreError> {
        let folder = self.folder.clone();
        let objects = blocking(move || list::objects(&folder)).await?;
        Ok(Page {
            objects,
            next: None,
        })
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Body>, StoreError> {
        let path = self.path_of(key)?;
        let failed = |error| trouble::of("open", &path, error);
        let file = tokio::fs::File::open(&path).await.map_err(failed)?;
        let metadata = file.metadata().await.map_err(failed)?;
        if !metadata.is_file() {
            return Err(trouble::of(
                "open",
                &path,
                std::io::ErrorKind::IsADirectory.into(),
            ));
        }
        Ok(Box::new(FileBody {
            path,
            file,
            size: metadata.len(),
            offset: 0,
        }))
    }

    async fn delete(&self, key: &str, _version: Option<&str>) -> Result<(), StoreError> {
        let path = self.path_of(key)?;
        blocking(move || part::remove(&path)).await
    }

    async fn open_uploads(&self) -> Result<Vec<OpenUpload>, StoreError> {
        let folder = self.folder.clone();
        let objects = blocking(move || list::objects(&folder)).await?;
        Ok(objects.iter().filter_map(part::unfinished).collect())
    }

    async fn end_upload(&self, upload: &OpenUpload) -> Result<(), StoreError> {
        self.delete(&upload.id, None).await
    }
}

/// A file being read.
struct FileBody {
    path: PathBuf,
    file: tokio::fs::File,
    size: u64,
    offset: u64,
}

#[async_trait]
impl Body for FileBody {
    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let mut buffer = bytes::BytesMut::with_capacity(READ_SIZE);
        let read = self.file.read_buf(&mut buffer).await;
        let read = read.map_err(|error| trouble::of("read", &self.path, error))?;
        self.offset += read as u64;
        match read {
            0 if self.offset == self.size => Ok(None),
            0 => Err(trouble::of(
                "read",
                &self.path,
                std::io::ErrorKind::UnexpectedEof.into(),
            )),
            _ => Ok(Some(buffer.freeze())),
        }
    }
}

/// Makes `wanted`, which is `folder` or below it; of `folder` itself only the last part.
fn make_folders(folder: &Path, wanted: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    if !folder.is_dir() {
        match builder.create(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made.map_err(|error| trouble::of("make folder", folder, error))?,
        }
    }
    builder
        .recursive(true)
        .create(wanted)
        .map_err(|error| trouble::of("make folder", wanted, error))
}

/// Runs file system work where it may block.
async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            let failure =
                Failure::new(Exit::Bug, "file system work stopped unexpectedly").source(error);
            Err(StoreError {
                kind: StoreErrorKind::Failed,
                failure,
            })
        }
    }
}

#[cfg(test)]
mod tests;
