//! The way to the nodes, and the addresses they use among themselves.

use super::super::finding::{Finding, about};
use super::super::known::Known;
use super::super::survey::{EndpointSurvey, NodeSurvey};
use super::Evidence;
use crate::talos::MachineType;

/// Recovery goes through control planes of their own address: a worker forwards nothing, and a
/// virtual address needs the etcd that is to be recovered.
pub(super) fn endpoints(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.survey.endpoints.iter().map(one).collect()
}

fn one(endpoint: &EndpointSurvey) -> Finding {
    let shown = &endpoint.endpoint;
    match (&endpoint.machine_type, &endpoint.own_address) {
        (Known::Is(MachineType::Worker), _) => Finding::fail(format!(
            "endpoint {shown} is a worker: it forwards no requests"
        ))
        .hint("use control planes as endpoints: `-e HOST`"),
        (Known::Is(_), Known::Is(false)) => Finding::warn(format!(
            "endpoint {shown} is a shared address (VIP, load balancer)"
        ))
        .hint("a VIP needs etcd: use the control planes' own addresses with `-e`"),
        (Known::Is(_), Known::Is(true)) => {
            Finding::ok(format!("endpoint {shown} is a control plane"))
        }
        (Known::Is(_), Known::Unknown(_)) => Finding::warn(format!(
            "endpoint {shown} is a control plane; whether the address is its own is not known"
        ))
        .hint("use the control planes' own addresses with `-e`"),
        // The nodes behind it are asked through the others.
        (Known::Unknown(unknown), _) => Finding::warn(format!(
            "endpoint {shown} does not answer: {}",
            unknown.reason
        ))
        .hint("leave it out with `-e`"),
    }
}

/// etcd advertises one address, which is the node's. Several broke restores until Talos 1.11
/// (siderolabs/talos#11257), and none leaves etcd waiting for its spec (siderolabs/talos#8955).
pub(super) fn addresses(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| about(&node.etcd_config, |config| judged(node, &config.advertised)))
}

fn judged(node: &NodeSurvey, advertised: &[String]) -> Finding {
    let list = advertised.join(", ");
    let own = node.addresses.get();
    let foreign = own.is_some_and(|own| advertised.iter().any(|one| !own.contains(one)));
    let broken = node.reached.is_and(|reached| reached.is_before(1, 11));
    match advertised {
        [] => Finding::fail("etcd has no address to advertise").hint(
            "make `cluster.etcd.advertisedSubnets` of the machine config match an address of the node",
        ),
        [_, _, ..] if broken => {
            Finding::warn(format!("etcd advertises several addresses: {list}"))
                .hint("Talos before 1.11 may refuse the restore: narrow `advertisedSubnets` to one")
        }
        _ if foreign => Finding::fail(format!("etcd advertises {list}, which the node does not have"))
            .hint("the address moved: correct the machine config of every control plane"),
        _ => Finding::ok(format!("etcd advertises {list}")),
    }
}
