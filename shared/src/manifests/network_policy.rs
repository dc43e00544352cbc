//! What the pod may talk to, for networks that enforce it: names, the Talos API, the store.
//! Nothing may talk to it.
//!
//! Cilium does not match addresses of nodes against blocks of addresses: there the Talos API is
//! reached by what nodes are, in a policy of Cilium's own.

use serde_json::{Value, json};
use url::{Host, Url};

use super::document::Document;
use super::{Installation, names};

/// Whose policy is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkPolicy {
    /// Kubernetes' own.
    Kubernetes,
    /// Cilium's.
    Cilium,
}

/// Where Talos listens.
const TALOS_PORT: u16 = 50000;
/// Where API servers listen.
const API_PORTS: [u16; 2] = [443, 6443];

/// The policy.
pub(super) fn policy(installation: &Installation, kind: NetworkPolicy) -> Document {
    match kind {
        NetworkPolicy::Kubernetes => kubernetes(installation),
        NetworkPolicy::Cilium => cilium(installation),
    }
}

/// The store: its host, none where it follows from the bucket, and its port.
fn store(installation: &Installation) -> (Option<Host<String>>, u16) {
    let endpoint = installation.settings.s3_endpoint.as_deref();
    let url = endpoint.and_then(|endpoint| Url::parse(endpoint).ok());
    let port = url.as_ref().and_then(Url::port_or_known_default);
    let host = url.and_then(|url| Some(url.host()?.to_owned()));
    (host, port.unwrap_or(443))
}

fn kubernetes(installation: &Installation) -> Document {
    let (host, port) = store(installation);
    let tcp = |port: u16| json!({ "protocol": "TCP", "port": port });
    let anywhere =
        json!([{ "ipBlock": { "cidr": "0.0.0.0/0" } }, { "ipBlock": { "cidr": "::/0" } }]);
    let store = match host {
        Some(Host::Ipv4(address)) => json!([{ "ipBlock": { "cidr": format!("{address}/32") } }]),
        Some(Host::Ipv6(address)) => json!([{ "ipBlock": { "cidr": format!("{address}/128") } }]),
        _ => anywhere.clone(),
    };
    let mut egress = vec![
        json!({
            "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } } }],
            "ports": [{ "protocol": "UDP", "port": 53 }, tcp(53)],
        }),
        json!({ "to": anywhere, "ports": [tcp(TALOS_PORT)] }),
        json!({ "to": store, "ports": [tcp(port)] }),
    ];
    if installation.event {
        egress.push(json!({ "to": anywhere, "ports": API_PORTS.map(tcp) }));
    }
    Document::object(
        "networkpolicy.yaml",
        "DNS, the Talos API and the store; nothing comes in. Not for Cilium, which does not match\naddresses of nodes against an ipBlock: `--network-policy cilium`.",
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": names::metadata(installation, names::NAME),
            "spec": {
                "podSelector": { "matchLabels": names::pod_labels() },
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": egress,
            },
        }),
    )
}

fn cilium(installation: &Installation) -> Document {
    let to = |ports: &[u16]| {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| json!({ "port": port.to_string(), "protocol": "TCP" }))
            .collect();
        json!([{ "ports": ports }])
    };
    let mut egress = vec![
        json!({
            "toEndpoints": [{ "matchLabels": {
                "k8s:io.kubernetes.pod.namespace": "kube-system",
                "k8s-app": "kube-dns",
            } }],
            "toPorts": [{
                "ports": [{ "port": "53", "protocol": "ANY" }],
                "rules": { "dns": [{ "matchPattern": "*" }] },
            }],
        }),
        json!({
            "toEntities": ["host", "remote-node", "kube-apiserver"],
            "toPorts": to(&[TALOS_PORT]),
        }),
        cilium_store(installation, to),
    ];
    if installation.event {
        egress.push(json!({ "toEntities": ["kube-apiserver"], "toPorts": to(&API_PORTS) }));
    }
    Document::object(
        "ciliumnetworkpolicy.yaml",
        "DNS, the Talos API and the store; nothing comes in.",
        json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": names::metadata(installation, names::NAME),
            "spec": {
                "endpointSelector": { "matchLabels": names::pod_labels() },
                // An empty rule: nobody is let in.
                "ingress": [{}],
                "egress": egress,
            },
        }),
    )
}

fn cilium_store(installation: &Installation, to: impl Fn(&[u16]) -> Value) -> Value {
    let (host, port) = store(installation);
    let ports = to(&[port]);
    match host {
        Some(Host::Ipv4(address)) => {
            json!({ "toCIDR": [format!("{address}/32")], "toPorts": ports })
        }
        Some(Host::Ipv6(address)) => {
            json!({ "toCIDR": [format!("{address}/128")], "toPorts": ports })
        }
        // With and without the bucket in front of it.
        Some(Host::Domain(name)) => json!({
            "toFQDNs": [{ "matchName": name }, { "matchPattern": format!("*.{name}") }],
            "toPorts": ports,
        }),
        None => json!({
            "toFQDNs": [{ "matchPattern": "*.amazonaws.com" }, { "matchPattern": "*.*.amazonaws.com" }, { "matchPattern": "*.*.*.amazonaws.com" }],
            "toPorts": ports,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::Settings;
    use crate::manifests::samples::installation;

    fn with_endpoint(endpoint: Option<&str>) -> Installation {
        let settings = Settings {
            s3_endpoint: endpoint.map(str::to_owned),
            ..installation().settings
        };
        Installation {
            settings,
            ..installation()
        }
    }

    #[test]
    fn ciliums_policy_names_nodes_by_what_they_are() {
        for endpoint in [
            None,
            Some("https://s3.example.com"),
            Some("http://192.0.2.1:9000"),
        ] {
            let policy = policy(&with_endpoint(endpoint), NetworkPolicy::Cilium).value;
            let talos = &policy["spec"]["egress"][1];
            assert_eq!(
                talos["toEntities"],
                json!(["host", "remote-node", "kube-apiserver"])
            );
            assert!(!policy.to_string().contains("0.0.0.0/0"));
        }
    }

    #[test]
    fn the_store_is_met_at_its_port_and_at_its_address_where_there_is_one() {
        let policy =
            |endpoint| policy(&with_endpoint(Some(endpoint)), NetworkPolicy::Kubernetes).value;
        let address = policy("http://192.0.2.1:9000");
        assert_eq!(
            address["spec"]["egress"][2],
            json!({
                "to": [{ "ipBlock": { "cidr": "192.0.2.1/32" } }],
                "ports": [{ "protocol": "TCP", "port": 9000 }],
            })
        );
        let name = policy("https://s3.example.com");
        assert_eq!(name["spec"]["egress"][2]["ports"][0]["port"], 443);
        assert_eq!(name["spec"]["ingress"], json!([]));
    }
}
