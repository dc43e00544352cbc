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
                "a majority of the data is intact and etcd does not run: repair what stops it, never wipe"
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
mod tests {
    use super::super::samples::{Is, node, survey};
    use super::*;

    #[test]
    fn the_verdict_of_every_cluster() {
        use Is::*;
        use Verdict::*;
        for (nodes, verdict) in [
            (&[Voting, Voting, Voting][..], Healthy),
            (&[Voting], Healthy),
            (&[Voting, Voting, Silent], Degraded),
            (&[Voting, Voting, Is::Lost], Degraded),
            (&[Voting, Voting, Waiting], Degraded),
            (&[Voting, Voting, Stopped], Degraded),
            // One that votes proves a quorum, whoever is silent.
            (&[Voting, Silent, Silent], Degraded),
            (&[Leaderless, Leaderless, Leaderless], Blocked),
            (&[Leaderless, Stopped, Silent], Blocked),
            (&[Stopped, Stopped, Waiting], Blocked),
            (&[Stopped], Blocked),
            // The silent one could make the majority.
            (&[Leaderless, Silent, Silent], Unknown),
            (&[Leaderless, Waiting, Silent], Unknown),
            (&[Leaderless, Is::Lost, Silent], Unknown),
            (&[Leaderless, Is::Lost, Is::Lost], Salvageable),
            (&[Stopped, Waiting, Is::Lost], Salvageable),
            (&[DatabaseOnly, Waiting, Waiting], Salvageable),
            // A third of five cannot, whatever it holds.
            (&[Stopped, Waiting, Waiting, Waiting, Silent], Salvageable),
            // It could hold the last database.
            (&[Waiting, Waiting, Silent], Unknown),
            (&[Waiting, Waiting, Denied], Unknown),
            (&[Waiting, Waiting, Fragments], Unknown),
            (&[Waiting, Waiting, Unmounted], Unknown),
            (&[Waiting, Waiting, Waiting], AwaitingBootstrap),
            (&[Waiting, GaveUp, Is::Lost], AwaitingBootstrap),
            (&[Waiting, Waiting, HalfRestored], Verdict::Lost),
            (&[Is::Lost, Is::Lost, Is::Lost], Verdict::Lost),
            (&[Silent], Unknown),
            (&[], Unknown),
        ] {
            let judged = judge(&survey(nodes));
            assert_eq!(judged.verdict, verdict, "{nodes:?}: {:?}", judged.reasons);
            assert!(!judged.reasons.is_empty(), "{nodes:?}");
        }
    }

    #[test]
    fn the_exit_code_says_whether_a_backup_is_needed_and_unknown_never_does() {
        use Is::*;
        for (nodes, code) in [
            (&[Voting, Voting, Voting][..], 0_u8),
            (&[Stopped, Stopped, Waiting], 1),
            (&[Stopped, Waiting, Is::Lost], 1),
            (&[Waiting, Waiting, HalfRestored], 0),
            (&[Waiting, Waiting, Waiting], 0),
            (&[Waiting, Waiting, Silent], 69),
            (&[Waiting, Waiting, Denied], 77),
            (&[Waiting, Silent, Denied], 69),
            (&[Waiting, Waiting, Fragments], 69),
        ] {
            let expected = if nodes.contains(&Voting) { 1 } else { code };
            assert_eq!(judge(&survey(nodes)).exit().code(), expected, "{nodes:?}");
        }
    }

    #[test]
    fn a_verdict_that_wipes_needs_a_second_look() {
        use Is::*;
        let judged = |nodes: &[Is]| judge(&survey(nodes));
        let lost = [Waiting, Waiting, HalfRestored];
        let again = settle(&judged(&lost), judged(&lost));
        assert_eq!(again.verdict, Verdict::Lost);
        let differs = settle(&judged(&[Waiting, Waiting, Silent]), judged(&lost));
        assert_eq!(differs.verdict, Verdict::Unknown);
        assert_eq!(differs.exit(), Exit::Unreachable);
        // The second look alone decides where nothing is destroyed.
        let better = settle(&judged(&lost), judged(&[Voting, Voting, Voting]));
        assert_eq!(better.verdict, Verdict::Healthy);
    }

