//! Who the control planes are: the union of everything that knows one.
//!
//! Names are merged only where they surely mean one machine: the same address, or a name without
//! any address. Two machines with one host name (a replaced node) stay two, since the older one
//! may still hold the data.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::survey::{NodeSurvey, Source};
use crate::talos::{ClusterMember, MachineType, Member};

/// A control plane that something knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Host name, where it is known.
    pub hostname: Option<String>,
    /// Addresses and names to ask it by, the best first.
    pub names: Vec<String>,
    /// Where it is known from.
    pub sources: BTreeSet<Source>,
}

impl Candidate {
    fn new(source: Source, hostname: Option<&str>, names: Vec<String>) -> Self {
        Self {
            hostname: hostname.filter(|name| !name.is_empty()).map(str::to_owned),
            names,
            sources: BTreeSet::from([source]),
        }
    }

    /// The name to ask by.
    fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }
}

/// The control planes met so far.
#[derive(Debug, Clone, Default)]
pub struct Census {
    candidates: Vec<Candidate>,
    /// Addresses of machines that are workers.
    workers: BTreeSet<String>,
}

impl Census {
    /// A name that was typed or configured.
    pub fn add_name(&mut self, source: Source, name: &str) {
        self.add(Candidate::new(source, None, vec![name.to_owned()]));
    }

    /// Members as etcd lists them, or as a snapshot has them.
    pub fn add_members(&mut self, source: Source, members: &[Member]) {
        for member in members {
            let names = member.addresses();
            let hostname = Some(member.name.as_str());
            self.add(Candidate::new(source, hostname, names));
        }
    }

    /// Machines as Talos' discovery lists them.
    pub fn add_discovered(&mut self, machines: &[ClusterMember]) {
        for machine in machines {
            match machine.machine_type {
                MachineType::Worker => self.workers.extend(machine.addresses.iter().cloned()),
                _ => self.add(Candidate::new(
                    Source::Discovery,
                    Some(&machine.hostname),
                    machine.addresses.clone(),
                )),
            }
        }
    }

    /// What a node itself says it is.
    pub fn add_seen(&mut self, seen: &NodeSurvey) {
        if let Some(members) = seen.members.get() {
            self.add_members(Source::EtcdMembers, members);
        }
        if let Some(machines) = seen.cluster_members.get() {
            self.add_discovered(machines);
        }
    }

    fn add(&mut self, new: Candidate) {
        // A member that never started, or one with a URL that is none, cannot be asked.
        let new = match (&new.hostname, new.names.is_empty()) {
            (None, true) => return,
            (Some(name), true) => Candidate {
                names: vec![name.clone()],
                ..new
            },
            _ => new,
        };
        let known = self
            .candidates
            .iter_mut()
            .find(|known| known.names.iter().any(|name| new.names.contains(name)));
        let Some(known) = known else {
            self.candidates.push(new);
            return;
        };
        known.sources.extend(&new.sources);
        known.hostname = known.hostname.take().or(new.hostname);
        for name in new.names {
            if !known.names.contains(&name) {
                known.names.push(name);
            }
        }
    }

    /// Control planes that `asked` has no name of.
    pub fn not_among(&self, asked: &[NodeSurvey]) -> Vec<String> {
        let met = |candidate: &&Candidate| {
            let known = |name: &String| asked.iter().any(|seen| seen.known_as.contains(name));
            !candidate.names.iter().any(known)
        };
        let new = self.candidates.iter().filter(met);
        new.filter_map(|candidate| candidate.name().map(str::to_owned))
            .collect()
    }

    /// Tells a node what the census knows of it.
    pub fn describe(&self, node: &mut NodeSurvey) {
        for candidate in &self.candidates {
            if candidate
                .names
                .iter()
                .any(|name| node.known_as.contains(name))
            {
                node.sources.extend(&candidate.sources);
                node.known_as.extend(candidate.names.iter().cloned());
                if node.hostname.is_none() {
                    node.hostname.clone_from(&candidate.hostname);
                }
            }
        }
    }

    /// Whether discovery lists this name as a worker's.
    pub fn is_worker(&self, name: &str) -> bool {
        self.workers.contains(name)
    }
}

/// Surveys of one machine under two names, made one: an own address, or the boot, in common.
/// Its own address is the name that stays, not a shared one.
pub(super) fn merged(nodes: Vec<NodeSurvey>) -> Vec<NodeSurvey> {
    let mut machines: Vec<NodeSurvey> = Vec::new();
    for mut node in nodes {
        match machines.iter_mut().find(|other| is_same(other, &node)) {
            Some(kept) => {
                if !owns(kept, &kept.node) && owns(&node, &node.node) {
                    std::mem::swap(kept, &mut node);
                }
                kept.known_as.extend(node.known_as);
                kept.sources.extend(node.sources);
                kept.lost |= node.lost;
            }
            None => machines.push(node),
        }
    }
    machines
}

