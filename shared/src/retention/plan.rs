//! What happens to each snapshot of one cluster. Pure: names, times and what was found out about
//! them go in, decisions come out.

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::reasons::{Guard, Reasons};

/// How many of the newest stay while nothing shows that any of them is good.
pub const MIN_KEEP: usize = 7;

/// What holds beside the policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Safety {
    /// How many of the newest stay in any case; none: [`MIN_KEEP`] while nothing is verified.
    pub min_keep: Option<usize>,
    /// How often there is a backup; none: learned from the list.
    pub interval: Option<SignedDuration>,
    /// How many may go at most.
    pub max_delete: Option<usize>,
}

/// What was found out about the snapshots of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Which of them is the newest that was verified and found good.
    pub verified: Option<usize>,
    /// Why the newest is not to be trusted.
    pub doubt: Option<String>,
}

/// The decisions about one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the snapshots; without a reason it goes.
    pub reasons: Vec<Reasons>,
    /// Why nothing at all goes.
    pub refused: Option<String>,
    /// How often there is a backup: given, or learned.
    pub interval: Option<SignedDuration>,
}

impl Plan {
    /// How many go.
    pub fn deletes(&self) -> usize {
        self.reasons
            .iter()
            .filter(|reasons| !reasons.keep())
            .count()
    }

    fn refuse(&mut self, guard: Guard, why: String) {
        self.refused = Some(why);
        self.reasons
            .iter_mut()
            .for_each(|reasons| reasons.guard(guard));
    }
}

/// Decides about the snapshots taken at `times` (milliseconds, the newest first).
pub fn plan(
    times: &[i64],
    policy: &Policy,
    safety: &Safety,
    findings: &Findings,
    now: Timestamp,
) -> Plan {
    let interval = safety.interval.or_else(|| usual_distance(times));
    let mut plan = Plan {
        reasons: policy.apply(times),
        refused: None,
        interval,
    };
    let min_keep = match (safety.min_keep, findings.verified) {
        (Some(asked), _) => asked,
        (None, None) => MIN_KEEP,
        (None, Some(_)) => 0,
    };
    for reasons in plan.reasons.iter_mut().take(min_keep) {
        reasons.guard(Guard::MinKeep);
    }
    if let Some(reasons) = findings.verified.and_then(|at| plan.reasons.get_mut(at)) {
        reasons.guard(Guard::NewestVerified);
    }
    let deletes = plan.deletes();
    if let Some(why) = times
        .first()
        .and_then(|newest| stopped(*newest, interval, now))
    {
        plan.refuse(Guard::Stopped, why);
    } else if let Some(doubt) = &findings.doubt {
        plan.refuse(Guard::Doubtful, doubt.clone());
    } else if let Some(most) = safety.max_delete.filter(|most| deletes > *most) {
        let why = format!("{deletes} would be deleted, more than `--max-delete {most}`");
        plan.refuse(Guard::MaxDelete, why);
    }
    plan
}

/// No schedule is learned that is closer: a few backups by hand, minutes apart, are none.
const CLOSEST: SignedDuration = SignedDuration::from_hours(1);

/// The median distance of neighbours; none: there are not two.
fn usual_distance(times: &[i64]) -> Option<SignedDuration> {
    let mut distances: Vec<i64> = times
        .windows(2)
        .map(|pair| pair[0].saturating_sub(pair[1]))
        // Copies of one snapshot under two names are one backup.
        .filter(|distance| *distance > 0)
        .collect();
    if distances.is_empty() {
        return None;
    }
    let middle = distances.len() / 2;
    let (_, median, _) = distances.select_nth_unstable(middle);
    Some(SignedDuration::from_millis(*median).max(CLOSEST))
}

/// Whether backups stopped: deleting now would leave less and less of what cannot be made again.
fn stopped(newest: i64, interval: Option<SignedDuration>, now: Timestamp) -> Option<String> {
    let interval = interval?;
    let age = now.as_millisecond().saturating_sub(newest);
    let limit = interval.as_millis().saturating_mul(2);
    (i128::from(age) > limit).then(|| {
        format!(
            "the newest is {} old, more than two intervals of {}: backups seem to have stopped",
            super::span(age),
            super::span(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)),
        )
    })
}
