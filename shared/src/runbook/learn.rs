//! What the Talos API tells, with whatever role asks.

use std::collections::BTreeSet;

use super::facts::{Machine, TalosFacts, Versions};
use crate::recovery::{Beforehand, Known, NodeSurvey, Survey, survey};
use crate::talos::{ClusterMember, MachineType, Member, Talos};

/// The role that may read a machine config.
const ADMIN: &str = "os:admin";

/// What was learned of the nodes.
pub(super) struct Learned {
    pub(super) own_name: Known<String>,
    pub(super) machines: Vec<Machine>,
    pub(super) gap: Option<String>,
    pub(super) versions: Versions,
}

/// What the talosconfig says.
pub(super) fn of_config(talos: &Talos) -> TalosFacts {
    let endpoints = 0..talos.endpoint_hosts().len();
    TalosFacts {
        context: talos.context().to_owned(),
        endpoints: endpoints
            .map(|place| talos.endpoint_shown(place).to_owned())
            .collect(),
        roles: talos.roles().to_vec(),
        certificate_end: talos.certificate_end(),
        authority: talos.authority_fingerprint().to_owned(),
    }
}

/// Without a talosconfig.
pub(super) fn nothing(reason: &str) -> Learned {
    let unknown = || Known::not_asked(reason);
    Learned {
        own_name: unknown(),
        machines: Vec::new(),
        gap: Some(reason.to_owned()),
        versions: Versions {
            talos: unknown(),
            etcd: unknown(),
            kubernetes: unknown(),
        },
    }
}

/// Asks the nodes.
pub(super) async fn of_nodes(talos: &Talos) -> Learned {
    let seen = survey(talos, &Beforehand::default()).await;
    // The role of a backup may ask etcd for its members, and nothing of Talos.
    let members = members(talos, &seen).await;
    let kubernetes = kubernetes(talos, &seen).await;
    Learned {
        own_name: own_name(&seen),
        machines: machines(&seen, &members),
        gap: (members.is_empty())
            .then(|| seen.gaps.first().cloned())
            .flatten(),
        versions: Versions {
            talos: version(&seen, "Talos", |node| {
                Some(node.reached.get()?.version.clone())
            }),
            etcd: etcd(talos, &seen).await,
            kubernetes,
        },
    }
}

fn own_name(seen: &Survey) -> Known<String> {
    seen.cluster_called()
        .map_or_else(|failure| Known::not_asked(failure.what), Known::Is)
}

async fn members(talos: &Talos, seen: &Survey) -> Vec<Member> {
    if let Some(members) = seen.nodes.iter().find_map(|node| node.members.get()) {
        return members.clone();
    }
    for host in talos.endpoint_hosts() {
        if let Ok(members) = talos.members(&host).await {
            return members.into_iter().map(Member::from).collect();
        }
    }
    Vec::new()
}

/// Everything that was seen, that discovery knows, and that etcd lists: one entry a machine.
fn machines(seen: &Survey, members: &[Member]) -> Vec<Machine> {
    let mut machines: Vec<Machine> = seen.nodes.iter().map(control_plane).collect();
    for member in members {
        add(&mut machines, listed(member));
    }
    let discovered = seen
        .nodes
        .iter()
        .find_map(|node| node.cluster_members.get())
        .map_or(&[][..], Vec::as_slice);
    for machine in discovered {
        add(&mut machines, discovered_machine(machine));
    }
    let key = |machine: &Machine| (!machine.is_control_plane, machine.name().to_owned());
    machines.sort_by_key(key);
    machines
}

fn control_plane(node: &NodeSurvey) -> Machine {
    let own = node.addresses.get().cloned().unwrap_or_default();
    let mut addresses = vec![node.node.clone()];
    addresses.extend(own.into_iter().filter(|address| *address != node.node));
    Machine {
        hostname: node.hostname.clone(),
        addresses,
        is_control_plane: true,
        talos: node.reached.get().map(|reached| reached.version.clone()),
    }
}

fn listed(member: &Member) -> Machine {
    Machine {
        hostname: Some(member.name.clone()).filter(|name| !name.is_empty()),
        addresses: member.addresses(),
        is_control_plane: true,
        talos: None,
    }
}

fn discovered_machine(machine: &ClusterMember) -> Machine {
    Machine {
        hostname: Some(machine.hostname.clone()).filter(|name| !name.is_empty()),
        addresses: machine.addresses.clone(),
        is_control_plane: machine.machine_type != MachineType::Worker,
        talos: None,
    }
}

