//! What the cluster itself serves: a registry behind it gives no image while it is dead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use super::super::survey::Survey;
use super::facts::ConfigFacts;
use super::served::Served;

/// Talos' own subnets and domain, where a machine config sets none.
const SUBNETS: [&str; 2] = ["10.244.0.0/16", "10.96.0.0/12"];
const DOMAIN: &str = "cluster.local";

/// Names and addresses that are the cluster's own, and what each of them is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inside {
    names: BTreeMap<String, String>,
    addresses: BTreeMap<IpAddr, String>,
    subnets: BTreeSet<String>,
    domains: BTreeSet<String>,
    /// The addresses of names that images come from.
    resolved: BTreeMap<String, BTreeSet<IpAddr>>,
}

impl Inside {
    /// Of everything that was seen.
    pub fn new<'a>(
        survey: &Survey,
        configs: impl Iterator<Item = &'a ConfigFacts>,
        served: Option<&Served>,
    ) -> Self {
        let mut inside = Self::default();
        for node in &survey.nodes {
            let what = format!("control plane {}", node.title());
            inside.add_all(node.known_as.iter().chain(&node.hostname), &what);
        }
        for node in &survey.nodes {
            for member in node.cluster_members.get().into_iter().flatten() {
                let what = format!("node {}", member.hostname);
                inside.add_all(member.addresses.iter().chain([&member.hostname]), &what);
            }
        }
        for config in configs {
            if let Some(endpoint) = &config.endpoint {
                inside.add(host_of(endpoint), "the cluster's endpoint");
            }
            inside.subnets.extend(config.subnets.iter().cloned());
            if !config.dns_domain.is_empty() {
                inside.domains.insert(config.dns_domain.clone());
            }
        }
        if inside.subnets.is_empty() {
            inside.subnets.extend(SUBNETS.map(str::to_owned));
        }
        inside.domains.insert(DOMAIN.to_owned());
        for (name, what) in served.into_iter().flat_map(|served| &served.names) {
            inside.add(name, what);
        }
        inside
    }

    fn add_all<'n>(&mut self, names: impl Iterator<Item = &'n String>, what: &str) {
        names.for_each(|name| self.add(name, what));
    }

    /// The first that is told of a name stands.
    fn add(&mut self, name: &str, what: &str) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            self.addresses
                .entry(address)
                .or_insert_with(|| what.to_owned());
        } else if !name.is_empty() {
            self.names.entry(name).or_insert_with(|| what.to_owned());
        }
    }

    /// A name was looked up: these are its addresses.
    pub fn resolve(&mut self, name: &str, addresses: BTreeSet<IpAddr>) {
        self.resolved.insert(name.to_owned(), addresses);
    }

    /// Why a host is inside the cluster; none: it is not, as far as is known.
    pub fn why(&self, host: &str) -> Option<String> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.address(address);
        }
        if let Some(what) = self.name(&host) {
            return Some(what);
        }
        let addresses = self.resolved.get(&host)?.iter();
        let mut inside = addresses.filter_map(|address| {
            let what = self.address(*address)?;
            Some(format!("{address}, {what}"))
        });
        inside.next()
    }

    fn name(&self, host: &str) -> Option<String> {
        if host == "localhost" {
            return Some("the node itself".to_owned());
        }
        let service = |domain: &String| host.ends_with(&format!(".svc.{domain}"));
        if host.ends_with(".svc") || self.domains.iter().any(service) {
            return Some("a Service of the cluster".to_owned());
        }
        let wildcard = self.names.iter().find(|(name, _)| {
            let rest = name.strip_prefix("*.");
            rest.is_some_and(|rest| host.ends_with(&format!(".{rest}")))
        });
        let found = self.names.get(host).or(wildcard.map(|(_, what)| what));
        found.cloned()
    }

    fn address(&self, address: IpAddr) -> Option<String> {
        if let Some(what) = self.addresses.get(&address) {
            return Some(what.clone());
        }
        if address.is_loopback() {
            return Some("the node itself".to_owned());
        }
        let within = self.subnets.iter().find(|subnet| contains(subnet, address));
        within.map(|subnet| format!("in {subnet}, of the cluster's pods or services"))
    }
}

