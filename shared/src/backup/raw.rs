//! A raw copy of `member/snap/db`: taken only when asked for, from a file, with the structure
//! proof.

use std::fs::File;

use super::cancel::Cancel;
use super::run;
use crate::failure::{Exit, Failure};
use crate::snapshot::bolt::Form;
use crate::snapshot::finding::Severity;
use crate::snapshot::{Checked, Digest, Sound, check};

/// Proves a file for `--raw`: by its structure, or not at all when it is a streamed snapshot
/// whose digest holds and which needs no such thing.
///
/// # Errors
/// 65: no database, damaged, or a streamed snapshot that lost its digest; 74: unreadable;
/// 130 and 143 when it was stopped.
pub async fn prove_raw(path: &str, mut cancel: Cancel) -> Result<Option<Sound>, Failure> {
    let file = File::open(path).map_err(|error| {
        Failure::new(Exit::Io, format!("cannot open `{path}`: {error}"))
            .hint("check the path given with `-f`")
    })?;
    let name = path.to_owned();
    let proven = run::spawn(move || prove(&file, &name));
    tokio::select! {
        proven = proven => proven
            .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the check stopped"))),
        stopped = run::stop(&mut cancel) => Err(stopped.failure),
    }
}

fn prove(file: &File, name: &str) -> Result<Option<Sound>, Failure> {
    let checked = check(file).map_err(|error| error.into_failure(&format!("file `{name}`")))?;
    match (checked.form, &checked.digest) {
        (Form::LostDigest, _) => Err(Failure::new(
            Exit::Data,
            format!("file `{name}` is a streamed snapshot that lost its digest, not a raw copy"),
        )
        .hint("`--raw` cannot bring the proof back: fetch the file again from where it came")),
        (Form::Streamed, Digest::Holds(_)) => Ok(None),
        _ => checked
            .sound()
            .map(Some)
            .ok_or_else(|| damaged(&checked, name)),
    }
}

fn damaged(checked: &Checked, name: &str) -> Failure {
    let findings = &checked.survey.findings;
    let count = findings.count(Severity::Damaged);
    let first = findings
        .kept()
        .iter()
        .find(|finding| finding.rule.severity == Severity::Damaged)
        .map(ToString::to_string)
        .unwrap_or_default();
    Failure::new(
        Exit::Data,
        format!("file `{name}` is damaged ({count} findings): {first}"),
    )
    .hint(format!(
        "`talosctl-snapshot-inspect check {name}` lists them; copy the file again while etcd is stopped"
    ))
}
