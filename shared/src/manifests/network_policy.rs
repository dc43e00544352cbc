//! What the pod may talk to, for networks that enforce it: names, the Talos API, the store, and
//! who is told of a run.
//! Nothing may talk to it.
//!
//! Cilium does not match addresses of nodes against blocks of addresses: there the Talos API is
//! reached by what nodes are, in a policy of Cilium's own.

use serde_json::{Value, json};

use super::document::Document;
use super::peer::{Peer, anywhere, cilium_ports, tcp};
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
/// Where AWS listens.
const HTTPS_PORT: u16 = 443;
/// Where API servers listen.
const API_PORTS: [u16; 2] = [443, 6443];

/// The policy.
pub(super) fn policy(installation: &Installation, kind: NetworkPolicy) -> Document {
    match kind {
        NetworkPolicy::Kubernetes => kubernetes(installation),
        NetworkPolicy::Cilium => cilium(installation),
    }
}

/// The store, where its host does not follow from the bucket.
fn store(installation: &Installation) -> Option<Peer> {
    let endpoint = installation.settings.s3_endpoint.as_deref()?;
    Peer::of(endpoint, &installation.namespace)
}

/// Who else is told of a run.
fn told(installation: &Installation) -> Vec<Peer> {
    let namespace = &installation.namespace;
    let gateway = installation.settings.pushgateway.as_deref();
    let gateway = gateway.and_then(|url| Peer::of(url, namespace));
    let ping = installation.ping.as_ref();
    let ping = ping.and_then(|ping| ping.peer(namespace));
    gateway.into_iter().chain(ping).collect()
}

fn kubernetes(installation: &Installation) -> Document {
    let store = store(installation).map_or_else(
        || json!({ "to": anywhere(), "ports": [tcp(HTTPS_PORT)] }),
        |store| store.kubernetes(),
    );
    let mut egress = vec![
        json!({
            "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } } }],
            "ports": [{ "protocol": "UDP", "port": 53 }, tcp(53)],
        }),
        json!({ "to": anywhere(), "ports": [tcp(TALOS_PORT)] }),
        store,
    ];
    if installation.event {
        egress.push(json!({ "to": anywhere(), "ports": API_PORTS.map(tcp) }));
    }
    egress.extend(told(installation).iter().map(Peer::kubernetes));
    Document::object(
        "networkpolicy.yaml",
        &format!(
            "{}. Not for Cilium, which does not match\naddresses of nodes against an ipBlock: `--network-policy cilium`.",
            note(installation)
        ),
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

/// What it is about.
fn note(installation: &Installation) -> &'static str {
    if told(installation).is_empty() {
        "DNS, the Talos API and the store; nothing comes in"
    } else {
        "DNS, the Talos API, the store and who is told of a run; nothing comes in"
    }
}

fn cilium(installation: &Installation) -> Document {
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
            "toPorts": cilium_ports(&[TALOS_PORT]),
        }),
    ];
    match store(installation) {
        Some(store) => egress.extend(store.cilium(true)),
        None => egress.push(aws()),
    }
    if installation.event {
        let ports = cilium_ports(&API_PORTS);
        egress.push(json!({ "toEntities": ["kube-apiserver"], "toPorts": ports }));
    }
    let told = told(installation);
    egress.extend(told.iter().flat_map(|peer| peer.cilium(false)));
    Document::object(
        "ciliumnetworkpolicy.yaml",
        &format!("{}.", note(installation)),
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

/// AWS, with region and bucket in its names.
fn aws() -> Value {
    json!({
        "toFQDNs": [{ "matchPattern": "*.amazonaws.com" }, { "matchPattern": "*.*.amazonaws.com" }, { "matchPattern": "*.*.*.amazonaws.com" }],
        "toPorts": cilium_ports(&[HTTPS_PORT]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;
    use crate::manifests::{Ping, PingUrl, Settings};

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

    #[test]
    fn who_is_told_of_a_run_can_be_reached() {
        let url = PingUrl::of_text("https://hc.example.com/planted", "x").unwrap();
        let told = Installation {
            settings: Settings {
                pushgateway: Some("http://push.monitoring.svc:9091".to_owned()),
                ..installation().settings
            },
            ping: Some(Ping { url, sealed: None }),
            ..installation()
        };
        let own = policy(&told, NetworkPolicy::Kubernetes).value;
        let egress = own["spec"]["egress"].as_array().unwrap();
        assert_eq!(egress.len(), 5);
        let gateway = &egress[3];
        let labels = &gateway["to"][0]["namespaceSelector"]["matchLabels"];
        assert_eq!(labels["kubernetes.io/metadata.name"], "monitoring");
        assert_eq!(gateway["ports"][0]["port"], 9091);
        assert_eq!(egress[4]["ports"][0]["port"], 443);
        let cilium = policy(&told, NetworkPolicy::Cilium).value;
        let egress = cilium["spec"]["egress"].as_array().unwrap();
        assert_eq!(
            egress[4]["toFQDNs"],
            json!([{ "matchName": "hc.example.com" }])
        );
        for policy in [own.to_string(), cilium.to_string()] {
            assert!(!policy.contains("planted"), "{policy}");
        }
    }
}
