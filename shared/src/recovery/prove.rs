//! Whether the databases that lie still are whole. A directory that looks intact can hold a
//! database that no etcd starts from; while nobody has read it, it counts as good data, and
//! nothing may be wiped for a backup.
//!
//! What proves the opposite is a check of every page of a copy. A copy of a file that something
//! writes to is torn and looks damaged: so it is read twice, and counts only where both copies
//! are the same.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::condition::Condition;
use super::data::DATABASE;
use super::known::{Known, Unknown, Why};
use super::survey::{NodeSurvey, Survey};
use crate::backup::{Cancel, PullTarget, TalosSource, take_unproven};
use crate::failure::{Exit, Failure};
use crate::snapshot::bolt::rules;
use crate::snapshot::finding::Severity;
use crate::snapshot::spool::unlinked;
use crate::snapshot::{Checked, check};
use crate::talos::{StreamTimeouts, Talos};

/// What a streamed snapshot must have, and a database in its place need not: a member that was
/// far behind is sent the leader's, as a stream without digest, and starts from it.
const OF_A_STREAM: [&str; 3] = [
    rules::DIGEST_LOST.name,
    rules::DIGEST_WRONG.name,
    rules::LENGTH.name,
];

/// What two equal copies of a database were found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseProof {
    /// SHA-256 of both.
    pub sha256: String,
    /// What is damaged in it, the first place; none: it is sound.
    pub damage: Option<String>,
}

/// Reads databases.
pub struct Prover<'a> {
    /// Where copies are kept meanwhile, without a name.
    pub folder: Option<&'a Path>,
    /// A stop.
    pub cancel: &'a Cancel,
    /// Hears of each node that is read.
    pub told: &'a (dyn Fn(&NodeSurvey) + Sync),
}

impl Prover<'_> {
    /// Reads the database of every node whose etcd does not run, and writes into the survey what
    /// it is worth.
    pub async fn prove(&self, talos: &Talos, survey: &mut Survey) {
        let conditions = Condition::all(survey);
        for (node, condition) in survey.nodes.iter_mut().zip(conditions) {
            if condition == Condition::Stopped {
                (self.told)(node);
                node.database = self.of(talos, node).await.unwrap_or_else(|failure| {
                    Known::Unknown(Unknown {
                        why: Why::Answered,
                        reason: failure.what,
                    })
                });
            }
        }
    }

    async fn of(&self, talos: &Talos, node: &NodeSurvey) -> Result<Known<DatabaseProof>, Failure> {
        let first = self.copy(talos, node).await?;
        let second = self.copy(talos, node).await?;
        if first.sha256 != second.sha256 {
            return Ok(Known::Unknown(Unknown {
                why: Why::Answered,
                reason: format!(
                    "the database of node {} changes while it is read: something writes to it",
                    node.node
                ),
            }));
        }
        Ok(Known::Is(second))
    }

    async fn copy(&self, talos: &Talos, node: &NodeSurvey) -> Result<DatabaseProof, Failure> {
        let name = format!("the database of node {}", node.node);
        let file = unlinked(&name, self.folder)?;
        let again = file.try_clone().map_err(|error| {
            Failure::new(Exit::Io, format!("cannot open {name} again: {error}"))
        })?;
        let target = PullTarget::Spool(again).open()?;
        let limits = StreamTimeouts::default();
        let mut source = TalosSource::file(talos, &node.node, DATABASE, limits);
        let taken = take_unproven(&mut source, target, self.cancel.clone()).await;
        taken.map_err(|error| error.failure)?.publish()?;
        spawn_blocking(move || looked_at(&file, &name))
            .await
            .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the check stopped half way")))
    }
}

fn looked_at(file: &File, name: &str) -> Result<DatabaseProof, Failure> {
    let sha256 = sha256(file)
        .map_err(|error| Failure::new(Exit::Io, format!("cannot read {name} again: {error}")))?;
    let damage = match check(file).map_err(|error| error.into_failure(name)) {
        Ok(checked) => damage(&checked),
        // It is no database at all.
        Err(failure) if failure.exit == Exit::Data => Some(failure.what),
        Err(failure) => return Err(failure),
    };
    Ok(DatabaseProof { sha256, damage })
}

/// The first place from which no etcd starts.
fn damage(checked: &Checked) -> Option<String> {
    let kept = checked.survey.findings.kept().iter();
    let mut damaged = kept
        .filter(|finding| finding.rule.severity == Severity::Damaged)
        .filter(|finding| !OF_A_STREAM.contains(&finding.rule.name));
    damaged
        .next()
        .map(|finding| format!("{}: {finding}", finding.rule.name))
}

fn sha256(mut file: &File) -> std::io::Result<String> {
    use std::io::Seek;
    file.rewind()?;
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex::encode(context.finish())),
            count => context.update(&chunk[..count]),
        }
    }
}
