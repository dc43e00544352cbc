//! Whether the cluster is back, as far as Talos tells.

use super::super::finding::{Finding, about};
use super::Evidence;

/// Every service of every control plane is healthy.
pub(super) fn services(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.services, |services| {
            let sick = services.iter().find(|service| {
                service.healthy == Some(false)
                    || !matches!(service.state.as_str(), "Running" | "Finished" | "Skipped")
            });
            match sick {
                None => Finding::ok(format!("{} services run", services.len())),
                Some(service) => Finding::fail(format!(
                    "{} is {}: {}",
                    service.id,
                    service.state,
                    service.last_message()
                ))
                .hint(format!(
                    "look at `talosctl -n {} service {}`",
                    node.node, service.id
                )),
            }
        })
    })
}

/// Talos' own sum: time, network, services, static pods, and the node's readiness.
pub(super) fn machine(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.machine_status, |status| {
            let unmet: Vec<String> = status
                .unmet
                .iter()
                .map(|(name, reason)| format!("{name}: {reason}"))
                .collect();
            if status.ready && status.stage == "running" {
                return Finding::ok("running and ready: static pods and node, too");
            }
            Finding::fail(format!("{}, not ready: {}", status.stage, unmet.join("; "))).hint(
                format!(
                    "look at `talosctl -n {} get machinestatus -o yaml`",
                    node.node
                ),
            )
        })
    })
}
