//! Where the images of a control plane come from. A wipe of EPHEMERAL removes those that are
//! there: a registry that lives in the dead cluster then keeps etcd from ever coming back.

use std::collections::BTreeSet;

use super::facts::{ConfigFacts, Mirror};
use super::inside::{Inside, host_of};

/// Where Talos has a control plane's images from, if nothing else is said.
const REGISTRIES: [&str; 2] = ["ghcr.io", "registry.k8s.io"];
/// What an image without a registry is of.
const DEFAULT: &str = "docker.io";

/// What the cluster itself serves of the ways to one registry's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The registry.
    pub registry: String,
    /// Hosts inside the cluster, and what each is.
    pub inside: Vec<(String, String)>,
    /// Hosts outside of it.
    pub outside: Vec<String>,
}

/// The registries that a control plane needs of which at least one way leads into the cluster.
pub fn ways(config: &ConfigFacts, etcd_image: Option<&str>, inside: &Inside) -> Vec<Way> {
    let needed = registries(config, etcd_image).into_iter();
    let ways = needed.map(|registry| way(registry, &config.mirrors, inside));
    ways.filter(|way| !way.inside.is_empty()).collect()
}

/// Every host that images may be asked for: those are looked up.
pub(super) fn hosts(config: &ConfigFacts, etcd_image: Option<&str>) -> BTreeSet<String> {
    let needed = registries(config, etcd_image).into_iter();
    needed
        .flat_map(|registry| asked(&registry, &config.mirrors))
        .collect()
}

fn registries(config: &ConfigFacts, etcd_image: Option<&str>) -> BTreeSet<String> {
    let named = config.images.iter().map(String::as_str).chain(etcd_image);
    let named = named.map(|image| registry_of(image).to_owned());
    named.chain(REGISTRIES.map(str::to_owned)).collect()
}

/// As containerd reads a reference: a first part with a dot or a port is a host.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DEFAULT,
    }
}

/// The hosts that are asked for a registry's images, in order.
fn asked(registry: &str, mirrors: &[Mirror]) -> Vec<String> {
    let of = |name: &str| mirrors.iter().find(|mirror| mirror.registry == name);
    let mirror = of(registry).or_else(|| of("*"));
    let endpoints = mirror.into_iter().flat_map(|mirror| &mirror.endpoints);
    let mut hosts: Vec<String> = endpoints.map(|url| host_of(url).to_owned()).collect();
    if !mirror.is_some_and(|mirror| mirror.skip_fallback) {
        hosts.push(host_of(registry).to_owned());
    }
    hosts
}

fn way(registry: String, mirrors: &[Mirror], inside: &Inside) -> Way {
    let mut way = Way {
        inside: Vec::new(),
        outside: Vec::new(),
        registry,
    };
    for host in asked(&way.registry, mirrors) {
        match inside.why(&host) {
            Some(what) => way.inside.push((host, what)),
            None => way.outside.push(host),
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{Is, survey};
    use super::*;

    fn config(images: &[&str], mirrors: &[(&str, &[&str], bool)]) -> ConfigFacts {
        let mirror = |(registry, endpoints, skip): &(&str, &[&str], bool)| Mirror {
            registry: (*registry).to_owned(),
            endpoints: endpoints.iter().map(|one| (*one).to_owned()).collect(),
            skip_fallback: *skip,
        };
        ConfigFacts {
            images: images.iter().map(|one| (*one).to_owned()).collect(),
            mirrors: mirrors.iter().map(mirror).collect(),
            endpoint: Some("https://10.0.0.9:6443".to_owned()),
            ..ConfigFacts::default()
        }
    }

    fn told(config: &ConfigFacts, etcd: Option<&str>) -> Vec<(String, usize, usize)> {
        let configs = [config.clone()];
        let inside = Inside::new(&survey(&[Is::Voting; 3]), configs.iter(), None);
        let ways = ways(config, etcd, &inside).into_iter();
        ways.map(|way| (way.registry, way.inside.len(), way.outside.len()))
            .collect()
    }

    #[test]
    fn what_comes_from_elsewhere_is_no_matter() {
        assert_eq!(told(&config(&["nginx", "lib/x:1"], &[]), None), []);
        let mirrored = config(&[], &[("docker.io", &["https://10.0.0.2:5000"], true)]);
        // Nothing of a control plane is of that registry.
        assert_eq!(told(&mirrored, Some("registry.k8s.io/etcd:v3.6.9")), []);
    }

    #[test]
    fn images_and_mirrors_inside_are_told_with_the_ways_that_are_left() {
        let image = config(&["10.0.0.9:5000/kubelet:v1"], &[]);
        assert_eq!(told(&image, None), [("10.0.0.9:5000".to_owned(), 1, 0)]);
        let etcd = told(
            &config(&[], &[]),
            Some("reg.svc.cluster.local:80/etcd:v3.6.9"),
        );
        assert_eq!(etcd, [("reg.svc.cluster.local:80".to_owned(), 1, 0)]);
        let mirror = config(
            &[],
            &[("registry.k8s.io", &["http://127.0.0.1:30500"], false)],
        );
        assert_eq!(told(&mirror, None), [("registry.k8s.io".to_owned(), 1, 1)]);
        let any = config(&[], &[("*", &["http://127.0.0.1:30500/v2"], true)]);
        assert_eq!(
            told(&any, None),
            [
                ("ghcr.io".to_owned(), 1, 0),
                ("registry.k8s.io".to_owned(), 1, 0)
            ]
        );
    }
}
