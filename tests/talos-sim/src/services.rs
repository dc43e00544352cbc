//! `ServiceList`: states and event texts as Talos writes them. They are parsed by people and
//! programs, so they are verbatim.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use etcdbackup_proto::machine::service_state_event::Action;
use etcdbackup_proto::machine::{
    ServiceEvent, ServiceEvents, ServiceHealth, ServiceInfo, ServiceStateEvent,
};
use prost_types::Timestamp;

use crate::cluster::{Cluster, Node};
use crate::etcd::EtcdClient;
use crate::state::{HeldUp, Secrets};

/// Year 1, which is how Go writes "never".
const NEVER: Timestamp = Timestamp {
    seconds: -62_135_596_800,
    nanos: 0,
};
/// Talos keeps so many events of a service.
const KEPT: usize = 64;

/// A service's history, and how it is.
#[derive(Debug, Default)]
pub(crate) struct Service {
    events: VecDeque<(SystemTime, &'static str, String)>,
    /// Unknown until the first check.
    health: Option<(SystemTime, Result<(), String>)>,
}

impl Service {
    pub(crate) fn push(&mut self, state: &'static str, message: &str) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events
            .push_back((SystemTime::now(), state, message.to_owned()));
    }

    /// The last state and what was said with it.
    pub(crate) fn last(&self) -> (&'static str, &str) {
        self.events
            .back()
            .map_or(("", ""), |(_, state, message)| (*state, message))
    }

    pub(crate) fn set_health(&mut self, health: Option<Result<(), String>>) {
        self.health = health.map(|health| (SystemTime::now(), health));
    }

    pub(crate) fn health(&self) -> Option<&Result<(), String>> {
        self.health.as_ref().map(|(_, health)| health)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.last().0 == "Running" && matches!(self.health(), Some(Ok(())))
    }

    /// Makes all of it older.
    pub(crate) fn age(&mut self, by: Duration) {
        for (at, ..) in &mut self.events {
            *at -= by;
        }
        if let Some((at, _)) = &mut self.health {
            *at -= by;
        }
    }

    fn health_info(&self) -> ServiceHealth {
        match &self.health {
            None => unknown(),
            Some((since, health)) => ServiceHealth {
                unknown: false,
                healthy: health.is_ok(),
                last_message: health.as_ref().err().cloned().unwrap_or_default(),
                last_change: Some(Timestamp::from(*since)),
            },
        }
    }

    fn info(&self, id: &str) -> ServiceInfo {
        let events = self
            .events
            .iter()
            .map(|(at, state, message)| event(state, message, *at))
            .collect();
        info(id, events, self.health_info())
    }

