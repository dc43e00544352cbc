//! Where a snapshot is written: stdout, or a file that gets its name only when it is proven.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Exit, Failure};

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
            Self::Stdout => Ok(Target::new(
                "stdout".to_owned(),
                Box::new(io::stdout()),
                None,
            )),
            Self::File(path, force) => open_file(path, force),
            Self::Spool(file) => Ok(Target::new(
                "the spool file".to_owned(),
                Box::new(file),
                None,
            )),
        }
    }
}

fn open_file(path: PathBuf, force: bool) -> Result<Target, Failure> {
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => {
            return Err(
                Failure::new(Exit::Io, format!("`{}` is a folder", path.display()))
                    .hint("name a file in it with `-o`"),
            );
        }
        // A device or a pipe has no name to be given: it takes bytes as stdout does.
        Ok(found) if !found.is_file() => {
            let device = OpenOptions::new().write(true).open(&path);
            let device = device.map_err(|error| file_failure("open", &path, &error))?;
            return Ok(Target::new(quoted(&path), Box::new(device), None));
        }
        Ok(_) if !force => return Err(exists(&path)),
        _ => {}
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = create_part(&part)?;
    let writer = file
        .try_clone()
        .map_err(|error| file_failure("open", &part, &error))?;
    let name = quoted(&path);
    let part = PartFile {
        file,
        part,
        path,
        force,
        keep: false,
    };
    Ok(Target::new(name, Box::new(writer), Some(part)))
}

/// A fresh private file, locked as long as it is written. What a killed run left may have other
/// rights, or be a link to elsewhere: it is replaced, never reused.
fn create_part(part: &Path) -> Result<File, Failure> {
    let leftover = match File::open(part) {
        Ok(leftover) if matches!(leftover.try_lock(), Err(TryLockError::WouldBlock)) => {
            let what = format!("another run is writing `{}`", part.display());
            return Err(
                Failure::new(Exit::Io, what).hint("wait for it, or choose another name with `-o`")
            );
        }
        found => found,
    };
    match fs::remove_file(part) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => return Err(file_failure("replace", part, &error)),
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part);
    let file = file.map_err(|error| file_failure("create", part, &error))?;
    // A file system without locks has one writer by the operator's care.
    let _locked = file.try_lock();
    drop(leftover);
    Ok(file)
}

fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn exists(path: &Path) -> Failure {
    Failure::new(Exit::Io, format!("file `{}` exists", path.display()))
        .hint("choose another name with `-o`, or replace it with `--force`")
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
    /// `stdout`, or the file: every error of writing begins with it.
    name: String,
    writer: Box<dyn Write + Send>,
    written: Written,
    part: Option<PartFile>,
}

/// Tells whether a target took a byte, also after it is gone.
#[derive(Debug, Clone, Default)]
pub struct Written(Arc<AtomicBool>);

impl Written {
    /// Whether it did.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct PartFile {
    file: File,
    part: PathBuf,
    path: PathBuf,
    force: bool,
    keep: bool,
}

impl Target {
    fn new(name: String, writer: Box<dyn Write + Send>, part: Option<PartFile>) -> Self {
        Self {
            name,
            writer,
            written: Written::default(),
            part,
        }
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }

    /// Tells, later too, whether anything was written.
    pub fn written(&self) -> Written {
        self.written.clone()
    }

    /// Makes a file visible under its own name.
    ///
    /// # Errors
    /// 74: flush, fsync or rename failed, or a file of that name has appeared meanwhile.
    pub fn publish(mut self) -> Result<(), Failure> {
        self.flush().map_err(|error| output_failure(&error))?;
        match &mut self.part {
            Some(part) => part.publish(),
            None => Ok(()),
        }
    }
}

/// A target took no more bytes; `error` names it.
pub(crate) fn output_failure(error: &io::Error) -> Failure {
    Failure::new(Exit::Io, format!("cannot write to {error}"))
        .hint("check the disk, or the program behind the pipe")
}

impl PartFile {
    fn publish(&mut self) -> Result<(), Failure> {
        self.file
            .sync_all()
            .map_err(|error| file_failure("sync", &self.part, &error))?;
        // A link is the one step that names a file and never replaces another.
        let linked = if self.force {
            None
        } else {
            Some(fs::hard_link(&self.part, &self.path))
        };
        match linked {
            // The other name goes when this is dropped.
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(exists(&self.path));
            }
            // Not every file system has links.
            Some(Err(_)) if self.path.exists() => return Err(exists(&self.path)),
            _ => {}
        }
        fs::rename(&self.part, &self.path)
            .map_err(|error| file_failure("rename", &self.part, &error))?;
        self.keep = true;
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.writer.write(bytes) {
            Ok(count) => {
                self.written.0.fetch_or(count > 0, Ordering::AcqRel);
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.named(&error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|error| self.named(&error))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.keep {
            // Its absence is as good.
            let _gone = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, force: bool) -> Result<Target, Failure> {
        let mut target = PullTarget::File(path.to_owned(), force).open()?;
        target.write_all(b"new").unwrap();
        Ok(target)
    }

    #[test]
    fn a_file_appears_whole_and_private_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        // A leftover that others can read must not receive the bytes.
        let leftover = folder.path().join("db.part");
        fs::write(&leftover, b"old").unwrap();
        fs::set_permissions(&leftover, fs::Permissions::from_mode(0o666)).unwrap();
        let target = write(&path, false).unwrap();
        assert!(target.written().any());
        assert!(!path.exists());
        target.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(write(&folder.path().join("other"), false).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_file_is_kept_unless_forced_also_one_that_appears_late() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let target = write(&path, false).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert_eq!(target.publish().unwrap_err().exit, Exit::Io);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert!(write(&path, false).is_err());
        write(&path, true).unwrap().publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let first = write(&path, false).unwrap();
        let failure = write(&path, false).err().unwrap();
        assert!(failure.what.contains("another run"), "{}", failure.what);
        first.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn devices_take_bytes_and_folders_do_not() {
        let target = write(Path::new("/dev/null"), false).unwrap();
        target.publish().unwrap();
        assert!(!Path::new("/dev/null.part").exists());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), true).err().unwrap().exit, Exit::Io);
    }
}
