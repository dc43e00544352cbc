//! `ServiceList`: states and event texts as Talos writes them. They are parsed by people and
//! programs, so they are verbatim.

use std::time::{Duration, SystemTime};

use etcdbackup_proto::machine::{ServiceEvent, ServiceEvents, ServiceHealth, ServiceInfo};
use prost_types::Timestamp;

use crate::cluster::{Cluster, Node};

/// Year 1, which is how Go writes "never".
const NEVER: Timestamp = Timestamp {
    seconds: -62_135_596_800,
    nanos: 0,
};

/// The services of a node, by id.
pub(crate) fn of(node: &Node, cluster: &Cluster) -> Vec<ServiceInfo> {
    let mut services = vec![
        running("apid", cluster),
        running("containerd", cluster),
        running("cri", cluster),
        running("kubelet", cluster),
        running("machined", cluster),
        running("udevd", cluster),
    ];
    if node.is_control_plane() {
        services.push(etcd(node, cluster));
        services.push(running("trustd", cluster));
    }
    services.sort_by(|one, other| one.id.cmp(&other.id));
    services
}

fn running(id: &str, cluster: &Cluster) -> ServiceInfo {
    let since = cluster.started;
    let started = format!("Started task {id} (PID 1234) for container {id}");
    let events = vec![
        event("Starting", "Starting service", since),
        event("Running", &started, since + Duration::from_secs(1)),
        event(
            "Running",
            "Health check successful",
            since + Duration::from_secs(2),
        ),
    ];
    info(id, events, healthy(since + Duration::from_secs(2)))
}

/// Normal order of etcd's events; in `Preparing`, where no etcd listens.
fn etcd(node: &Node, cluster: &Cluster) -> ServiceInfo {
    let since = cluster.started;
    let mut waiting =
        "Waiting for service \"cri\" to be \"up\", time sync, network, etcd spec".to_owned();
    if cluster.version.at_least(1, 10) {
        waiting += ", volumes /var/lib, ETCD to be mounted";
    }
    let mut events = Vec::new();
    if cluster.version.at_least(1, 7) {
        events.push(event("Starting", "Starting service", since));
    }
    events.push(event("Waiting", &waiting, since));
    events.push(event(
        "Preparing",
        "Running pre state",
        since + Duration::from_secs(1),
    ));
    let runs = node.etcd.get().is_some() || node.script().listening;
    if !runs {
        let health = ServiceHealth {
            unknown: true,
            healthy: false,
            last_message: String::new(),
            last_change: Some(NEVER),
        };
        return info("etcd", events, health);
    }
    let pid = node
        .etcd
        .get()
        .map_or(2345, crate::etcd::EtcdClient::process_id);
    let started = format!("Started task etcd (PID {pid}) for container etcd");
    events.push(event(
        "Preparing",
        "Creating service runner",
        since + Duration::from_secs(2),
    ));
    events.push(event("Running", &started, since + Duration::from_secs(3)));
    events.push(event(
        "Running",
        "Health check successful",
        since + Duration::from_secs(8),
    ));
    info("etcd", events, healthy(since + Duration::from_secs(8)))
}

fn healthy(since: SystemTime) -> ServiceHealth {
    ServiceHealth {
        unknown: false,
        healthy: true,
        last_message: String::new(),
        last_change: Some(Timestamp::from(since)),
    }
}

fn event(state: &str, message: &str, at: SystemTime) -> ServiceEvent {
    ServiceEvent {
        msg: message.to_owned(),
        state: state.to_owned(),
        ts: Some(Timestamp::from(at)),
    }
}

/// A service is in the state of its last event.
fn info(id: &str, events: Vec<ServiceEvent>, health: ServiceHealth) -> ServiceInfo {
    let state = events
        .last()
        .map(|event| event.state.clone())
        .unwrap_or_default();
    ServiceInfo {
        id: id.to_owned(),
        state,
        events: Some(ServiceEvents { events }),
        health: Some(health),
    }
}
