//! What an assertion ends with: findings, verdict, and the next step with real names in it.

use serde::Serialize;

use super::checks::{self, Check, Evidence};
use super::condition::Condition;
use super::file::FileFacts;
use super::finding::{Finding, Severity, exit_of};
use super::known::Why;
use super::kubernetes::Kubernetes;
use super::survey::{NodeSurvey, Survey};
use super::troubles::{Trouble, troubles};
use super::unseen::PERMITTED;
use super::verdict::{Judgement, Verdict};
use crate::failure::Exit;

/// A sentence of the runbook that is true or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assertion {
    /// No sentence: what is the matter?
    Triage,
    /// etcd cannot be brought back without a backup.
    Unrecoverable,
    /// The nodes are fit for recovery.
    Nodes,
    /// Every control plane can be bootstrapped or can join.
    Preparing,
    /// This file can bring this cluster back.
    Snapshot,
    /// The cluster is back.
    Recovered,
}

impl Assertion {
    /// The sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Triage => "nothing is the matter with etcd",
            Self::Unrecoverable => "etcd cannot be brought back without a backup",
            Self::Nodes => "the nodes are fit for recovery",
            Self::Preparing => "every control plane can be bootstrapped or can join",
            Self::Snapshot => "this file can bring this cluster back",
            Self::Recovered => "the cluster is back",
        }
    }

    fn checks(self) -> &'static [Check] {
        match self {
            Self::Triage | Self::Unrecoverable => checks::UNRECOVERABLE,
            Self::Nodes => checks::NODES,
            Self::Preparing => checks::PREPARING,
            Self::Snapshot => &[],
            Self::Recovered => checks::RECOVERED,
        }
    }
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// In words.
    pub what: String,
    /// The commands, in order, with real names.
    pub commands: Vec<String>,
}

/// What an assertion ended with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    /// Which one.
    pub assertion: Assertion,
    /// Its sentence.
    pub sentence: &'static str,
    /// Whether it is true; none: not known.
    pub holds: Option<bool>,
    /// The verdict of the surveys.
    pub judgement: &'a Judgement,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// What is to be repaired while a quorum holds.
    pub troubles: Vec<Trouble>,
    /// What to do next.
    pub next: Next,
    /// The snapshot that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'a FileFacts>,
    /// Everything that was seen.
    pub survey: &'a Survey,
    /// What Kubernetes says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<&'a Kubernetes>,
    #[serde(skip)]
    exit: Exit,
}

