//! Someone the pod talks to, as policies of networks name it.

use std::net::IpAddr;

use serde_json::{Value, json};
use url::{Host, Url};

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    /// Several: a name that may be read in several ways.
    places: Vec<Place>,
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
        let places = match url.host()? {
            Host::Ipv4(address) => vec![Place::Address(address.into())],
            Host::Ipv6(address) => vec![Place::Address(address.into())],
            Host::Domain(name) => of_name(name, url.scheme() == "http", namespace),
        };
        Some(Self {
            places,
            port: url.port_or_known_default()?,
        })
    }

    /// A rule of Kubernetes' own policy.
    pub(super) fn kubernetes(&self) -> Value {
        let to = self.places.iter().flat_map(|place| match place {
            Place::Address(address) => vec![json!({ "ipBlock": { "cidr": block(*address) } })],
            Place::Namespace(namespace) => vec![json!({ "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": namespace },
            } })],
            Place::Name(_) => anywhere(),
        });
        json!({ "to": to.collect::<Vec<_>>(), "ports": [tcp(self.port)] })
    }

    /// Rules of Cilium's. `buckets`: it is also met under names that end with its own.
    pub(super) fn cilium(&self, buckets: bool) -> impl Iterator<Item = Value> {
        let places = self.places.iter();
        places.map(move |place| self.cilium_rule(place, buckets))
    }

    fn cilium_rule(&self, place: &Place, buckets: bool) -> Value {
        let (kind, to) = match place {
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

/// Without a dot, or with `.svc`, only the cluster's own names resolve in a pod. With one dot, and
/// without TLS, it may be a Service of another namespace as well as a name of the world; not when
/// it ends with a dot.
fn of_name(name: &str, plain: bool, namespace: &str) -> Vec<Place> {
    let whole = name.trim_end_matches('.');
    let parts: Vec<&str> = whole.split('.').collect();
    let of_namespace = |name: &str| Place::Namespace(name.to_owned());
    let outside = Place::Name(whole.to_owned());
    match parts.as_slice() {
        [_] => vec![of_namespace(namespace)],
        [_, other, "svc", ..] => vec![of_namespace(other)],
        [_, other] if plain && whole == name => vec![of_namespace(other), outside],
        _ => vec![outside],
    }
}

fn block(address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{bits}")
}

/// Every address there is.
pub(super) fn anywhere() -> Vec<Value> {
    ["0.0.0.0/0", "::/0"]
        .map(|all| json!({ "ipBlock": { "cidr": all } }))
        .into()
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
        let place = |url: &str| Peer::of(url, "own").map(|peer| (peer.places, peer.port));
        let namespace = |name: &str| vec![Place::Namespace(name.to_owned())];
        let outside = |name: &str| vec![Place::Name(name.to_owned())];
        let either = [namespace("monitoring"), outside("push.monitoring")].concat();
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
                Some((outside("hc.example.com"), 443)),
            ),
            ("http://push.monitoring:9091", Some((either, 9091))),
            ("http://example.com.", Some((outside("example.com"), 80))),
            ("https://hc-ping.com/u", Some((outside("hc-ping.com"), 443))),
            (
                "http://192.0.2.1",
                Some((vec![Place::Address([192, 0, 2, 1].into())], 80)),
            ),
            ("push:9091", None),
        ] {
            assert_eq!(place(url), wanted, "{url}");
        }
    }
}