/// A machine that is known by an address, or by its name, becomes no second one.
fn add(machines: &mut Vec<Machine>, new: Machine) {
    let addresses: BTreeSet<&String> = new.addresses.iter().collect();
    let known = machines.iter_mut().find(|known| {
        let by_address = known
            .addresses
            .iter()
            .any(|address| addresses.contains(address));
        by_address || (known.hostname.is_some() && known.hostname == new.hostname)
    });
    match known {
        Some(known) => {
            known.hostname = known.hostname.take().or(new.hostname);
            let more = new.addresses.into_iter();
            let more: Vec<String> = more
                .filter(|address| !known.addresses.contains(address))
                .collect();
            known.addresses.extend(more);
        }
        None => machines.push(new),
    }
}

/// What the nodes say of themselves: one version, or several.
fn version(seen: &Survey, of: &str, told: impl Fn(&NodeSurvey) -> Option<String>) -> Known<String> {
    let versions: BTreeSet<String> = seen.nodes.iter().filter_map(told).collect();
    if versions.is_empty() {
        let refusal = seen.nodes.iter().find_map(|node| node.reached.unknown());
        let why = refusal.map_or("no node was there to ask", |unknown| &unknown.reason);
        return Known::not_asked(format!("version of {of}: {why}"));
    }
    Known::Is(versions.into_iter().collect::<Vec<_>>().join(", "))
}

async fn etcd(talos: &Talos, seen: &Survey) -> Known<String> {
    let known = version(seen, "etcd", |node| {
        Some(node.status.get()?.etcd_version.clone())
    });
    if known.get().is_some() {
        return known;
    }
    for host in talos.endpoint_hosts() {
        if let Ok(status) = talos.status(&host).await {
            return Known::Is(status.etcd_version);
        }
    }
    known
}

/// From the image of the kubelet, which only an administrator sees.
async fn kubernetes(talos: &Talos, seen: &Survey) -> Known<String> {
    if !talos.roles().iter().any(|role| role == ADMIN) {
        return Known::not_asked("version of Kubernetes: only role os:admin may look");
    }
    let reached = seen
        .nodes
        .iter()
        .filter(|node| node.reached.get().is_some());
    for node in reached {
        if let Ok(config) = talos.machine_config(&node.node).await
            && let Some(version) = kubelet_version(&config)
        {
            return Known::Is(version);
        }
    }
    Known::not_asked("version of Kubernetes: no machine config tells it")
}

/// The tag of the kubelet's image, in whatever document it stands.
fn kubelet_version(config: &str) -> Option<String> {
    let word = config
        .split_whitespace()
        .filter_map(|word| word.split_once("/kubelet:"))
        .map(|(_, tag)| tag)
        .next()?;
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let tag: String = word.chars().take_while(|c| known(*c)).collect();
    (!tag.is_empty() && tag.len() <= 64).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_image_tells_the_version() {
        for (config, version) in [
            (
                "machine:\n  kubelet:\n    image: ghcr.io/siderolabs/kubelet:v1.36.3\n",
                Some("v1.36.3"),
            ),
            (
                "image: \"registry.local/x/kubelet:v1.35.0@sha256:00\"\n",
                Some("v1.35.0"),
            ),
            ("machine: {}\n", None),
            ("image: x/kubelet:\n", None),
        ] {
            assert_eq!(kubelet_version(config).as_deref(), version, "{config}");
        }
    }

    #[test]
    fn one_machine_under_several_names_is_one() {
        let machine = |name: Option<&str>, addresses: &[&str]| Machine {
            hostname: name.map(str::to_owned),
            addresses: addresses.iter().map(|one| (*one).to_owned()).collect(),
            is_control_plane: true,
            talos: None,
        };
        let mut all = vec![machine(None, &["10.0.0.2"])];
        add(&mut all, machine(Some("cp-1"), &["10.0.0.2", "fd00::2"]));
        add(&mut all, machine(Some("cp-1"), &["10.0.0.2"]));
        add(&mut all, machine(Some("cp-2"), &["10.0.0.3"]));
        assert_eq!(
            all,
            [
                machine(Some("cp-1"), &["10.0.0.2", "fd00::2"]),
                machine(Some("cp-2"), &["10.0.0.3"])
            ]
        );
    }
}
