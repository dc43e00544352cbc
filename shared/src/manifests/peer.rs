//! Someone the pod talks to, as policies of networks name it.

use std::net::IpAddr;

use serde_json::{Value, json};
use url::{Host, Url};

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    place: Place,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// At an address.
    Address(IpAddr),
    /// A Service of this namespace. Policies know pods, and see their ports.
    Namespace(String),
    /// Anywhere else, by its name.
    Name(String),
}

impl Peer {
    /// Of a URL, as a pod of `namespace` reads it. None: it names no host.
    pub(super) fn of(url: &str, namespace: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let place = match url.host()? {
            Host::Ipv4(address) => Place::Address(address.into()),
            Host::Ipv6(address) => Place::Address(address.into()),
            Host::Domain(name) => of_name(name.trim_end_matches('.'), namespace),
        };
        Some(Self {
            place,
            port: url.port_or_known_default()?,
        })
    }

    /// A rule of Kubernetes' own policy.
    pub(super) fn kubernetes(&self) -> Value {
        let to = match &self.place {
            Place::Address(address) => json!([{ "ipBlock": { "cidr": block(*address) } }]),
            Place::Namespace(namespace) => json!([{ "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": namespace },
            } }]),
            Place::Name(_) => anywhere(),
        };
        json!({ "to": to, "ports": [tcp(self.port)] })
    }

    /// A rule of Cilium's. `buckets`: it is also met under names that end with its own.
    pub(super) fn cilium(&self, buckets: bool) -> Value {
        let (kind, to) = match &self.place {
            Place::Address(address) => ("toCIDR", json!([block(*address)])),
            Place::Namespace(namespace) => (
                "toEndpoints",
                json!([{ "matchLabels": { "k8s:io.kubernetes.pod.namespace": namespace } }]),
            ),
            Place::Name(name) if buckets => (
                "toFQDNs",
                json!([{ "matchName": name }, { "matchPattern": format!("*.{name}") }]),
            ),
            Place::Name(name) => ("toFQDNs", json!([{ "matchName": name }])),
        };
        json!({ kind: to, "toPorts": cilium_ports(&[self.port]) })
    }
}

/// Without a dot, or with `.svc`, only the cluster's own names resolve in a pod.
fn of_name(name: &str, namespace: &str) -> Place {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [_] => Place::Namespace(namespace.to_owned()),
        [_, other, "svc", ..] => Place::Namespace((*other).to_owned()),
        _ => Place::Name(name.to_owned()),
    }
}

fn block(address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{bits}")
}

/// Every address there is.
pub(super) fn anywhere() -> Value {
    json!([{ "ipBlock": { "cidr": "0.0.0.0/0" } }, { "ipBlock": { "cidr": "::/0" } }])
}

/// A port of Kubernetes' own policy.
pub(super) fn tcp(port: u16) -> Value {
    json!({ "protocol": "TCP", "port": port })
}

/// Ports of Cilium's.
pub(super) fn cilium_ports(ports: &[u16]) -> Value {
    let ports: Vec<Value> = ports
        .iter()
        .map(|port| json!({ "port": port.to_string(), "protocol": "TCP" }))
        .collect();
    json!([{ "ports": ports }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lies_in_the_cluster_is_known_by_its_namespace() {
        let place = |url: &str| Peer::of(url, "own").map(|peer| (peer.place, peer.port));
        let namespace = |name: &str| Place::Namespace(name.to_owned());
        for (url, wanted) in [
            ("http://push:9091", Some((namespace("own"), 9091))),
            (
                "http://push.monitoring.svc:9091/x",
                Some((namespace("monitoring"), 9091)),
            ),
            (
                "http://push.monitoring.svc.cluster.local.",
                Some((namespace("monitoring"), 80)),
            ),
            (
                "https://hc.example.com/u",
                Some((Place::Name("hc.example.com".to_owned()), 443)),
            ),
            (
                "http://192.0.2.1",
                Some((Place::Address([192, 0, 2, 1].into()), 80)),
            ),
            ("push:9091", None),
        ] {
            assert_eq!(place(url), wanted, "{url}");
        }
    }
}
