//! The drill: a snapshot restored into a throw-away etcd, which must then live up to what was
//! read in the file.
//!
//! Everything happens in a private folder and on loopback; etcd and folder go whatever the
//! outcome. The file itself is only read. Rules and traps: restores of etcd 3.4 and later, and
//! that a NOSPACE alarm survives a restore.

mod assertions;
mod client;
mod server;
mod tools;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::snapshot::Checked;
use crate::snapshot::bolt::Form;

pub use assertions::{Assertion, Outcome};
pub use tools::{Tools, Version};

/// What the file promises, as an offline look at it tells.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The oldest etcd that may open it.
    pub oldest: Version,
    /// The revision the restored etcd must be at.
    pub revision: i64,
    /// Where the last compaction was; -1: never.
    pub compacted: i64,
    /// HashKV at `revision`.
    pub hash_kv: u32,
    /// Keys that live at `revision`.
    pub live_keys: u64,
    /// Authentication is on: most of the drill needs root's password, which a backup has not.
    pub auth: bool,
    /// A copied database file: it has no digest that restore could check.
    pub raw: bool,
}

impl Expected {
    /// What a checked file promises.
    pub fn of(checked: &Checked) -> Self {
        let survey = &checked.survey;
        let oldest = Version::parse(&survey.system.fingerprint());
        Self {
            oldest: oldest.unwrap_or(Version { major: 3, minor: 4 }),
            revision: survey.true_revision,
            compacted: survey.hash_kv.compact_revision,
            hash_kv: survey.hash_kv.hash,
            // The record of a bumped revision has no key: no range finds it.
            live_keys: survey.live_keys - u64::from(survey.bumped),
            auth: survey.system.auth.enabled,
            raw: checked.form == Form::Raw,
        }
    }
}

/// How to drill.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The programs.
    pub tools: Tools,
    /// Folder for the private folder; none: the system's.
    pub folder: Option<PathBuf>,
    /// How long all of it may take.
    pub limit: Duration,
}

/// What a drill found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the etcd that ran.
    pub etcd: String,
    /// Each thing that was asserted, in order.
    pub assertions: Vec<Assertion>,
}

impl Report {
    /// What does not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Assertion> {
        self.assertions
            .iter()
            .filter(|assertion| assertion.outcome == Outcome::Failed)
    }
}

/// Restores `snapshot`, starts it and looks.
///
/// # Errors
/// 78: the etcd is older than the data; 65: the restore is refused; 69: etcd does not start or
/// answer; 74: no private folder; 75: over the limit. A promise that is not kept is no error:
/// it is in the report.
pub async fn drill(snapshot: &Path, expected: &Expected, plan: &Plan) -> Result<Report, Failure> {
    plan.tools.can_open(&expected.oldest)?;
    let work = run(snapshot, expected, plan);
    tokio::time::timeout(plan.limit, work)
        .await
        .unwrap_or_else(|_| {
            let what = format!("the drill took over {} s", plan.limit.as_secs());
            Err(Failure::new(Exit::Temporary, what).hint("give it more with `--drill-timeout`"))
        })
}

async fn run(snapshot: &Path, expected: &Expected, plan: &Plan) -> Result<Report, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("etcd-drill-");
    let folder = match &plan.folder {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    };
    let folder = folder.map_err(|error| {
        Failure::new(Exit::Io, format!("cannot make a private folder: {error}"))
            .hint("name a writable one with `--spool-dir`")
    })?;
    let server = server::restore_and_start(snapshot, expected, &plan.tools, folder.path()).await?;
    let assertions = assertions::all(&server, expected).await;
    server.stop().await;
    Ok(Report {
        etcd: plan.tools.version.to_string(),
        assertions,
    })
}
