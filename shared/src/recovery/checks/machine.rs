//! What the machines are, and whether they take part in time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::finding::{Finding, about};
use super::super::survey::NodeSurvey;
use super::Evidence;
use crate::talos::MachineType;

/// Seconds a node's clock may differ from ours.
const SKEW: i64 = 60;
/// A certificate shall outlive a long night.
const CERTIFICATE_HOURS: i64 = 24;
/// Everything that recovery does is for admins.
const ADMIN: &str = "os:admin";

/// `init` nodes bootstrap by themselves: Talos' documentation forbids recovery with them.
pub(super) fn kind(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.machine_type, |kind| match kind {
            MachineType::ControlPlane => Finding::ok("a control plane"),
            MachineType::Init => Finding::fail("machine type init: it bootstraps by itself").hint(format!(
                "make it `controlplane`: `talosctl -n {0} edit mc --mode=staged`, then `talosctl -n {0} reboot`",
                node.node
            )),
            MachineType::Worker => Finding::fail("a worker").hint("name control planes only"),
            MachineType::Unknown => Finding::fail("it does not know yet what it is").hint("wait until it has its machine config"),
        })
    })
}

/// A node in maintenance mode has no machine config, and so no etcd.
pub(super) fn maintenance(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.machine_status, |status| match status.stage {
            "maintenance" => Finding::fail("in maintenance mode: it has no machine config").hint(format!(
                "apply its saved machine config: `talosctl -n {0} -e {0} apply-config --insecure -f FILE`",
                node.node
            )),
            // Where etcd waits, the boot has not ended.
            "booting" | "running" => Finding::ok(format!("{}, with its machine config", status.stage)),
            stage => Finding::fail(format!("it is {stage}")).hint("wait until it is done"),
        })
    })
}

/// Talos refuses Bootstrap, and etcd does not start, while the time is not in sync.
pub(super) fn time(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.time_synced, |synced| {
            if !synced {
                return Finding::fail("its clock is not in sync: etcd and Bootstrap wait for that").hint(format!(
                    "make a time server reachable: `talosctl -n {} time`, `machine.time.servers` of its machine config",
                    node.node
                ));
            }
            skew(node, evidence.survey.taken)
        })
    })
}

fn skew(node: &NodeSurvey, ours: Timestamp) -> Finding {
    let seconds = node
        .clock
        .get()
        .and_then(|clock| clock.now.get())
        .map(|now| now.as_second() - ours.as_second());
    match seconds {
        Some(seconds) if seconds.abs() > SKEW => Finding::warn(format!(
            "its clock is in sync, and {} s {} this machine's",
            seconds.abs(),
            if seconds > 0 { "ahead of" } else { "behind" }
        ))
        .hint("check the clock of this machine: certificates depend on it"),
        _ => Finding::ok("its clock is in sync"),
    }
}

/// The client certificate lasts.
pub(super) fn certificate(evidence: &Evidence<'_>) -> Vec<Finding> {
    let end = evidence.client.end;
    let left = (end.as_second() - evidence.survey.taken.as_second()) / 3600;
    vec![if left < CERTIFICATE_HOURS {
        Finding::warn(format!("the client certificate ends in {left} h, at {end}"))
            .hint("make a new one while the API answers: `talosctl config new`")
    } else {
        Finding::ok(format!(
            "the client certificate is good for {} days",
            left / 24
        ))
    }]
}

/// Bootstrap, EtcdRecover and Reset are for os:admin only.
pub(super) fn role(evidence: &Evidence<'_>) -> Vec<Finding> {
    let roles = &evidence.client.roles;
    vec![if roles.iter().any(|role| role == ADMIN) {
        Finding::ok("the client certificate has role os:admin")
    } else {
        Finding::fail(format!(
            "the client certificate has {}, and recovery needs role os:admin",
            if roles.is_empty() {
                "no role".to_owned()
            } else {
                format!("role {}", roles.join(", "))
            }
        ))
        .hint("use an admin's talosconfig, from the machine secrets: `talosctl gen config --with-secrets FILE`")
    }]
}

/// One Talos on all nodes, with an etcd that can read the snapshot.
pub(super) fn version(evidence: &Evidence<'_>) -> Vec<Finding> {
    let versions: BTreeSet<&str> = evidence
        .seen()
        .filter_map(|node| node.reached.get())
        .map(|reached| reached.version.as_str())
        .collect();
    let list: Vec<&str> = versions.iter().copied().collect();
    let mut findings = vec![match list.len() {
        0 => Finding::warn("no node told its version"),
        1 => Finding::ok(format!("Talos {} on every node that answers", list[0])),
        _ => Finding::warn(format!(
            "the nodes run different versions: {}",
            list.join(", ")
        ))
        .hint("bootstrap on a node whose etcd is as new as the snapshot's"),
    }];
    if let Some(file) = evidence.file {
        findings.extend(evidence.seen().map(|node| file.fits_etcd_of(node).on(node)));
    }
    findings
}
