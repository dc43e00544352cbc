//! A seekable copy of what comes from a pipe: a file without a name, readable by nobody else,
//! gone when it is closed or the program dies. Memory stays bounded, whatever comes.

use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// Bytes copied at once.
const CHUNK: usize = 1024 * 1024;

/// An empty file without a name in `folder` (none: `$TMPDIR`, or `/var/tmp`, which unlike `/tmp`
/// is never memory), for what `name` is.
///
/// # Errors
/// 74: nothing can be written there.
pub fn unlinked(name: &str, folder: Option<&Path>) -> Result<File, Failure> {
    let folder = folder.map_or_else(default_folder, Path::to_owned);
    let private = |file: File| {
        // Where files without a name exist, they get the rights that the umask leaves.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    };
    tempfile::tempfile_in(&folder)
        .and_then(private)
        .map_err(|error| unwritable(name, &folder, error))
}

fn unwritable(name: &str, folder: &Path, error: io::Error) -> Failure {
    let shown = folder.display();
    Failure::new(
        Exit::Io,
        format!("cannot spool {name} to `{shown}`: {error}"),
    )
    .hint("name a folder with enough space with `--spool-dir DIR`, or a FILE instead of stdin")
    .source(error)
}

/// Copies everything from `reader`, called `name`, into an [`unlinked`] file.
///
/// # Errors
/// 74: nothing can be written there, or `reader` fails.
pub fn spool(mut reader: impl Read, name: &str, folder: Option<&Path>) -> Result<File, Failure> {
    let folder = folder.map_or_else(default_folder, Path::to_owned);
    let mut file = unlinked(name, Some(&folder))?;
    let unwritable = |error| unwritable(name, &folder, error);
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => file.write_all(&chunk[..count]).map_err(unwritable)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(
                    Failure::new(Exit::Io, format!("cannot read {name}: {error}"))
                        .hint("look at the program in front of the pipe")
                        .source(error),
                );
            }
        }
    }
    file.rewind().map_err(unwritable)?;
    Ok(file)
}

fn default_folder() -> PathBuf {
    let persistent = || PathBuf::from("/var/tmp");
    match std::env::var_os("TMPDIR") {
        Some(folder) => PathBuf::from(folder),
        None if persistent().is_dir() => persistent(),
        None => std::env::temp_dir(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_spooled_file_has_no_name_and_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = vec![7; 3 * CHUNK + 1];
        let mut file = spool(&*bytes, "stdin", Some(folder.path())).unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.nlink(), 0);
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut back = Vec::new();
        file.read_to_end(&mut back).unwrap();
        assert_eq!(back, bytes);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let failure = spool(&b"x"[..], "stdin", Some(Path::new("/no/such"))).unwrap_err();
        assert_eq!(failure.exit, Exit::Io);
        assert!(failure.what.contains("`/no/such`"), "{}", failure.what);
    }
}
