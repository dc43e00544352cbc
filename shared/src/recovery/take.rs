//! The survey: the census grows with every look, until nobody new is met.

use futures::future::join_all;
use jiff::Timestamp;

use super::census::{Census, merged};
use super::known::{Known, Unknown, Why};
use super::look::look;
use super::survey::{EndpointSurvey, NodeSurvey, Source, Survey};
use crate::talos::{MachineType, Member, Talos};

/// Rounds of looks: the second meets whom the first one named; a third, whom those named.
const ROUNDS: usize = 4;

/// What is known before anybody is asked.
#[derive(Debug, Clone, Default)]
pub struct Beforehand {
    /// Members of a snapshot or database at hand.
    pub snapshot_members: Vec<Member>,
    /// Nodes that the operator calls lost for good.
    pub lost: Vec<String>,
}

/// Looks at every control plane and every endpoint. It changes nothing.
pub async fn survey(talos: &Talos, beforehand: &Beforehand) -> Survey {
    let taken = Timestamp::now();
    let mut census = seeds(talos, beforehand);
    let (endpoints, nodes) = tokio::join!(endpoints(talos), rounds(talos, &mut census));
    let mut nodes = nodes;
    // Who is lost by a name that nobody knows is a control plane, too: it is looked at.
    let lost = &beforehand.lost;
    let unmet = lost
        .iter()
        .filter(|lost| !nodes.iter().any(|node| node.is_called(lost)));
    let mut strangers = Census::default();
    unmet.for_each(|name| strangers.add_name(Source::NamedLost, name));
    nodes.extend(rounds(talos, &mut strangers).await);
    for node in &mut nodes {
        census.describe(node);
        strangers.describe(node);
        node.lost = lost.iter().any(|lost| node.is_called(lost));
    }
    let (workers, nodes): (Vec<NodeSurvey>, Vec<NodeSurvey>) = merged(nodes)
        .into_iter()
        .partition(|node| is_worker(node, &census));
    let mut nodes = without_shared(nodes, &endpoints);
    nodes.sort_by_key(|node| order(&node.node));
    Survey {
        taken,
        gaps: gaps(&nodes),
        nodes,
        endpoints,
        workers: workers.into_iter().map(|node| node.node).collect(),
    }
}

fn seeds(talos: &Talos, beforehand: &Beforehand) -> Census {
    let mut census = Census::default();
    for name in talos.nodes() {
        census.add_name(Source::Named, name);
    }
    for name in talos.context_hosts().iter().chain(&talos.endpoint_hosts()) {
        census.add_name(Source::Talosconfig, name);
    }
    census.add_members(Source::Snapshot, &beforehand.snapshot_members);
    census
}

async fn rounds(talos: &Talos, census: &mut Census) -> Vec<NodeSurvey> {
    let mut nodes: Vec<NodeSurvey> = Vec::new();
    for _ in 0..ROUNDS {
        let new = census.not_among(&nodes);
        if new.is_empty() {
            break;
        }
        let seen = join_all(new.iter().map(|name| look(talos, name))).await;
        for node in &seen {
            census.add_seen(node);
        }
        nodes.extend(seen);
        for node in &mut nodes {
            census.describe(node);
        }
    }
    let left = census.not_among(&nodes);
    let reason = Unknown {
        why: Why::NotAsked,
        reason: "it was met too late in the survey to be asked".to_owned(),
    };
    nodes.extend(left.iter().map(|name| NodeSurvey::unseen(name, &reason)));
    nodes
}

async fn endpoints(talos: &Talos) -> Vec<EndpointSurvey> {
    let hosts = talos.endpoint_hosts();
    join_all((0..hosts.len()).map(|place| endpoint(talos, place))).await
}

async fn endpoint(talos: &Talos, place: usize) -> EndpointSurvey {
    let host = talos.endpoint_hosts().swap_remove(place);
    let itself = talos.endpoint_itself(place).await;
    let (machine_type, own_address) = match itself {
        Ok(machine) => {
            let (kind, addresses) = tokio::join!(machine.machine_type(), machine.addresses());
            let owns = |addresses: Vec<String>| addresses.contains(&host);
            // A name says nothing about whose address it is.
            let own_address = if host.parse::<std::net::IpAddr>().is_ok() {
                Known::from(addresses).map(owns)
            } else {
                Known::not_asked("it is a name")
            };
            (kind.into(), own_address)
        }
        Err(error) => (
            Known::from(Err(error)),
            Known::not_asked("it did not answer"),
        ),
    };
    EndpointSurvey {
        endpoint: talos.endpoint_shown(place).to_owned(),
        host,
        machine_type,
        own_address,
    }
}

fn is_worker(node: &NodeSurvey, census: &Census) -> bool {
    match node.machine_type.get() {
        Some(kind) => *kind == MachineType::Worker,
        None => node.known_as.iter().any(|name| census.is_worker(name)),
    }
}

/// A shared address that answers is no machine of its own: the one behind it is in the census
/// by its own address, since it was asked for its discovery's list.
fn without_shared(nodes: Vec<NodeSurvey>, endpoints: &[EndpointSurvey]) -> Vec<NodeSurvey> {
    let shared = |node: &NodeSurvey| {
        let is = |endpoint: &&EndpointSurvey| node.known_as.contains(&endpoint.host);
        let behind = endpoints.iter().find(is);
        behind.is_some_and(|endpoint| endpoint.own_address == Known::Is(false))
    };
    let owners: Vec<String> = nodes
        .iter()
        .filter(|node| !shared(node))
        .flat_map(|node| node.known_as.iter().cloned())
        .collect();
    nodes
        .into_iter()
        .filter(|node| {
            let own = node.addresses.get().map_or(&[][..], Vec::as_slice);
            let met = own.iter().any(|address| owners.contains(address));
            !(shared(node) && met)
        })
        .collect()
}

/// Addresses by number, names by letter.
fn order(name: &str) -> (Option<std::net::IpAddr>, String) {
    (name.parse().ok(), name.to_owned())
}

/// What is not known about who the control planes are. What was typed or configured may be a
/// part of them; one list of the cluster's own is needed.
fn gaps(nodes: &[NodeSurvey]) -> Vec<String> {
    let lists = [Source::Discovery, Source::EtcdMembers, Source::Snapshot];
    let listed = nodes
        .iter()
        .any(|node| lists.iter().any(|list| node.sources.contains(list)));
    let gap = "neither etcd nor Talos' discovery nor a snapshot tells who the control planes are";
    (!listed).then(|| gap.to_owned()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sorted_by_number() {
        let mut names = ["cp-1", "10.0.0.10", "10.0.0.9"];
        names.sort_by_key(|name| order(name));
        assert_eq!(names, ["cp-1", "10.0.0.9", "10.0.0.10"]);
    }
}
