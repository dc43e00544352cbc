//! Documents as files of a folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::manifests::Document;

/// Writes them; a file that is there with other content stays, unless `force`.
pub(super) fn write(
    folder: &Path,
    documents: &[Document],
    force: bool,
    context: &Context,
) -> Result<(), Failure> {
    let differs = |document: &&Document| {
        let there = fs::read_to_string(folder.join(&document.file));
        there.is_ok_and(|text| text != document.text())
    };
    if let Some(document) = documents.iter().find(differs).filter(|_| !force) {
        let file = folder.join(&document.file);
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is there already, and differs", file.display()),
        )
        .hint(format!(
            "replace what differs: `{}`",
            context.called.with(&["--force"])
        )));
    }
    for document in documents {
        let file = folder.join(&document.file);
        put(&file, document).map_err(|error| {
            Failure::new(
                Exit::Io,
                format!("cannot write `{}`: {error}", file.display()),
            )
            .hint("check the folder given with `--out`")
        })?;
    }
    if let Some(secret) = documents.iter().find(|document| document.secret) {
        context.ui.warn(&format!(
            "`{}` holds keys in the clear: keep it out of repositories, or seal it with `--seal-cert FILE`",
            folder.join(&secret.file).display()
        ));
    }
    let written = documents.len();
    context
        .ui
        .note(&format!("wrote {written} files to {}", folder.display()));
    Ok(())
}

fn put(file: &Path, document: &Document) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = file.with_extension("part");
    let mode = if document.secret { 0o600 } else { 0o644 };
    let mut options = fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&part)?;
    out.write_all(document.text().as_bytes())?;
    out.sync_all()?;
    fs::rename(part, file)
}
