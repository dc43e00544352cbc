//! A file on its way: hidden and private until it gets its final name.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{blocking, trouble};
use crate::failure::{Exit, Failure};
use crate::store::{Object, OpenUpload, StoreError, StoreErrorKind, Upload};

/// How long an abort may take: a network disk may hang.
const ABORT_LIMIT: Duration = Duration::from_secs(10);

/// The hidden file beside a final name.
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl PartFile {
    /// Creates the part file of `target`, readable by its owner only. Its name has a random
    /// part: two writers of one name do not meet before the last step.
    pub(super) fn create(target: &Path) -> Result<Self, StoreError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{:08x}.part", rand::random::<u32>()));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| trouble::of("create", &path, error))?;
        Ok(Self {
            file,
            path,
            target: target.to_path_buf(),
        })
    }

    /// Writes `bytes` at `offset`.
    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StoreError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| trouble::of("write", &self.path, error))
    }

    /// Brings the bytes to disk and gives them their name, then brings the name to disk.
    pub(super) fn publish(&self, overwrite: bool) -> Result<(), StoreError> {
        self.file
            .sync_all()
            .map_err(|error| trouble::of("write", &self.path, error))?;
        if overwrite {
            fs::rename(&self.path, &self.target)
                .map_err(|error| trouble::of("name", &self.target, error))?;
        } else {
            self.publish_new()?;
        }
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        sync_folder(folder).map_err(|error| trouble::of("write", folder, error))
    }

    /// A hard link is the one step that names a file and never replaces another.
    fn publish_new(&self) -> Result<(), StoreError> {
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            // A network file system may have made the link and lost the answer.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.is_target() => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(trouble::exists(&self.target));
            }
            Err(error) if knows_no_links(&error) => return self.publish_without_links(),
            Err(error) => return Err(trouble::of("name", &self.target, error)),
        }
        fs::remove_file(&self.path).map_err(|error| trouble::of("remove", &self.path, error))
    }

    /// FAT and some network file systems have no links. Between look and rename another
    /// writer could slip in; names that carry their time to the millisecond do not meet.
    fn publish_without_links(&self) -> Result<(), StoreError> {
        match fs::symlink_metadata(&self.target) {
            Ok(_) => Err(trouble::exists(&self.target)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::rename(&self.path, &self.target)
                    .map_err(|error| trouble::of("name", &self.target, error))
            }
            Err(error) => Err(trouble::of("look at", &self.target, error)),
        }
    }

    fn is_target(&self) -> bool {
        let identity = |path: &Path| {
            fs::symlink_metadata(path)
                .map(|metadata| (metadata.dev(), metadata.ino()))
                .ok()
        };
        identity(&self.path).is_some_and(|own| identity(&self.target) == Some(own))
    }

    /// Removes the hidden file; what is gone already is fine.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(self.remains(&error.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn remains(&self, reason: &str) -> StoreError {
        let path = self.path.display();
        let failure = Failure::new(
            Exit::Temporary,
            format!("a partial file remains: `{path}`: {reason}"),
        )
        .hint(format!("remove it: `rm '{path}'`"));
        StoreError {
            kind: StoreErrorKind::Failed,
            failure,
        }
    }
}

/// Removes a file for good; what is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(|error| trouble::of("remove", path, error))?,
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    sync_folder(folder).map_err(|error| trouble::of("write", folder, error))
}

/// The upload behind a hidden file, if it is one of ours: `.NAME.xxxxxxxx.part`.
pub(super) fn unfinished(object: &Object) -> Option<OpenUpload> {
    let (folder, file) = object.key.rsplit_once('/').unwrap_or(("", &object.key));
    let stem = file.strip_prefix('.')?.strip_suffix(".part")?;
    let (name, random) = stem.rsplit_once('.')?;
    let ours = random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then(|| OpenUpload {
        key: match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        },
        begun: object.modified,
        id: object.key.clone(),
    })
}

/// EPERM (FAT), ENOTSUP, ENOSYS, EMLINK: no link here, though a rename may do.
fn knows_no_links(error: &io::Error) -> bool {
    const EPERM: i32 = 1;
    error.raw_os_error() == Some(EPERM)
        || matches!(
            error.kind(),
            ErrorKind::Unsupported | ErrorKind::TooManyLinks
        )
}

/// Some file systems cannot sync a folder, and do not need to.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// An upload into a part file.
pub(super) struct FileUpload {
    part: Arc<PartFile>,
    id: String,
    /// Offset and length of each part written so far.
    written: Mutex<BTreeMap<u32, (u64, u64)>>,
    /// Of the whole store.
    moved: Arc<AtomicU64>,
}

impl FileUpload {
    pub(super) fn new(part: PartFile, moved: Arc<AtomicU64>) -> Self {
        let id = part.path.display().to_string();
        Self {
            part: Arc::new(part),
            id,
            written: Mutex::default(),
            moved,
        }
    }

    /// Whether parts 1 to `parts` lie end to end: a hole would read as zeros.
    fn is_whole(&self, parts: u32) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut end = 0;
        let joined = written.values().all(|(offset, length)| {
            let joins = *offset == end;
            end = offset + length;
            joins
        });
        joined && written.keys().copied().eq(1..=parts)
    }
}

#[async_trait]
impl Upload for FileUpload {
    fn id(&self) -> &str {
        &self.id
    }

    async fn part(&self, number: u32, offset: u64, body: Bytes) -> Result<(), StoreError> {
        let (part, length) = (Arc::clone(&self.part), body.len() as u64);
        blocking(move || part.write_at(&body, offset)).await?;
        self.moved.fetch_add(length, Ordering::Relaxed);
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, (offset, length));
        Ok(())
    }

    async fn complete(&self, parts: u32) -> Result<(), StoreError> {
        if !self.is_whole(parts) {
            let what = format!(
                "cannot publish `{}`: its {parts} parts do not join",
                self.part.target.display()
            );
            return Err(StoreError {
                kind: StoreErrorKind::Failed,
                failure: Failure::new(Exit::Bug, what),
            });
        }
        let part = Arc::clone(&self.part);
        blocking(move || part.publish(false)).await
    }

    async fn abort(&self) -> Result<(), StoreError> {
        let part = Arc::clone(&self.part);
        match tokio::time::timeout(ABORT_LIMIT, blocking(move || part.remove())).await {
            Ok(done) => done,
            Err(_) => Err(self.part.remains("the file system does not answer")),
        }
    }
}