/// The host of a URL, or of what has no scheme.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None if place.matches(':').count() > 1 => place,
        None => place.split(':').next().unwrap_or_default(),
    }
}

fn contains(subnet: &str, address: IpAddr) -> bool {
    let Some((network, bits)) = subnet.split_once('/') else {
        return false;
    };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let same = |network: u128, address: u128, all: u32| {
        let shift = all.saturating_sub(bits);
        network.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => same(
            u128::from(network.to_bits()),
            u128::from(address.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            same(network.to_bits(), address.to_bits(), 128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{Is, survey};
    use super::*;

    #[test]
    fn hosts_are_found_in_urls_and_without_one() {
        for (url, host) in [
            ("https://10.0.0.5:6443", "10.0.0.5"),
            ("https://reg.lan/v2/hub", "reg.lan"),
            ("http://user:pass@reg.lan:5000", "reg.lan"),
            ("https://[fd00::1]:5000/x", "fd00::1"),
            ("fd00::1", "fd00::1"),
            ("reg.lan:5000", "reg.lan"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn subnets_are_of_both_families() {
        for (subnet, address, within) in [
            ("10.96.0.0/12", "10.111.255.255", true),
            ("10.96.0.0/12", "10.112.0.0", false),
            ("fd00:1::/32", "fd00:1:ffff::1", true),
            ("fd00:1::/32", "10.0.0.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("nothing", "8.8.8.8", false),
            ("10.0.0.1/99", "10.0.0.1", true),
        ] {
            assert_eq!(
                contains(subnet, address.parse().unwrap()),
                within,
                "{subnet} {address}"
            );
        }
    }

    #[test]
    fn the_clusters_own_is_known_by_address_by_name_and_by_lookup() {
        let config = ConfigFacts {
            endpoint: Some("https://api.prod.lan:6443".to_owned()),
            dns_domain: "prod.internal".to_owned(),
            ..ConfigFacts::default()
        };
        let served = Served {
            names: BTreeMap::from([
                (
                    "registry.prod.lan".to_owned(),
                    "ingress harbor/registry".to_owned(),
                ),
                ("*.apps.prod.lan".to_owned(), "ingress web/all".to_owned()),
                ("10.0.9.9".to_owned(), "service harbor/registry".to_owned()),
            ]),
        };
        let configs = [config];
        let mut inside = Inside::new(&survey(&[Is::Voting; 3]), configs.iter(), Some(&served));
        inside.resolve("far.lan", BTreeSet::from(["192.0.2.1".parse().unwrap()]));
        inside.resolve("near.lan", BTreeSet::from(["10.0.9.9".parse().unwrap()]));
        for (host, word) in [
            ("10.0.0.3", "control plane"),
            ("API.prod.lan", "endpoint"),
            ("10.96.0.10", "10.96.0.0/12"),
            ("registry.harbor.svc", "Service"),
            ("registry.harbor.svc.prod.internal", "Service"),
            ("127.0.0.1", "node itself"),
            ("localhost", "node itself"),
            ("registry.prod.lan", "ingress harbor/registry"),
            ("x.apps.prod.lan", "ingress web/all"),
            ("near.lan", "10.0.9.9, service harbor/registry"),
        ] {
            let why = inside.why(host).unwrap_or_default();
            assert!(why.contains(word), "{host}: {why}");
        }
        for host in [
            "ghcr.io",
            "far.lan",
            "192.0.2.1",
            "svc.example.com",
            "apps.prod.lan",
        ] {
            assert_eq!(inside.why(host), None, "{host}");
        }
    }
}
