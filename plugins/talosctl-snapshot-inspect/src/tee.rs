//! `check --tee`: a stage of a pipeline that proves the digest. The last 32 bytes leave only
//! with the verdict, so that whatever reads a bad stream refuses it by itself.

use std::io::{self, Read, Write};
use std::path::Path;

use etcdbackup::cli::Context;
use etcdbackup::cli::format::size;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::stream::FinishError;
use etcdbackup::snapshot::{Proven, SnapshotError, Verifier};
use serde::Serialize;

use crate::cli::Check;
use crate::output::{line, render};
use crate::work::blocking;

const CHUNK: usize = 128 * 1024;

/// What is told about a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TeeReport {
    verdict: &'static str,
    digest: &'static str,
    file_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn run(verb: Check, context: Context) -> Result<Exit, Failure> {
    if verb.input.file != "-" {
        return Err(Failure::new(
            Exit::Usage,
            "`--tee` passes stdin through, it takes no FILE",
        )
        .hint("leave `--tee` away to check a file"));
    }
    context.ui.stdin_gives_bytes()?;
    context.ui.stdout_takes_bytes()?;
    let (seen, verdict) =
        blocking(&context, || pass(io::stdin().lock(), io::stdout().lock())).await?;
    let report = match &verdict {
        Ok(proven) => TeeReport {
            verdict: "clean",
            digest: "holds",
            file_size: seen,
            sha256: Some(proven.sha256.clone()),
            error: None,
        },
        Err(refused) => TeeReport {
            verdict: "damaged",
            digest: "fails",
            file_size: seen,
            sha256: None,
            error: Some(refused.to_string()),
        },
    };
    let shown = render(verb.output, &report, |_| text(&report))?;
    match &verb.report {
        Some(path) => write(path, &shown)?,
        None => shown.lines().for_each(|line| context.ui.note(line)),
    }
    match verdict {
        Ok(_) => Ok(Exit::Done),
        Err(refused) => Err(Failure::new(
            Exit::Data,
            format!("stdin: {refused}; its end was withheld"),
        )
        .hint("what reads this refuses it too: take the snapshot again")),
    }
}

/// Bytes seen, and the verdict about them.
type Passed = (u64, Result<Proven, SnapshotError>);

fn pass(mut from: impl Read, to: impl Write) -> Result<Passed, Failure> {
    let mut verifier = Verifier::new(to);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(
                    Failure::new(Exit::Io, format!("cannot read stdin: {error}"))
                        .hint("look at the program in front of the pipe"),
                );
            }
        };
        if let Err(error) = verifier.write_all(&chunk[..count]) {
            if verifier.refusal().is_some() {
                break;
            }
            return Err(unwritable(&error));
        }
    }
    let seen = verifier.seen_bytes();
    match verifier.finish() {
        Ok((mut to, proven)) => {
            to.flush().map_err(|error| unwritable(&error))?;
            Ok((seen, Ok(proven)))
        }
        Err(FinishError::Refused(refused)) => Ok((seen, Err(refused))),
        Err(FinishError::Io(error)) => Err(unwritable(&error)),
    }
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::new(Exit::Io, format!("cannot write to stdout: {error}"))
        .hint("look at the program behind the pipe")
}

fn write(path: &Path, report: &str) -> Result<(), Failure> {
    std::fs::write(path, report).map_err(|error| {
        Failure::new(
            Exit::Io,
            format!("cannot write `{}`: {error}", path.display()),
        )
        .hint("check the path given with `--report`")
    })
}

fn text(report: &TeeReport) -> String {
    let digest = match &report.error {
        None => "holds: these are the bytes that etcd sent",
        Some(error) => error,
    };
    [
        line("Digest", digest),
        line(
            "Size",
            &format!("{} ({} bytes)", size(report.file_size), report.file_size),
        ),
        line("Verdict", report.verdict),
    ]
    .concat()
}
