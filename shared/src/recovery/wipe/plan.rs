//! Which partitions of which nodes may be wiped: a pure function of what was seen and said.
//!
//! The order of the refusals is the order of what a wrong wipe costs: the last good data first.

use std::fmt::Write as _;

use super::super::condition::Condition;
use super::super::file::FileFacts;
use super::super::known::{Known, Unknown};
use super::super::survey::{NodeSurvey, Survey};
use super::super::unseen::{PERMITTED, unseen};
use super::super::verdict::{Judgement, Verdict};
use super::Order;
use crate::failure::{Exit, Failure};
use crate::talos::{EtcdPlace, MachineType, Usage};

/// What will be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The cluster's name, as its nodes say it.
    pub cluster: String,
    /// Nodes to wipe, in order.
    pub wipe: Vec<Step>,
    /// All at once: the cluster still has a quorum, and a node that came back alone would join it
    /// again.
    pub at_once: bool,
    /// Nodes on which nothing is left to wipe.
    pub empty: Vec<String>,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The node value.
    pub node: String,
    /// For people.
    pub title: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// What is wiped.
    pub place: EtcdPlace,
    /// What is lost with it besides etcd.
    pub local_data: Vec<Usage>,
    /// Its boot before the wipe.
    pub(super) boot_id: Option<String>,
}

impl Plan {
    /// For people: what is wiped where, and what is lost with it.
    pub fn text(&self) -> String {
        let mut text = format!("cluster {}\n", self.cluster);
        for node in &self.empty {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{node}: nothing to do, it is empty");
        }
        for step in &self.wipe {
            let _ = writeln!(
                text,
                "{}: wipe {}, then reboot ({})",
                step.title,
                step.place.label(),
                step.addresses.join(", ")
            );
            for lost in &step.local_data {
                let _ = writeln!(text, "  lost with it: {} ({} bytes)", lost.path, lost.bytes);
            }
        }
        text
    }
}

/// Judges the order.
pub(super) fn plan(
    survey: &Survey,
    judgement: &Judgement,
    order: &Order<'_>,
) -> Result<Plan, Failure> {
    let mut wipe = Vec::new();
    let mut empty = Vec::new();
    let mut targets: Vec<&NodeSurvey> = Vec::new();
    for name in order.nodes {
        let node = find(survey, name)?;
        fit(node)?;
        match survey.condition(node) {
            Condition::Waiting | Condition::Empty => empty.push(node.title()),
            Condition::Unknown(unknown) => return Err(unseen(node, &unknown)),
            _ if targets.iter().any(|known| known.node == node.node) => {}
            _ => targets.push(node),
        }
    }
    if !targets.is_empty() {
        allowed(survey, judgement, order, &targets)?;
    }
    for node in targets {
        keeps_newer(survey, node, order)?;
        wipe.push(step(node, order)?);
    }
    Ok(Plan {
        cluster: survey.cluster_called()?,
        at_once: order.discard_cluster.is_some(),
        wipe,
        empty,
    })
}

fn find<'a>(survey: &'a Survey, name: &str) -> Result<&'a NodeSurvey, Failure> {
    if survey.workers.iter().any(|worker| worker == name) {
        return Err(Failure::new(
            Exit::Usage,
            format!("node {name} is a worker: no etcd is there"),
        )
        .hint("name control planes with `-n`"));
    }
    survey.called(name).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("no control plane is called {name}"))
            .hint("name some with `-n`; `talosctl-recover-check` lists them")
    })
}

fn fit(node: &NodeSurvey) -> Result<(), Failure> {
    if let Some(unknown) = node.reached.unknown() {
        return Err(unseen(node, unknown));
    }
    match &node.machine_type {
        Known::Is(MachineType::ControlPlane) => Ok(()),
        Known::Is(MachineType::Init) => Err(no(
            node,
            "is of type `init`: wiped, it makes an empty cluster by itself",
            "make it a control plane first: `talosctl edit machineconfig --mode=staged`, then reboot",
        )),
        Known::Is(_) => Err(no(
            node,
            "is no control plane",
            "name control planes with `-n`",
        )),
        Known::Unknown(unknown) => Err(unseen(node, unknown)),
    }
}

fn no(node: &NodeSurvey, what: &str, hint: &str) -> Failure {
    Failure::new(Exit::No, format!("node {} {what}", node.title())).hint(hint)
}

/// Whether the cluster is in a state in which these nodes may be wiped.
fn allowed(
    survey: &Survey,
    judgement: &Judgement,
    order: &Order<'_>,
    targets: &[&NodeSurvey],
) -> Result<(), Failure> {
    let why = judgement.reasons.join("; ");
    match judgement.verdict {
        Verdict::Unknown => {
            let exit = judgement.exit();
            let hint = match exit {
                Exit::NotPermitted => PERMITTED,
                _ => "make every control plane answer, or name those that are gone for good with `--lost`",
            };
            Err(Failure::new(exit, format!("no wipe: {why}")).hint(hint))
        }
        Verdict::Blocked => Err(Failure::new(
            Exit::No,
            format!("no wipe: the data of a majority is intact: {why}"),
        )
        .hint("repair what stops etcd: `talosctl-recover-check unrecoverable` tells what it is; with `--prove-databases` whether the data is damaged")),
        Verdict::Healthy | Verdict::Degraded => with_quorum(survey, order, targets),
        Verdict::Salvageable | Verdict::Lost | Verdict::AwaitingBootstrap => Ok(()),
    }
}