    /// The newest event as the stream of events has it.
    pub(crate) fn state_event(&self, id: &str) -> ServiceStateEvent {
        let (state, message) = self.last();
        ServiceStateEvent {
            service: id.to_owned(),
            action: action(state) as i32,
            message: message.to_owned(),
            health: Some(self.health_info()),
        }
    }
}

fn action(state: &str) -> Action {
    match state {
        "Starting" => Action::Starting,
        "Waiting" => Action::Waiting,
        "Preparing" => Action::Preparing,
        "Running" => Action::Running,
        "Stopping" => Action::Stopping,
        "Finished" => Action::Finished,
        "Failed" => Action::Failed,
        "Skipped" => Action::Skipped,
        _ => Action::Initialized,
    }
}

/// The services of a node, by id.
pub(crate) fn of(node: &Node, cluster: &Cluster) -> Vec<ServiceInfo> {
    let since = node.machine().booted;
    let mut services = vec![
        running("apid", since),
        running("containerd", since),
        running("machined", since),
        running("udevd", since),
    ];
    if node.machine().secrets != Secrets::None {
        services.push(cri(node));
        services.push(kubelet(node));
        if node.is_control_plane() {
            services.push(running("trustd", since));
            services.extend(etcd(node, cluster));
        }
    }
    services.sort_by(|one, other| one.id.cmp(&other.id));
    services
}

/// etcd's service, unless it is not loaded.
pub(crate) fn etcd(node: &Node, cluster: &Cluster) -> Option<ServiceInfo> {
    if node.etcd.get().is_none() && !node.script().listening {
        let machine = node.machine();
        let state = machine.etcd.as_ref().map(|service| service.last().0);
        // A scripted etcd that does not listen waits to be bootstrapped.
        if state == Some("Running") {
            return Some(preparing(machine.booted, cluster));
        }
    }
    let machine = node.machine();
    let mut info = machine.etcd.as_ref()?.info("etcd");
    by_the_clock(&mut info, machine.clock_ahead);
    Some(info)
}

/// Tells the times as the node's own clock does.
fn by_the_clock(info: &mut ServiceInfo, ahead: Duration) {
    let health = info.health.as_mut().filter(|health| !health.unknown);
    let changed = health.and_then(|health| health.last_change.as_mut());
    let events = info.events.iter_mut().flat_map(|events| &mut events.events);
    let times = events.filter_map(|event| event.ts.as_mut());
    for time in times.chain(changed) {
        time.seconds += i64::try_from(ahead.as_secs()).unwrap_or(0);
    }
}

/// Whether the service of etcd runs and is healthy, as far as anybody may know.
pub(crate) fn etcd_health(node: &Node, cluster: &Cluster) -> Option<ServiceHealth> {
    let service = etcd(node, cluster).filter(|service| service.state == "Running")?;
    service.health
}

/// What keeps a machine from being ready, by Talos' names.
pub(crate) fn unmet(node: &Node, cluster: &Cluster) -> Vec<(&'static str, &'static str)> {
    let mut unmet = Vec::new();
    {
        let machine = node.machine();
        if machine.secrets == Secrets::None {
            return unmet;
        }
        if machine.is_held_up(HeldUp::Time) {
            unmet.push(("time", "time is not synced"));
        }
        if machine.is_held_up(HeldUp::Network) {
            unmet.push(("network", "waiting on: address, connectivity"));
        }
    }
    if node.is_control_plane() {
        match etcd_health(node, cluster) {
            None => unmet.push(("services", "etcd not running")),
            Some(health) if !health.healthy => unmet.push(("services", "etcd not healthy")),
            Some(_) => {}
        }
    }
    unmet
}

/// The process id of etcd as its service says it.
pub(crate) fn started(node: &Node) -> String {
    let process = node.etcd.get().map_or(2345, EtcdClient::process_id);
    format!("Started task etcd (PID {process}) for container etcd")
}

/// What etcd waits for, in Talos' order; the volumes since Talos 1.10.
pub(crate) fn conditions(cluster: &Cluster) -> Vec<(HeldUp, &'static str)> {
    let mut conditions = vec![
        (HeldUp::Cri, "service \"cri\" to be \"up\""),
        (HeldUp::Time, "time sync"),
        (HeldUp::Network, "network"),
        (HeldUp::Address, "etcd spec"),
    ];
    if cluster.version.at_least(1, 10) {
        conditions.push((HeldUp::Disk, "volumes /var/lib, ETCD to be mounted"));
    }
    conditions
}

fn preparing(since: SystemTime, cluster: &Cluster) -> ServiceInfo {
    let mut service = Service::default();
    let items: Vec<_> = conditions(cluster).iter().map(|(_, item)| *item).collect();
    if cluster.version.at_least(1, 7) {
        service.push("Starting", "Starting service");
    }
    service.push("Waiting", &format!("Waiting for {}", items.join(", ")));
    service.push("Preparing", "Running pre state");
    service.age(since.elapsed().unwrap_or_default());
    service.info("etcd")
}

fn cri(node: &Node) -> ServiceInfo {
    let machine = node.machine();
    if !machine.is_held_up(HeldUp::Cri) {
        return running("cri", machine.booted);
    }
    let events = vec![
        event("Starting", "Starting service", machine.booted),
        event(
            "Waiting",
            "Waiting for service \"containerd\" to be \"up\", network",
            machine.booted,
        ),
    ];
    info("cri", events, unknown())
}

fn kubelet(node: &Node) -> ServiceInfo {
    let machine = node.machine();
    let since = machine.kubelet_restarts.last().copied();
    let mut service = running("kubelet", since.unwrap_or(machine.booted));
    if let (Some(since), Some(events)) = (since, &mut service.events) {
        let stopped = event("Finished", "Service finished successfully", since);
        events.events.insert(0, stopped);
    }
    service
}

fn running(id: &str, since: SystemTime) -> ServiceInfo {
    let started = format!("Started task {id} (PID 1234) for container {id}");
    let later = since + Duration::from_millis(2);
    let events = vec![
        event("Starting", "Starting service", since),
        event("Running", &started, since + Duration::from_millis(1)),
        event("Running", "Health check successful", later),
    ];
    let health = ServiceHealth {
        unknown: false,
        healthy: true,
        last_message: String::new(),
        last_change: Some(Timestamp::from(later)),
    };
    info(id, events, health)
}

fn unknown() -> ServiceHealth {
    ServiceHealth {
        unknown: true,
        healthy: false,
        last_message: String::new(),
        last_change: Some(NEVER),
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
