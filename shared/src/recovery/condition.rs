//! What one node's etcd is worth for the cluster, from what was seen of it.

use serde::Serialize;

use super::data::{DATA_DIRECTORY, DataState};
use super::known::{Known, Unknown, Why};
use super::survey::{NodeSurvey, Survey};
use crate::talos::{MemberStatus, Service};

/// A control plane's etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It runs, has a vote and a leader, and the leader was seen to lead.
    Voting,
    /// It runs without a vote. Nothing follows from the leader it names: a learner goes on
    /// naming one that is long gone.
    Learner,
    /// It runs and has no leader, or none that was seen.
    NoLeader,
    /// It does not run, and its data is there.
    Stopped,
    /// It does not run, and its database was read and is damaged: no etcd starts from it.
    Damaged,
    /// A database without a log that no restore explains: it may be salvaged.
    DatabaseOnly,
    /// What a refused restore left: the operator's own file, and nothing of the cluster.
    HalfRestored,
    /// Its directory is proven empty, and it waits for a bootstrap or a cluster to join.
    Waiting,
    /// Its directory is proven empty.
    Empty,
    /// It does not answer, and the operator says that it is gone for good.
    Lost,
    /// It could not be seen well enough.
    Unknown(Unknown),
}

impl Condition {
    /// Of every node, in the order of the survey. That a member names a leader is not enough: for
    /// a while after it is gone it still does.
    pub fn all(survey: &Survey) -> Vec<Self> {
        let nodes = survey.nodes.iter();
        nodes.map(|node| Self::among(node, &survey.nodes)).collect()
    }

    /// Of one node, as those looked at with it show it.
    pub fn among(node: &NodeSurvey, nodes: &[NodeSurvey]) -> Self {
        match Self::of(node) {
            Self::Voting if !quorum_was_seen(nodes) => Self::NoLeader,
            condition => condition,
        }
    }

    /// Of a node by itself.
    fn of(node: &NodeSurvey) -> Self {
        if let Known::Unknown(reason) = &node.reached {
            return if node.lost {
                Self::Lost
            } else {
                Self::Unknown(reason.clone())
            };
        }
        if let Some(status) = node.status.get() {
            let leaderless =
                status.leader == 0 || status.errors.iter().any(|one| one.contains("no leader"));
            return if status.is_learner {
                Self::Learner
            } else if leaderless {
                Self::NoLeader
            } else {
                Self::Voting
            };
        }
        if let Some(condition) = by_service(node) {
            return condition;
        }
        match &node.storage.data {
            Known::Unknown(unknown) => Self::Unknown(unknown.clone()),
            Known::Is(data) => by_data(node, data.state()),
        }
    }

    /// Whether its database and log could take part in a quorum again.
    pub fn is_intact(&self) -> bool {
        matches!(self, Self::Voting | Self::NoLeader | Self::Stopped)
    }

    /// Whether a database of the cluster survives there.
    pub fn has_database(&self) -> bool {
        self.is_intact() || matches!(self, Self::Learner | Self::DatabaseOnly)
    }

    /// For people.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Voting => "voting",
            Self::Learner => "learner, no vote",
            Self::NoLeader => "no leader",
            Self::Stopped => "stopped, data there",
            Self::Damaged => "damaged",
            Self::DatabaseOnly => "database only",
            Self::HalfRestored => "half restored",
            Self::Waiting => "waiting, empty",
            Self::Empty => "empty",
            Self::Lost => "lost",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A list of members is answered by a quorum only. Where we may not ask for it, a leader that
/// names itself is as good: without its quorum it steps down within a second or two.
fn quorum_was_seen(nodes: &[NodeSurvey]) -> bool {
    let leads = |node: &NodeSurvey| {
        let itself =
            |status: &MemberStatus| status.leader != 0 && status.leader == status.member_id;
        let denied = |unknown: &Unknown| unknown.why == Why::NotPermitted;
        node.status.is_and(itself) && node.members.unknown().is_some_and(denied)
    };
    let mut nodes = nodes.iter();
    nodes.any(|node| node.members.get().is_some() || leads(node))
}

/// Before Talos 1.11 a reader may not ask for etcd's status, but sees its service. Talos' health
/// check reads through the quorum, and fails on a learner.
fn by_service(node: &NodeSurvey) -> Option<Condition> {
    let denied = |unknown: &Unknown| unknown.why == Why::NotPermitted;
    let service = node.etcd_service().filter(|one| one.state == "Running")?;
    node.status.unknown().filter(|unknown| denied(unknown))?;
    Some(if service.healthy == Some(true) {
        Condition::Voting
    } else {
        Condition::NoLeader
    })
}

fn by_data(node: &NodeSurvey, state: DataState) -> Condition {
    let service = node.etcd_service();
    let unclear = |reason: String| {
        Condition::Unknown(Unknown {
            why: Why::Answered,
            reason: format!("{DATA_DIRECTORY} on node {}: {reason}", node.node),
        })
    };
    match state {
        DataState::Intact if node.database.is_and(|proof| proof.damage.is_some()) => {
            Condition::Damaged
        }
        DataState::Intact => Condition::Stopped,
        DataState::DatabaseOnly if service.is_some_and(restore_was_refused) => {
            Condition::HalfRestored
        }
        DataState::DatabaseOnly => Condition::DatabaseOnly,
        DataState::Fragments => unclear("it holds files, and no database".to_owned()),
        DataState::Empty => match is_mounted(node) {
            Ok(()) if service.is_some_and(waits) => Condition::Waiting,
            Ok(()) => Condition::Empty,
            Err(reason) => unclear(reason),
        },
    }
}

/// An empty directory proves nothing while the disk that holds the data is not mounted.
fn is_mounted(node: &NodeSurvey) -> Result<(), String> {
    // etcd waits for its volumes before it prepares (Talos 1.10); before, for all of /var.
    let prepared = |service: &Service| matches!(service.state.as_str(), "Preparing" | "Running");
    if node.etcd_service().is_some_and(prepared) {
        return Ok(());
    }
    let place = match node.etcd_partition() {
        Known::Is(true) => DATA_DIRECTORY,
        Known::Is(false) => "/var",
        Known::Unknown(unknown) => {
            return Err(format!(
                "it looks empty, and whether it is a partition of its own is not known: {}",
                unknown.reason
            ));
        }
    };
    match &node.storage.mounts {
        Known::Is(mounts) if mounts.iter().any(|mount| mount.at == place) => Ok(()),
        Known::Is(_) => Err(format!("it looks empty, and {place} is not mounted")),
        Known::Unknown(unknown) => Err(format!(
            "it looks empty, and whether {place} is mounted is not known: {}",
            unknown.reason
        )),
    }
}

/// Whether Bootstrap would start here: it waits, or gave up waiting (30 minutes) with nothing
/// done.
pub(super) fn waits(service: &Service) -> bool {
    service.state == "Preparing" || gave_up_joining(service)
}

/// `Failed` by the join timeout: good for Bootstrap, and must be rebooted to join.
pub(super) fn gave_up_joining(service: &Service) -> bool {
    service.state == "Failed" && service.last_message().contains("failed to build")
}

/// Whether a restore was tried and refused, in the words of etcd's own tool.
pub(super) fn restore_was_refused(service: &Service) -> bool {
    service.state == "Failed"
        && [
            "error recovering from the snapshot",
            "error verifying snapshot",
        ]
        .iter()
        .any(|words| service.last_message().contains(words))
}
