//! Whether etcd can be brought back without a backup: one verdict, with its reasons, and a pure
//! function of surveys.
//!
//! The order of the questions is the order of what is lost by a wrong answer. While a quorum
//! holds nothing is restored. While a majority of data directories is intact nothing is wiped.
//! While one database survives, the backup is not the newest there is.

use serde::Serialize;

use super::condition::Condition;
use super::known::{Unknown, Why};
use super::survey::{NodeSurvey, Survey};
use super::troubles::troubles;
use crate::failure::Exit;

/// What can be said of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A quorum holds, and nothing is to be repaired.
    Healthy,
    /// A quorum holds; something is to be repaired.
    Degraded,
    /// A majority of data directories is intact, and etcd does not run: repair what stops it.
    Blocked,
    /// The quorum is lost, and a database survives.
    Salvageable,
    /// No database survives.
    Lost,
    /// No database survives, and every control plane waits for the bootstrap.
    AwaitingBootstrap,
    /// It could not be seen.
    Unknown,
}

impl Verdict {
    /// One word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Salvageable => "salvageable",
            Self::Lost => "lost",
            Self::AwaitingBootstrap => "awaiting-bootstrap",
            Self::Unknown => "unknown",
        }
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Healthy => "etcd has its quorum, and nothing is to be repaired",
            Self::Degraded => "etcd has its quorum: repair it, restore nothing",
            Self::Blocked => {
                "a majority of the data is intact and etcd does not serve: repair what stops it, never wipe"
            }
            Self::Salvageable => "the quorum is lost, and a database survives: save it first",
            Self::Lost => "no database survives: etcd comes back from a backup only",
            Self::AwaitingBootstrap => {
                "no database survives, and every control plane waits for the bootstrap"
            }
            Self::Unknown => "too little could be seen to say anything",
        }
    }

    /// Whether a second look, a minute later, must say the same: between the two a node may come
    /// back from a reboot.
    pub fn needs_second_look(self) -> bool {
        matches!(self, Self::Lost | Self::Salvageable)
    }
}

/// A verdict and what it follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// Each node of the census, in its order.
    pub conditions: Vec<Condition>,
    /// What was unknown, where the verdict is.
    #[serde(skip)]
    unknown: Vec<Why>,
}

impl Judgement {
    /// The exit code of the assertion `unrecoverable`.
    pub fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Lost | Verdict::AwaitingBootstrap => Exit::Done,
            Verdict::Healthy | Verdict::Degraded | Verdict::Blocked | Verdict::Salvageable => {
                Exit::No
            }
            Verdict::Unknown => exit_of_unknown(self.unknown.iter().copied()),
        }
    }
}

/// 77 when the only obstacle is that we may not ask, else 69.
pub(super) fn exit_of_unknown(why: impl Iterator<Item = Why>) -> Exit {
    let why: Vec<Why> = why.collect();
    let denied = why.contains(&Why::NotPermitted);
    if denied && !why.contains(&Why::Silent) {
        Exit::NotPermitted
    } else {
        Exit::Unreachable
    }
}

/// The verdict of one survey.
pub fn judge(survey: &Survey) -> Judgement {
    let conditions = Condition::all(survey);
    let seen = Seen {
        survey,
        conditions: &conditions,
    };
    let (verdict, reasons) = seen.verdict();
    let unknown = conditions.iter().filter_map(|condition| match condition {
        Condition::Unknown(unknown) => Some(unknown.why),
        _ => None,
    });
    Judgement {
        verdict,
        reasons,
        unknown: unknown.collect(),
        conditions,
    }
}

/// The verdict of two surveys, the newer last: one that needs two must be that of both.
pub fn settle(first: &Judgement, second: Judgement) -> Judgement {
    let agree =
        first.verdict == second.verdict && first.conditions.len() == second.conditions.len();
    if !second.verdict.needs_second_look() || agree {
        return second;
    }
    let differ = format!(
        "two looks differ: first {}, then {}; look again",
        first.verdict.word(),
        second.verdict.word()
    );
    Judgement {
        verdict: Verdict::Unknown,
        reasons: std::iter::once(differ).chain(second.reasons).collect(),
        unknown: vec![Why::Silent],
        ..second
    }
}

struct Seen<'a> {
    survey: &'a Survey,
    conditions: &'a [Condition],
}

impl Seen<'_> {
    fn verdict(&self) -> (Verdict, Vec<String>) {
        if self.conditions.is_empty() {
            return (
                Verdict::Unknown,
                vec!["no control plane is known".to_owned()],
            );
        }
        if self.count(|one| *one == Condition::Voting) > 0 {
            return self.with_quorum();
        }
        let all = self.conditions.len();
        let quorum = all / 2 + 1;
        let intact = self.count(Condition::is_intact);
        let unknown = self.count(|one| matches!(one, Condition::Unknown(_)));
        let databases = self.count(Condition::has_database);
        let mut reasons = vec![format!(
            "no leader was seen; {intact} of {all} hold intact data, and {quorum} make a quorum"
        )];
        reasons.extend(self.unseen());
        let verdict = if intact >= quorum {
            Verdict::Blocked
        } else if intact + unknown >= quorum || (databases == 0 && unknown > 0) {
            Verdict::Unknown
        } else if databases > 0 {
            Verdict::Salvageable
        } else if let Some(gap) = self.survey.gaps.first() {
            // One that nobody named could hold the last database.
            reasons.push(gap.clone());
            Verdict::Unknown
        } else if self.all_wait() {
            Verdict::AwaitingBootstrap
        } else {
            Verdict::Lost
        };
        (verdict, reasons)
    }

    fn with_quorum(&self) -> (Verdict, Vec<String>) {
        let troubles = troubles(self.survey);
        if troubles.is_empty() {
            let all = self.conditions.len();
            let reason = format!("all {all} control planes vote under one leader");
            return (Verdict::Healthy, vec![reason]);
        }
        let reasons = troubles.into_iter().map(|trouble| trouble.what);
        (Verdict::Degraded, reasons.collect())
    }

    /// All that are left wait; one that is lost does not count, but one must be left.
    fn all_wait(&self) -> bool {
        let left = |one: &&Condition| **one != Condition::Lost;
        let mut left = self.conditions.iter().filter(left).peekable();
        left.peek().is_some() && left.all(|one| *one == Condition::Waiting)
    }

    fn count(&self, holds: impl Fn(&Condition) -> bool) -> usize {
        self.conditions.iter().filter(|one| holds(one)).count()
    }

    fn unseen(&self) -> impl Iterator<Item = String> {
        let pairs = self.survey.nodes.iter().zip(self.conditions);
        pairs.filter_map(|(node, condition)| match condition {
            Condition::Unknown(Unknown { reason, .. }) => Some(told(node, reason)),
            _ => None,
        })
    }
}

/// A reason with the node's name, unless it is in it.
pub(super) fn told(node: &NodeSurvey, reason: &str) -> String {
    if reason.contains(&node.node) {
        reason.to_owned()
    } else {
        format!("{}: {reason}", node.title())
    }
}

#[cfg(test)]
mod tests;
