//! etcd as its members tell it.

use super::super::condition::Condition;
use super::super::finding::{Finding, about};
use super::super::survey::NodeSurvey;
use super::super::troubles::troubles;
use super::Evidence;

/// What each node's etcd does.
pub(super) fn service(evidence: &Evidence<'_>) -> Vec<Finding> {
    let pairs = evidence.pairs();
    pairs
        .map(|(node, condition)| one(node, condition).on(node))
        .collect()
}

fn one(node: &NodeSurvey, condition: &Condition) -> Finding {
    if let Condition::Unknown(unknown) = condition {
        return Finding::unknown(unknown).hint(format!(
            "look with `talosctl -n {} service etcd`",
            node.node
        ));
    }
    about(&node.services, |_| {
        let state = node.etcd_service().map_or_else(
            || "etcd is no service of it now".to_owned(),
            |service| format!("etcd is {}: {}", service.state, service.last_message()),
        );
        if *condition == Condition::Voting {
            Finding::ok("etcd votes")
        } else {
            Finding::fail(format!("{}; {state}", condition.words()))
        }
    })
}

/// What is to be repaired while a quorum holds; or that there is none.
pub(super) fn quorum(evidence: &Evidence<'_>) -> Vec<Finding> {
    let votes = |one: &&Condition| **one == Condition::Voting;
    let conditions = &evidence.judgement.conditions;
    let voting = conditions.iter().filter(votes).count();
    if voting == 0 {
        return vec![Finding::fail("no leader was seen")];
    }
    let troubles = troubles(evidence.survey);
    if troubles.is_empty() {
        let all = conditions.len();
        return vec![Finding::ok(format!(
            "{voting} of {all} control planes vote"
        ))];
    }
    let told = troubles.into_iter();
    told.map(|trouble| Finding::fail(trouble.what).hint(trouble.repair))
        .collect()
}

/// Alarms, which only a quorum tells.
pub(super) fn alarms(evidence: &Evidence<'_>) -> Vec<Finding> {
    let nodes = &evidence.survey.nodes;
    let finding = match nodes.iter().find_map(|node| node.alarms.get()) {
        Some(alarms) if alarms.is_empty() => Finding::ok("no alarm is raised"),
        Some(alarms) => {
            let s = if alarms.len() == 1 { "" } else { "s" };
            Finding::fail(format!("{} alarm{s} raised", alarms.len()))
                .hint("`quorum` tells each, and its repair")
        }
        None => without_quorum(evidence),
    };
    vec![finding]
}

/// A member without quorum still complains about alarms in its status.
fn without_quorum(evidence: &Evidence<'_>) -> Finding {
    let complaint = evidence.seen().find_map(|node| {
        let errors = &node.status.get()?.errors;
        let alarm = errors.iter().find(|error| error.contains("alarm:"))?;
        Some(Finding::fail(format!("etcd complains: {alarm}")).on(node))
    });
    let unknown = || {
        let reason = evidence.seen().find_map(|node| node.alarms.unknown());
        reason.map_or_else(
            || Finding::warn("nobody was there to be asked for alarms"),
            |unknown| {
                // Without a leader nobody can tell; that there is none is told elsewhere.
                if evidence.judgement.conditions.contains(&Condition::Voting) {
                    Finding::unknown(unknown)
                } else {
                    Finding::warn("alarms are not told without a quorum")
                }
            },
        )
    };
    complaint.unwrap_or_else(unknown)
}
