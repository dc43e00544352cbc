//! Since when each kubelet runs: one that is older than the restore remembers revisions that
//! etcd does not have any more, and waits for them.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::{StreamExt, stream};

use super::Kubelet;
use crate::recovery::known::Known;
use crate::recovery::survey::Survey;
use crate::talos::{MachineType, Service, Talos};

const KUBELET: &str = "kubelet";
/// Workers asked at once.
const AT_ONCE: usize = 16;

/// The kubelets of the control planes, which the survey saw, and of the workers that Talos'
/// discovery knows, which are asked here.
pub(super) async fn kubelets(talos: &Talos, survey: &Survey) -> Vec<Kubelet> {
    let nodes = survey.nodes.iter().filter(|node| !node.lost);
    let own = nodes.map(|node| Kubelet {
        node: node.node.clone(),
        hostname: node.hostname.clone().unwrap_or_default(),
        since: node.services.clone().map(|services| since(&services)),
    });
    let mut all: Vec<Kubelet> = own.collect();
    let asked = stream::iter(workers(survey)).map(async |(address, hostname)| {
        let services = match talos.reach(&address).await {
            Ok(way) => way.services().await,
            Err(error) => Err(error),
        };
        Kubelet {
            node: address,
            hostname,
            since: Known::from(services).map(|services| since(&services)),
        }
    });
    all.extend(asked.buffered(AT_ONCE).collect::<Vec<_>>().await);
    all
}

fn since(services: &[Service]) -> Option<jiff::Timestamp> {
    let kubelet = services.iter().find(|service| service.id == KUBELET)?;
    if kubelet.state == "Running" {
        kubelet.since()
    } else {
        None
    }
}

/// Workers by address, with their host names.
fn workers(survey: &Survey) -> BTreeMap<String, String> {
    let lists = survey
        .nodes
        .iter()
        .filter_map(|node| node.cluster_members.get());
    let workers = lists
        .flatten()
        .filter(|member| member.machine_type == MachineType::Worker);
    workers
        .filter_map(|member| Some((member.addresses.first()?.clone(), member.hostname.clone())))
        .collect()
}

/// Entries of Raft's log, as the member that has most of it tells. Asked after etcd's revision
/// was read: of a log that goes on, an earlier length would be too short for it.
pub(super) async fn log_length(talos: &Talos, survey: &Survey) -> Known<u64> {
    let members = survey
        .nodes
        .iter()
        .filter(|node| node.status.get().is_some());
    let lengths = join_all(members.map(async |node| {
        let way = talos.reach(&node.node).await?;
        way.etcd_status().await.map(|status| status.raft_index)
    }));
    let mut longest: Known<u64> =
        Known::not_asked("no member was there to tell the length of its log");
    for length in lengths.await {
        longest = match (longest, Known::from(length)) {
            (Known::Is(one), Known::Is(other)) => Known::Is(one.max(other)),
            (Known::Is(one), Known::Unknown(_)) => Known::Is(one),
            (Known::Unknown(_), other) => other,
        };
    }
    longest
}