/// A cluster that works loses one member at most, and keeps its quorum without it.
fn with_quorum(survey: &Survey, order: &Order<'_>, targets: &[&NodeSurvey]) -> Result<(), Failure> {
    if let Some(name) = order.discard_cluster {
        let cluster = survey.cluster_called()?;
        if name == cluster {
            return Ok(());
        }
        return Err(Failure::new(
            Exit::Usage,
            format!("`--discard-cluster {name}` is not this cluster: it is called {cluster}"),
        )
        .hint("is it the right talosconfig context?"));
    }
    let [target] = targets else {
        return Err(Failure::new(
            Exit::No,
            "etcd has its quorum: one node is wiped at a time".to_owned(),
        )
        .hint("name one; a wrongly restored cluster is given up with `--discard-cluster NAME`"));
    };
    let members = survey.nodes.iter().find_map(|node| node.members.get());
    let voters = members.map_or(0, |members| {
        members.iter().filter(|member| !member.is_learner).count()
    });
    let others = survey
        .nodes
        .iter()
        .filter(|node| node.node != target.node)
        .filter(|node| survey.condition(node) == Condition::Voting)
        .count();
    let quorum = voters / 2 + 1;
    if voters == 0 || others < quorum {
        return Err(no(
            target,
            &format!(
                "is needed: without it {others} of {voters} members vote, and {quorum} make a quorum"
            ),
            "bring another member back first: `talosctl-recover-check` tells which",
        ));
    }
    Ok(())
}

/// A database that survives is not wiped for an older backup.
fn keeps_newer(survey: &Survey, node: &NodeSurvey, order: &Order<'_>) -> Result<(), Failure> {
    let condition = survey.condition(node);
    let damaged = condition == Condition::Damaged;
    let gives_up = order.discard_cluster.is_some()
        || order.lose_database.iter().any(|name| node.is_called(name));
    let holds = condition.has_database() || damaged;
    if !holds || gives_up || condition == Condition::Voting {
        return Ok(());
    }
    match as_new_as(node, order.facts) {
        Ok(()) => Ok(()),
        Err(_) if damaged => Err(no(
            node,
            "holds a database that is damaged, and parts of it may be of use",
            &format!(
                "save it first: `talosctl-snapshot-take --salvage -n {0}`; then give it up: `--lose-database {0}`",
                node.node
            ),
        )),
        Err(why) => Err(no(
            node,
            &format!("holds a database that may be newer than the backup: {why}"),
            &format!(
                "save it first: `talosctl-snapshot-take --salvage -n {0}`; or give it up: `--lose-database {0}`",
                node.node
            ),
        )),
    }
}

/// Whether the snapshot holds all that this etcd has applied: the same cluster's, and its index
/// is not behind. Only an etcd that runs tells.
fn as_new_as(node: &NodeSurvey, facts: &FileFacts) -> Result<(), String> {
    let Some(status) = node.status.get() else {
        return Err("its etcd does not run, and cannot tell".to_owned());
    };
    if !facts.members.iter().any(|one| one.id == status.member_id) {
        return Err("the backup does not know this member".to_owned());
    }
    match facts.applied_index {
        Some(index) if index >= status.raft_applied_index => Ok(()),
        index => Err(format!(
            "it has applied {} changes, the backup {}",
            status.raft_applied_index,
            index.unwrap_or(0)
        )),
    }
}

fn step(node: &NodeSurvey, order: &Order<'_>) -> Result<Step, Failure> {
    let place = match node.etcd_partition() {
        Known::Is(true) => EtcdPlace::OwnPartition,
        Known::Is(false) => EtcdPlace::Ephemeral,
        Known::Unknown(unknown) => return Err(unseen(node, &unknown)),
    };
    let local_data = match (place, &node.storage.local_data) {
        (EtcdPlace::OwnPartition, _) => Vec::new(),
        (EtcdPlace::Ephemeral, Known::Is(found)) => found.clone(),
        (EtcdPlace::Ephemeral, Known::Unknown(_)) if order.lose_local_data => Vec::new(),
        (EtcdPlace::Ephemeral, Known::Unknown(Unknown { reason, .. })) => {
            return Err(no(
                node,
                &format!("does not tell what else lies on EPHEMERAL: {reason}"),
                "ask with role os:admin, or give it up with `--lose-local-data`",
            ));
        }
    };
    if !local_data.is_empty() && !order.lose_local_data {
        let listed: Vec<String> = local_data
            .iter()
            .map(|one| format!("{} ({} bytes)", one.path, one.bytes))
            .collect();
        return Err(no(
            node,
            &format!("holds other data on EPHEMERAL: {}", listed.join(", ")),
            "save it, or give it up with `--lose-local-data`",
        ));
    }
    Ok(Step {
        node: node.node.clone(),
        title: node.title(),
        addresses: node.addresses.get().cloned().unwrap_or_default(),
        place,
        local_data,
        boot_id: node.boot_id.get().cloned(),
    })
}