impl<'a> Report<'a> {
    /// Of the evidence. `again` is the command line to repeat, with more behind it.
    pub fn new(
        assertion: Assertion,
        evidence: &Evidence<'a>,
        again: &dyn Fn(&[&str]) -> String,
    ) -> Self {
        let mut findings = checks::run(assertion.checks(), evidence);
        if assertion == Assertion::Snapshot
            && let Some(file) = evidence.file
        {
            findings.extend(file.findings(evidence.survey));
        }
        let judgement = evidence.judgement;
        let exit = match assertion {
            Assertion::Unrecoverable => judgement.exit(),
            Assertion::Triage => match judgement.verdict {
                // Healthy is what the members say; whatever else was not seen is not ok either.
                Verdict::Healthy => exit_of(&findings),
                Verdict::Unknown => judgement.exit(),
                _ => Exit::No,
            },
            _ => exit_of(&findings),
        };
        let about_etcd = !matches!(
            assertion,
            Assertion::Nodes | Assertion::Preparing | Assertion::Snapshot
        );
        let troubles = match judgement.verdict {
            Verdict::Degraded if about_etcd => troubles(evidence.survey),
            _ => Vec::new(),
        };
        let holds = match exit {
            Exit::Done => Some(true),
            Exit::No => Some(false),
            _ => None,
        };
        let next = match assertion {
            Assertion::Triage | Assertion::Unrecoverable => by_verdict(evidence, &troubles, again),
            _ => by_findings(assertion, holds, evidence, &findings),
        };
        Self {
            assertion,
            sentence: assertion.sentence(),
            holds,
            judgement,
            findings,
            troubles,
            next,
            file: evidence.file,
            survey: evidence.survey,
            kubernetes: evidence.kubernetes,
            exit,
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

fn step(what: impl Into<String>, commands: &[String]) -> Next {
    Next {
        what: what.into(),
        commands: commands.to_vec(),
    }
}

impl Next {
    /// An etcd that starts and ends again may have a damaged database, which only a look into it
    /// tells: then nothing is repaired by waiting.
    fn or_prove(mut self, evidence: &Evidence<'_>, again: &dyn Fn(&[&str]) -> String) -> Self {
        let ends = |node: &NodeSurvey| {
            let service = node.etcd_service();
            let restarts =
                service.is_some_and(|one| one.last_message().contains("going to restart"));
            restarts && node.database.get().is_none()
        };
        let mut stopped = nodes_that(evidence, |one| *one == Condition::Stopped);
        if stopped.any(ends) {
            self.what += "; where etcd starts and ends again the last command proves whether its database is damaged, by reading it";
            self.commands.push(again(&["--prove-databases"]));
        }
        self
    }
}

/// The name of the snapshot at hand, or a word for it.
fn file_name<'a>(evidence: &Evidence<'a>) -> &'a str {
    evidence.file.map_or("FILE", |file| &file.name)
}

fn by_verdict(
    evidence: &Evidence<'_>,
    troubles: &[Trouble],
    again: &dyn Fn(&[&str]) -> String,
) -> Next {
    let file = file_name(evidence);
    match evidence.judgement.verdict {
        Verdict::Healthy => step(
            "restore nothing; single objects come back from a backup by themselves",
            &[format!(
                "talosctl-snapshot-inspect get {file} TYPE/NAME -n NAMESPACE | kubectl apply --server-side -f -"
            )],
        ),
        Verdict::Degraded if troubles.is_empty() => step("look again", &[again(&[])]),
        Verdict::Degraded => step(
            "repair that, one thing after the other, and restore nothing; then ask again",
            &[again(&[])],
        ),
        Verdict::Blocked => {
            let stands = nodes_that(evidence, |one| {
                matches!(one, Condition::Stopped | Condition::NoLeader)
            });
            let commands: Vec<String> = stands
                .map(|node| format!("talosctl -n {} service etcd", node.node))
                .collect();
            step("repair what the obstacles name; wipe nothing", &commands)
                .or_prove(evidence, again)
        }
        Verdict::Salvageable => step(
            "save every database that survives, before anything is wiped",
            &[salvage(evidence)],
        ),
        Verdict::Lost => {
            let nodes = names(nodes_that(evidence, |one| *one != Condition::Lost));
            let wipe = format!("talosctl-recover-wipe -n {nodes} --restore-from {file}");
            let damaged = names(nodes_that(evidence, |one| *one == Condition::Damaged));
            let commands = match damaged.as_str() {
                "" => vec![wipe],
                damaged => vec![
                    salvage(evidence),
                    format!("{wipe} --prove-databases --lose-database {damaged}"),
                ],
            };
            step(
                "wipe what is left of etcd, with the backup at hand that replaces it",
                &commands,
            )
        }
        Verdict::AwaitingBootstrap => {
            let node = nodes_that(evidence, |one| *one == Condition::Waiting).next();
            let node = node.map_or("NODE", |node| &node.node);
            step(
                "bootstrap one control plane from the backup",
                &[format!("talosctl-recover-bootstrap -n {node} {file}")],
            )
        }
        Verdict::Unknown => {
            let why = |node: &NodeSurvey| node.reached.unknown().map(|unknown| unknown.why);
            let silent = nodes_that(evidence, |one| matches!(one, Condition::Unknown(_)));
            let lost: Vec<&str> = silent
                .filter(|node| why(node).is_some_and(|why| why != Why::NotPermitted))
                .flat_map(|node| ["--lost", node.node.as_str()])
                .collect();
            if !lost.is_empty() {
                return step(
                    "bring back what does not answer; only if it is gone for good:",
                    &[again(&lost)],
                );
            }
            let nodes = &evidence.survey.nodes;
            if nodes
                .iter()
                .any(|node| why(node) == Some(Why::NotPermitted))
            {
                return step(PERMITTED, &[again(&[])]);
            }
            step(
                "make visible what is unknown, then ask again",
                &[again(&[])],
            )
        }
    }
}

fn nodes_that<'e>(
    evidence: &Evidence<'e>,
    holds: impl Fn(&Condition) -> bool,
) -> impl Iterator<Item = &'e NodeSurvey> {
    let pairs = evidence
        .survey
        .nodes
        .iter()
        .zip(&evidence.judgement.conditions);
    pairs.filter_map(move |(node, condition)| holds(condition).then_some(node))
}

fn names<'a>(nodes: impl Iterator<Item = &'a NodeSurvey>) -> String {
    let names: Vec<&str> = nodes.map(|node| node.node.as_str()).collect();
    names.join(",")
}

/// Every database that is left, to files.
fn salvage(evidence: &Evidence<'_>) -> String {
    let holders = nodes_that(evidence, |one| {
        matches!(one, Condition::NoLeader | Condition::Damaged) || one.has_database()
    });
    format!("talosctl-snapshot-take --salvage -n {}", names(holders))
}

fn by_findings(
    assertion: Assertion,
    holds: Option<bool>,
    evidence: &Evidence<'_>,
    findings: &[Finding],
) -> Next {
    if holds == Some(true) {
        return after(assertion, evidence, findings);
    }
    let worst = |severity| findings.iter().find(|one| one.severity == severity);
    let first = worst(Severity::Fail).or_else(|| worst(Severity::Unknown));
    let hint = first.and_then(|finding| finding.hint.clone());
    step(
        hint.unwrap_or_else(|| "see the findings, then ask again".to_owned()),
        &[],
    )
}

/// The step of the runbook behind a sentence that is true.
fn after(assertion: Assertion, evidence: &Evidence<'_>, findings: &[Finding]) -> Next {
    let file = file_name(evidence);
    match assertion {
        Assertion::Nodes => step(
            "prove the backup",
            &[format!("talosctl-recover-check snapshot {file}")],
        ),
        Assertion::Snapshot => step(
            "ask whether it is needed at all",
            &[format!("talosctl-recover-check unrecoverable {file}")],
        ),
        Assertion::Preparing => {
            let node = nodes_that(evidence, |one| *one == Condition::Waiting).next();
            let node = node.map_or("NODE", |node| &node.node);
            step(
                "bootstrap one control plane from the backup",
                &[format!("talosctl-recover-bootstrap -n {node} {file}")],
            )
        }
        _ => back(findings),
    }
}

/// The cluster is back: what is worth knowing of it comes first, then the next backup.
fn back(findings: &[Finding]) -> Next {
    let mut worth = findings.iter().filter(|one| one.severity == Severity::Warn);
    match worth.find_map(|one| one.hint.clone()) {
        Some(hint) => step(hint, &[]),
        None => step(
            "take a backup of what is back",
            &["kubectl etcdbackup now --direct".to_owned()],
        ),
    }
}
