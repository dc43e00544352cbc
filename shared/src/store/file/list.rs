//! What lies in a folder: every regular file below it, in key order. Links to folders are
//! not followed: they may lead round in circles.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::trouble;
use crate::store::{Object, StoreError};

/// All objects below `folder`.
pub(super) fn objects(folder: &Path) -> Result<Vec<Object>, StoreError> {
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort_by(|left, right| left.key.cmp(&right.key));
    Ok(found)
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<Object>) -> Result<(), StoreError> {
    let failed = |error| trouble::of("list", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            tracing::warn!(path = %entry.path().display(), "skipped: the name is not UTF-8");
            continue;
        };
        let key = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            visit(&entry.path(), &format!("{key}/"), found)?;
        } else if let Some(object) = object(&entry, key).map_err(failed)? {
            found.push(object);
        }
    }
    Ok(())
}

/// The object of an entry; none for sockets and the like, and for what vanished meanwhile.
fn object(entry: &DirEntry, key: String) -> io::Result<Option<Object>> {
    let metadata = match fs::metadata(entry.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| jiff::Timestamp::try_from(time).ok());
    Ok(metadata.is_file().then_some(Object {
        key,
        size: metadata.len(),
        modified,
    }))
}
