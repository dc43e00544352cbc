//! The addresses that pods find the API server at. Each server writes its own into etcd, with a
//! lease of 15 s; one whose server is gone for good can stay after a restore
//! (kubernetes/kubernetes#86812), and every third request of a pod goes nowhere.

use super::super::super::finding::Finding;
use super::super::super::survey::NodeSurvey;
use super::super::Evidence;
use super::{counted, first_of, judged};

const BY_HAND: &str = "kubectl get endpointslice kubernetes -o yaml";

/// Each address is a control plane's.
pub(in super::super) fn addresses(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.api_addresses,
        BY_HAND,
        |_, addresses| {
            let own = |address: &&String| {
                let nodes = evidence.survey.nodes.iter();
                nodes
                    .filter(|node| !node.lost)
                    .any(|node| has(node, address))
            };
            let stale: Vec<&String> = addresses.iter().filter(|one| !own(one)).collect();
            vec![judge(addresses.len(), &stale)]
        },
    )
}

fn has(node: &NodeSurvey, address: &str) -> bool {
    let own = node
        .addresses
        .is_and(|own| own.iter().any(|one| one == address));
    own || node.is_called(address)
}

fn judge(all: usize, stale: &[&String]) -> Finding {
    if all == 0 {
        return Finding::fail("pods find no API server: `default/kubernetes` has no address")
            .hint(format!("wait a minute; then look with `{BY_HAND}`"));
    }
    let Some(first) = stale.first() else {
        let text = counted(all, "address");
        let text = text.replace("addresss", "addresses");
        return Finding::ok(format!(
            "pods find the API server at {text}, each a control plane's"
        ));
    };
    Finding::fail(format!(
        "pods are sent to API servers that are no control plane: {}",
        first_of(stale)
    ))
    .hint(format!(
        "it goes within a minute; if not, delete etcd's key `/registry/masterleases/{first}`"
    ))
}
