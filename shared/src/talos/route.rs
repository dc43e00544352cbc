//! Through which endpoints, in which order, and with which `node` value a node is asked.

use std::net::IpAddr;

/// One try: an endpoint by its place in the context, and whether it is told the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) endpoint: usize,
    /// False: the endpoint answers for itself.
    pub(super) forwarded: bool,
}

/// The order to try. The endpoint that is the node itself comes first: no hop through a second
/// node. When it is known by a name it is not told its own: endpoints resolve node values
/// themselves, and a name like `talos.default`, a load balancer's or a VIP's means nothing
/// to them.
pub(super) fn tries(hosts: &[&str], node: &str, preferred: usize) -> Vec<Try> {
    let by_name = node.parse::<IpAddr>().is_err();
    let all = (0..hosts.len()).map(|turn| (preferred + turn) % hosts.len().max(1));
    let (own, others): (Vec<usize>, Vec<usize>) = all.partition(|&index| hosts[index] == node);
    let own = own.into_iter().map(|endpoint| Try {
        endpoint,
        forwarded: !by_name,
    });
    let others = others.into_iter().map(|endpoint| Try {
        endpoint,
        forwarded: true,
    });
    own.chain(others).collect()
}

/// Whether `node` can be a node value: a host or an address, and no port (apid answers
/// `invalid target` to one).
pub(super) fn is_node_value(node: &str) -> bool {
    let host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let zone_free = node.split('%').next().unwrap_or_default();
    zone_free.parse::<IpAddr>().is_ok() || (!node.is_empty() && node.chars().all(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hosts: &[&str], node: &str, preferred: usize) -> Vec<(usize, bool)> {
        tries(hosts, node, preferred)
            .into_iter()
            .map(|one| (one.endpoint, one.forwarded))
            .collect()
    }

    #[test]
    fn the_node_itself_comes_first_then_the_endpoint_that_answered_last() {
        let hosts = ["10.0.0.2", "10.0.0.3", "10.0.0.4"];
        assert_eq!(
            shown(&hosts, "10.0.0.4", 1),
            [(2, true), (1, true), (0, true)]
        );
        assert_eq!(
            shown(&hosts, "10.0.0.9", 1),
            [(1, true), (2, true), (0, true)]
        );
        assert_eq!(shown(&[], "10.0.0.9", 3), []);
    }

    #[test]
    fn an_endpoint_known_by_name_answers_for_itself() {
        assert_eq!(shown(&["talos.default"], "talos.default", 0), [(0, false)]);
        assert_eq!(shown(&["lb", "10.0.0.3"], "lb", 1), [(0, false), (1, true)]);
    }

    #[test]
    fn a_port_is_no_part_of_a_node() {
        for node in [
            "10.0.0.2",
            "cp-1",
            "cp_1.example",
            "fd00::1",
            "fe80::1%eth0",
        ] {
            assert!(is_node_value(node), "{node}");
        }
        for node in [
            "",
            "10.0.0.2:50000",
            "[fd00::1]:50000",
            "https://cp",
            "cp 1",
            "a,b",
        ] {
            assert!(!is_node_value(node), "{node}");
        }
    }
}
