//! Reports in files: JSON, and metrics for the textfile collector of node_exporter.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::metrics::{self, Sample};
use super::model::RunReport;

/// Writes the report. A regular file is replaced whole; a device, a pipe, or the file that the
/// kubelet mounts for the termination message can only be written in place.
pub(super) fn json(path: &Path, report: &RunReport) -> Result<(), String> {
    let text = report.to_termination_message() + "\n";
    let named = |error: std::io::Error| format!("`{}`: {error}", path.display());
    replace(path, &text)
        .or_else(|_| in_place(path, &text))
        .map_err(named)
}

/// Writes the metrics, and keeps of the file what they do not tell anew.
pub(super) fn textfile(path: &Path, samples: &[Sample]) -> Result<(), String> {
    let named = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let before = fs::read_to_string(path).unwrap_or_default();
    let text = metrics::text(samples, &before);
    replace(path, &text).map_err(named)
}

/// The collector never sees half a file: another name, which it passes over, and a rename.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    if path.exists() && !is_plain {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write(&part, text).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // What could not be renamed is of no use to anyone.
        let _gone = fs::remove_file(&part);
    }
    written
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn in_place(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::metrics::tests::report;
    use super::*;

    #[test]
    fn files_are_replaced_and_what_is_no_file_is_written_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        json(&path, &report(true)).unwrap();
        json(&path, &report(false)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!RunReport::read(&text).unwrap().success);
        json(Path::new("/dev/null"), &report(true)).unwrap();
        let absent = folder.path().join("absent/report.json");
        assert!(json(&absent, &report(true)).unwrap_err().contains("absent"));
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing half is left");
    }

    #[test]
    fn a_failure_keeps_the_last_success_in_the_textfile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etcdbackup.prom");
        for success in [true, false] {
            textfile(&path, &metrics::of_run(&report(success), "prod")).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("last_success_timestamp_seconds{"), "{text}");
        assert!(text.contains("last_run_success{cluster=\"prod\"} 0"));
    }
}