fn owns(node: &NodeSurvey, name: &str) -> bool {
    let own = |addresses: &Vec<String>| addresses.iter().any(|own| own == name);
    node.addresses.is_and(own)
}

fn is_same(one: &NodeSurvey, other: &NodeSurvey) -> bool {
    let knows = |one: &NodeSurvey, other: &NodeSurvey| {
        let by_name = other.node.parse::<IpAddr>().is_err()
            && one.hostname.as_deref() == Some(other.node.as_str());
        one.known_as.contains(&other.node) || owns(one, &other.node) || by_name
    };
    let boots = (one.boot_id.get(), other.boot_id.get());
    let one_boot = matches!(boots, (Some(one), Some(other)) if one == other);
    one_boot || knows(one, other) || knows(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::known::{Known, Unknown, Why};

    fn member(name: &str, address: &str) -> Member {
        Member {
            id: 1,
            name: name.to_owned(),
            peer_urls: vec![format!("https://{address}:2380")],
            client_urls: Vec::new(),
            is_learner: false,
        }
    }

    fn node(name: &str) -> NodeSurvey {
        let away = Unknown {
            why: Why::Silent,
            reason: "away".to_owned(),
        };
        NodeSurvey::unseen(name, &away)
    }

    #[test]
    fn a_name_adds_and_never_narrows() {
        let mut census = Census::default();
        census.add_name(Source::Named, "10.0.0.2");
        census.add_members(
            Source::Snapshot,
            &[member("cp-1", "10.0.0.2"), member("cp-2", "10.0.0.3")],
        );
        assert_eq!(census.not_among(&[]), ["10.0.0.2", "10.0.0.3"]);
        let mut first = node("10.0.0.2");
        census.describe(&mut first);
        assert_eq!(first.hostname.as_deref(), Some("cp-1"));
        assert_eq!(
            first.sources,
            BTreeSet::from([Source::Named, Source::Snapshot])
        );
        assert_eq!(census.not_among(&[first]), ["10.0.0.3"]);
    }

    #[test]
    fn a_replaced_node_with_the_same_name_does_not_hide_the_old_one() {
        let mut census = Census::default();
        census.add_members(Source::Snapshot, &[member("cp-1", "10.0.0.2")]);
        census.add_discovered(&[ClusterMember {
            hostname: "cp-1".to_owned(),
            addresses: vec!["10.0.0.9".to_owned()],
            machine_type: MachineType::ControlPlane,
        }]);
        assert_eq!(census.not_among(&[]), ["10.0.0.2", "10.0.0.9"]);
    }

    #[test]
    fn workers_are_no_control_planes_and_an_unstarted_member_without_url_is_nobody() {
        let mut census = Census::default();
        census.add_discovered(&[ClusterMember {
            hostname: "w".to_owned(),
            addresses: vec!["10.0.0.7".to_owned()],
            machine_type: MachineType::Worker,
        }]);
        census.add_members(
            Source::EtcdMembers,
            &[Member {
                peer_urls: Vec::new(),
                ..member("", "x")
            }],
        );
        assert_eq!(census.not_among(&[]), [""; 0]);
        assert!(census.is_worker("10.0.0.7"));
    }

    #[test]
    fn one_machine_under_two_names_is_one() {
        let mut by_name = node("cp.example");
        by_name.addresses = Known::Is(vec!["10.0.0.2".to_owned()]);
        let nodes = merged(vec![node("10.0.0.2"), by_name, node("10.0.0.3")]);
        let names: Vec<&str> = nodes.iter().map(|one| one.node.as_str()).collect();
        assert_eq!(names, ["10.0.0.2", "10.0.0.3"]);
        assert!(nodes[0].known_as.contains("cp.example"));
    }

    #[test]
    fn a_shared_address_gives_way_to_the_machines_own() {
        let seen = |name: &str| NodeSurvey {
            boot_id: Known::Is("one boot".to_owned()),
            addresses: Known::Is(vec!["10.0.0.2".to_owned()]),
            ..node(name)
        };
        let nodes = merged(vec![seen("10.0.0.100"), seen("10.0.0.2")]);
        assert_eq!(nodes.len(), 1);
        assert_eq!(nodes[0].node, "10.0.0.2");
        assert!(nodes[0].known_as.contains("10.0.0.100"));
    }

    #[test]
    fn a_silent_node_named_by_its_host_name_is_counted_once() {
        let mut silent = node("10.0.0.2");
        silent.hostname = Some("cp-1".to_owned());
        assert_eq!(merged(vec![silent, node("cp-1")]).len(), 1);
    }
}
