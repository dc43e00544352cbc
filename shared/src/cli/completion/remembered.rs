//! Answers over a network, asked within a short time and remembered for a while: TAB is pressed
//! again and again.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};

use super::values::Value;

/// Longer nobody waits for a candidate.
const LIMIT: Duration = Duration::from_millis(1500);
/// How long an answer, or that there was none, is remembered.
const FRESH: Duration = Duration::from_secs(30);

/// What `work` answers about `place` within the limit; nothing when it does not.
pub(super) fn within(place: &str, work: impl Future<Output = Option<Vec<Value>>>) -> Vec<Value> {
    let file = folder().map(|folder| folder.join(name(place)));
    if let Some(known) = file.as_deref().and_then(read) {
        return known;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let asked = runtime.block_on(async { tokio::time::timeout(LIMIT, work).await });
    runtime.shutdown_background();
    let values = asked.ok().flatten().unwrap_or_default();
    if let Some(file) = file {
        // Whoever cannot remember asks again.
        let _unkept = write(&file, &values);
    }
    values
}

/// Where other programs keep what can be lost.
fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")))?;
    Some(base.join("etcdbackup").join("completion"))
}

fn name(place: &str) -> String {
    hex::encode(digest(&SHA256, place.as_bytes()))
}

fn read(file: &Path) -> Option<Vec<Value>> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    // Written in the future: by another clock.
    let age = SystemTime::now().duration_since(written).ok()?;
    if age > FRESH {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let value = |line: &str| {
        line.split_once('\t')
            .map(|(value, help)| (value.into(), help.into()))
    };
    Some(text.lines().filter_map(value).collect())
}

/// Readable by its owner only: names of clusters and buckets are nobody else's matter.
fn write(file: &Path, values: &[Value]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    for (value, help) in values {
        // A name with a line end cannot be completed anyway.
        if !value.contains(['\t', '\n']) {
            writeln!(new, "{value}\t{}", help.replace(['\t', '\n'], " "))?;
        }
    }
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_back_until_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deeper").join("x");
        let values = vec![
            ("a".to_owned(), "1m old".to_owned()),
            ("b".into(), String::new()),
        ];
        write(&file, &values).unwrap();
        assert_eq!(read(&file), Some(values));
        let old = SystemTime::now() - FRESH - Duration::from_secs(5);
        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_modified(old).unwrap();
        assert_eq!(read(&file), None);
    }
}
