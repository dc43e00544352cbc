//! Whether the cluster is back, as far as Talos tells.

use super::super::finding::{Finding, about};
use super::super::known::{Unknown, Why};
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

/// What this program does not look at.
pub(super) fn kubernetes(_: &Evidence<'_>) -> Vec<Finding> {
    let look = |what: &str, hint: &str| {
        Finding::unknown(&Unknown {
            why: Why::NotAsked,
            reason: format!("{what}: not looked at, since the Kubernetes API is not asked"),
        })
        .hint(hint)
    };
    vec![
        look("nodes and their heartbeats", "`kubectl get nodes -o wide`"),
        look(
            "pods, workloads and volumes",
            "`kubectl get pods -A -o wide | grep -v Running`",
        ),
        look(
            "webhooks without endpoints, stale masterleases",
            "`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`",
        ),
        look(
            "kubelets and controllers that remember the revision from before",
            "restart the kubelets: `talosctl -n NODES service kubelet restart`",
        ),
    ]
}
