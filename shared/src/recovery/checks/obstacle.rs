//! What keeps an etcd that has its data from running: repaired, it makes a restore unnecessary.

use super::super::condition::Condition;
use super::super::finding::Finding;
use super::super::survey::NodeSurvey;
use super::Evidence;

/// Free bytes below which etcd cannot write.
const LITTLE: u64 = 128 * 1024 * 1024;

/// The causes, as far as a node tells them, of each etcd that should run and does not.
pub(super) fn obstacles(evidence: &Evidence<'_>) -> Vec<Finding> {
    let stands = |condition: &Condition| {
        matches!(
            condition,
            Condition::Stopped | Condition::NoLeader | Condition::Learner
        )
    };
    // While a quorum holds, its own findings tell the repair.
    let quorum = evidence.judgement.conditions.contains(&Condition::Voting);
    let runs = |one: &Condition| matches!(one, Condition::NoLeader | Condition::Learner);
    let all_run = evidence.judgement.conditions.iter().all(runs);
    let pairs = evidence
        .pairs()
        .filter(|(_, condition)| !quorum && stands(condition));
    pairs
        .flat_map(|(node, condition)| of(node, condition, all_run))
        .collect()
}

fn of(node: &NodeSurvey, condition: &Condition, all_run: bool) -> Vec<Finding> {
    let mut found: Vec<Finding> = [disk(node), volume(node), waits_for(node), service(node)]
        .into_iter()
        .flatten()
        .collect();
    if found.is_empty() {
        found.push(no_cause(node, condition, all_run));
    }
    found.into_iter().map(|finding| finding.on(node)).collect()
}

fn disk(node: &NodeSurvey) -> Option<Finding> {
    let mounts = node.storage.mounts.get()?;
    let full = mounts.iter().find(|mount| {
        matches!(mount.at.as_str(), "/var" | "/var/lib/etcd") && mount.available < LITTLE
    })?;
    let text = format!("{} is full: {} bytes free", full.at, full.available);
    Some(Finding::fail(text).hint(format!(
        "make space: `talosctl -n {} usage /var -d 3 --humanize`",
        node.node
    )))
}

fn volume(node: &NodeSurvey) -> Option<Finding> {
    let volumes = node.storage.volumes.get()?;
    let bad = volumes.iter().find(|volume| {
        matches!(volume.id.as_str(), "EPHEMERAL" | "ETCD" | "/var/lib")
            && matches!(volume.phase, "failed" | "missing")
    })?;
    let text = format!("volume {} is {}: {}", bad.id, bad.phase, bad.error);
    Some(Finding::fail(text).hint(format!(
        "look at the disk: `talosctl -n {} get volumestatus {} -o yaml`",
        node.node, bad.id
    )))
}

/// `Waiting` names everything that is missing, in one sentence.
fn waits_for(node: &NodeSurvey) -> Option<Finding> {
    let service = node.etcd_service().filter(|one| one.state == "Waiting")?;
    let message = service.last_message();
    let missing = message.strip_prefix("Waiting for ")?;
    let hint = [
        ("time sync", "make a time server reachable"),
        (
            "network",
            "repair the network of the node: addresses, routes, host name",
        ),
        (
            "etcd spec",
            "make `advertisedSubnets` match an address of the node",
        ),
        ("volumes", "look at its disks: `talosctl get volumestatus`"),
        ("cri", "look at its containerd: `talosctl service cri`"),
    ];
    let hint = hint.iter().find(|(word, _)| missing.contains(word));
    Some(
        Finding::fail(format!("etcd waits for {missing}"))
            .hint(hint.map_or("repair that", |(_, hint)| hint)),
    )
}

fn service(node: &NodeSurvey) -> Option<Finding> {
    let service = node.etcd_service()?;
    let message = service.last_message();
    let logs = format!("`talosctl -n {} logs etcd`", node.node);
    if message.contains("pull") || message.contains("image") {
        return Some(
            Finding::fail(format!("etcd's image cannot be had: {message}"))
                .hint("make the registry reachable; one inside the dead cluster cannot serve it"),
        );
    }
    if message.contains("going to restart") {
        return Some(
            Finding::fail(format!("etcd starts and ends again: {message}"))
                .hint(format!("its log says why: {logs}")),
        );
    }
    if service.state == "Failed" {
        return Some(
            Finding::fail(format!("etcd failed: {message}"))
                .hint(format!("its log says more: {logs}")),
        );
    }
    None
}

fn no_cause(node: &NodeSurvey, condition: &Condition, all_run: bool) -> Finding {
    let ports = if all_run {
        "give them a minute; then check that ports 2379 and 2380 are open between them, and what their logs say: `talosctl logs etcd`"
    } else {
        "bring one more control plane back; check that ports 2379 and 2380 are open between them"
    };
    match condition {
        Condition::NoLeader => {
            return Finding::fail("etcd runs, and finds no quorum of members").hint(ports);
        }
        Condition::Learner => {
            return Finding::fail("etcd runs as a learner, which has no vote").hint(ports);
        }
        _ => {}
    }
    let state = node
        .etcd_service()
        .map_or("no service", |service| service.state.as_str());
    Finding::fail(format!(
        "etcd does not run ({state}), for a reason the node does not tell"
    ))
    .hint(format!("look at `talosctl -n {} logs etcd`", node.node))
}
