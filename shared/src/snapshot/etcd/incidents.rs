//! What known faults of etcd leave behind, and what an operator must know before a restore.

use std::collections::HashMap;

use super::rules;
use super::system::{Member, System};
use crate::snapshot::finding::Findings;

/// Judges everything but the keys. `revision` is that of the last record.
pub(super) fn judge(system: &System, revision: i64, findings: &mut Findings) {
    for what in &system.unreadable {
        findings.whole(&rules::SYSTEM_RECORD, format!("{what} cannot be read"));
    }
    judge_progress(system, revision, findings);
    judge_members(system, findings);
    judge_learners(system, findings);
    for alarm in &system.alarms {
        findings.whole(
            &rules::ALARM,
            format!("alarm {} of member {:x}", alarm.kind, alarm.member),
        );
    }
    if system.auth.enabled {
        findings.whole(&rules::AUTH_ENABLED, "authentication is on");
    }
    if let Some(target) = &system.downgrade {
        findings.whole(
            &rules::DOWNGRADE,
            format!("a downgrade to {target} is under way"),
        );
    }
}

fn judge_progress(system: &System, revision: i64, findings: &mut Findings) {
    let compaction = system.compaction();
    if revision < compaction {
        findings.whole(
            &rules::REVISION_BELOW_COMPACTION,
            format!("the last record is of revision {revision}, the compaction of {compaction}"),
        );
    }
    if system.compaction_pending() {
        findings.whole(
            &rules::COMPACTION_PENDING,
            format!("a compaction at {compaction} was asked for and not finished"),
        );
    }
    if system.consistent_index.unwrap_or(0) == 0 {
        findings.whole(
            &rules::CONSISTENT_INDEX,
            "no raft entry was applied, or its index is lost",
        );
    }
    if system.cluster_version.is_none() {
        findings.whole(&rules::CLUSTER_VERSION, "no cluster version");
    }
    if system.members.is_empty() {
        findings.whole(&rules::MEMBERS_NONE, "no members");
    }
}

/// Members that are there twice, or should not be there any more.
fn judge_members(system: &System, findings: &mut Findings) {
    let members = &system.members;
    let (mut names, mut urls) = (HashMap::new(), HashMap::new());
    for member in members {
        let mut twice = |what: String| {
            findings.whole(
                &rules::MEMBER_TWICE,
                format!("member {} {what}", shown(member)),
            );
        };
        if system.removed.contains(&member.id) {
            twice("is listed as removed, too".to_owned());
        }
        if let Some(other) = names.insert(&member.name, member)
            && !member.name.is_empty()
        {
            twice(format!("shares its name with {}", shown(other)));
        }
        let other = member
            .peer_urls
            .iter()
            .filter_map(|url| urls.insert(url, member))
            .find(|other| other.id != member.id);
        if let Some(other) = other {
            twice(format!("shares a peer URL with {}", shown(other)));
        }
    }
    let Some(state) = &system.conf_state else {
        return;
    };
    let known =
        |member: &&Member| state.voters.contains(&member.id) || state.learners.contains(&member.id);
    // After a restore raft's list is the old cluster's, until raft writes its own.
    if members.iter().any(|member| known(&member)) {
        for member in members.iter().filter(|member| !known(member)) {
            findings.whole(
                &rules::MEMBER_ZOMBIE,
                format!("member {} is none of raft's", shown(member)),
            );
        }
    }
}

fn judge_learners(system: &System, findings: &mut Findings) {
    for member in system.members.iter().filter(|member| member.is_learner) {
        let votes = system
            .conf_state
            .as_ref()
            .is_some_and(|state| state.voters.contains(&member.id));
        let (rule, what) = if votes {
            (&rules::LEARNER_FLAG, "votes and is listed as a learner")
        } else {
            (&rules::LEARNER, "is a learner")
        };
        findings.whole(rule, format!("member {} {what}", shown(member)));
    }
}

fn shown(member: &Member) -> String {
    let name: String = member.name.chars().take(100).collect();
    format!("{:x} `{name}`", member.id)
}
