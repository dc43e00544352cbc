//! SHA-256 of archives, and the file that lists them as `sha256sum --check` reads it.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Failure, files, read, write};

/// The file beside the archives.
const SUMS: &str = "SHA256SUMS";

/// Of a file, in lower-case hexadecimal digits: krew refuses others.
pub(crate) fn sha256(path: &Path) -> Result<String, Failure> {
    Ok(hex::encode(digest(&SHA256, &read(path)?)))
}

/// Lists every archive of the folder.
pub(crate) fn write_sums(out: &Path) -> Result<(), Failure> {
    let archives = files(out)?.into_iter().filter(|path| is_archive(path));
    let lines: Result<String, Failure> = archives
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok(format!("{}  {name}\n", sha256(&path)?))
        })
        .collect();
    write(&out.join(SUMS), lines?.as_bytes())
}

pub(crate) fn is_archive(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".tar.gz")
}
