//! Errors of the file system in two lines and an exit code.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::failure::{Exit, Failure};
use crate::store::{StoreError, StoreErrorKind};

/// What `error` means when `verb` was tried on `path`.
pub(super) fn of(verb: &str, path: &Path, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::NotFound => StoreErrorKind::NotFound,
        _ => StoreErrorKind::Failed,
    };
    let (exit, hint) = match error.kind() {
        ErrorKind::NotFound => (
            Exit::Config,
            "check the path, and that the disk is mounted; the folder above must exist",
        ),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            (Exit::Config, "check the path: a folder holds the objects")
        }
        ErrorKind::PermissionDenied => (
            Exit::NotPermitted,
            "let this user write and read there, or choose another folder",
        ),
        ErrorKind::ReadOnlyFilesystem => (
            Exit::Io,
            "mount the disk for writing, or choose another folder",
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Exit::Io, "make room, or choose another folder")
        }
        ErrorKind::FileTooLarge => (Exit::Io, "the file system cannot hold a file of this size"),
        ErrorKind::UnexpectedEof => (
            Exit::Io,
            "the file became shorter while it was read: run it again",
        ),
        _ => (Exit::Io, "check the disk and its file system"),
    };
    let what = format!("cannot {verb} `{}`: {error}", path.display());
    StoreError {
        kind,
        failure: Failure::new(exit, what).hint(hint).source(error),
    }
}

/// The final name is taken.
pub(super) fn exists(path: &Path) -> StoreError {
    let what = format!("`{}` exists already and is not overwritten", path.display());
    let failure =
        Failure::new(Exit::Temporary, what).hint("run it again: the next name has another time");
    StoreError {
        kind: StoreErrorKind::Exists,
        failure,
    }
}