    /// cp-1 lost its quorum a moment ago, and the learner on cp-2 goes on naming a leader.
    #[test]
    fn a_leader_that_is_named_and_not_seen_is_no_quorum() {
        let mut cluster = survey(&[Is::Voting, Is::Voting, Is::Silent]);
        for node in &mut cluster.nodes {
            node.members = super::super::Known::not_asked("timed out");
            if let crate::recovery::Known::Is(status) = &mut node.status {
                status.leader = 3;
                status.is_learner = status.member_id == 2;
            }
        }
        let judged = judge(&cluster);
        assert_eq!(judged.verdict, Verdict::Unknown, "{:?}", judged.reasons);
        assert_eq!(judged.conditions[1], Condition::Learner);
        cluster.nodes[2].lost = true;
        assert_eq!(judge(&cluster).verdict, Verdict::Salvageable);
        // Two voters could agree again.
        if let crate::recovery::Known::Is(status) = &mut cluster.nodes[1].status {
            status.is_learner = false;
        }
        assert_eq!(judge(&cluster).verdict, Verdict::Blocked);
    }

    #[test]
    fn a_node_that_answers_is_not_lost_whatever_is_said() {
        let mut cluster = survey(&[Is::Stopped, Is::Waiting, Is::Waiting]);
        cluster.nodes[0].lost = true;
        assert_eq!(judge(&cluster).verdict, Verdict::Salvageable);
    }

    #[test]
    fn an_empty_directory_of_a_partition_that_is_not_mounted_proves_nothing() {
        let mut cluster = survey(&[Is::GaveUp]);
        assert_eq!(judge(&cluster).verdict, Verdict::AwaitingBootstrap);
        if let crate::recovery::Known::Is(volumes) = &mut cluster.nodes[0].storage.volumes {
            volumes[0].is_partition = true;
        }
        if let crate::recovery::Known::Is(reached) = &mut cluster.nodes[0].reached {
            reached.version = "v1.14.0".to_owned();
        }
        let judged = judge(&cluster);
        assert_eq!(judged.verdict, Verdict::Unknown);
        assert!(
            judged.reasons[1].contains("not mounted"),
            "{:?}",
            judged.reasons
        );
    }

    #[test]
    fn a_learner_an_alarm_and_a_lost_member_come_with_their_repair() {
        use crate::recovery::{Known, troubles};
        use crate::talos::{Alarm, AlarmKind};
        let mut cluster = survey(&[Is::Voting, Is::Voting, Is::Lost]);
        cluster.nodes[0].alarms = Known::Is(vec![Alarm {
            member: 2,
            kind: AlarmKind::NoSpace,
        }]);
        let commands: Vec<String> = troubles(&cluster)
            .into_iter()
            .flat_map(|trouble| trouble.commands)
            .collect();
        assert_eq!(
            commands,
            [
                "talosctl -n 10.0.0.2 etcd remove-member 0000000000000003",
                "talosctl -n 10.0.0.3 etcd defrag",
                "talosctl -n 10.0.0.3 etcd alarm disarm",
            ]
        );
        assert_eq!(judge(&cluster).verdict, Verdict::Degraded);
    }

    #[test]
    fn two_quorums_are_no_healthy_cluster() {
        let mut cluster = survey(&[Is::Voting, Is::Voting]);
        for (index, place) in cluster.nodes.iter_mut().enumerate() {
            *place = node(index, Is::Voting, 1);
            if index == 1
                && let crate::recovery::Known::Is(members) = &mut place.members
            {
                members[0].id = 2;
            }
        }
        let judged = judge(&cluster);
        assert_eq!(judged.verdict, Verdict::Degraded);
        assert!(judged.reasons[0].contains("two clusters"));
    }
}
