//! Clusters for tests, written as a person would tell them.

use jiff::Timestamp;

use super::data::DataDirectory;
use super::file::FileFacts;
use super::known::{Known, Unknown, Why};
use super::kubernetes::{Kept, KubeNode, Kubelet, Kubernetes, Server, Through, Webhook};
use super::survey::{Clock, NodeSurvey, Reached, Survey};
use crate::talos::{
    FileEntry, MachineStatus, MachineType, Member, MemberStatus, Mount, Service, ServiceEvent,
    Volume,
};

/// The time at which all samples were taken.
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// It votes.
    Voting,
    /// Its etcd runs without a leader.
    Leaderless,
    /// Its etcd does not run; its data is there.
    Stopped,
    /// It waits in `Preparing`, with an empty directory.
    Waiting,
    /// It gave up joining after 30 minutes.
    GaveUp,
    /// A restore was refused for its hash.
    HalfRestored,
    /// A database without a log, unexplained.
    DatabaseOnly,
    /// A log without a database.
    Fragments,
    /// The directory looks empty, and the disk is not mounted.
    Unmounted,
    /// No answer.
    Silent,
    /// No answer, and named lost.
    Lost,
    /// It answers, and may not be asked for anything.
    Denied,
}

pub(super) fn survey(nodes: &[Is]) -> Survey {
    let all = nodes.len();
    let numbered = nodes.iter().enumerate();
    Survey {
        taken: at(NOW),
        nodes: numbered.map(|(index, is)| node(index, *is, all)).collect(),
        endpoints: Vec::new(),
        workers: Vec::new(),
        gaps: Vec::new(),
    }
}

pub(super) fn members(count: usize) -> Vec<Member> {
    let member = |index: usize| Member {
        id: index as u64 + 1,
        name: format!("cp-{}", index + 1),
        peer_urls: vec![format!("https://10.0.0.{}:2380", index + 2)],
        client_urls: vec![format!("https://10.0.0.{}:2379", index + 2)],
        is_learner: false,
    };
    (0..count).map(member).collect()
}

pub(super) fn reason(why: Why, reason: &str) -> Unknown {
    Unknown {
        why,
        reason: reason.to_owned(),
    }
}

/// Node `index` of `all`, at 10.0.0.2 and on.
pub(super) fn node(index: usize, is: Is, all: usize) -> NodeSurvey {
    let name = format!("10.0.0.{}", index + 2);
    let silent = format!("Version on node {name}: no endpoint answered: connection refused");
    let unseen = match is {
        Is::Denied => reason(
            Why::NotPermitted,
            &format!("List on node {name}: not authorized"),
        ),
        _ => reason(Why::Silent, &silent),
    };
    let mut node = NodeSurvey::unseen(&name, &unseen);
    node.hostname = Some(format!("cp-{}", index + 1));
    node.lost = is == Is::Lost;
    if matches!(is, Is::Silent | Is::Lost) {
        return node;
    }
    node.reached = Known::Is(Reached {
        endpoint: name.clone(),
        directly: true,
        version: "v1.13.2".to_owned(),
        passed: Vec::new(),
    });
    if is == Is::Denied {
        return node;
    }
    node.addresses = Known::Is(vec![name]);
    fill(&mut node, index, is, all);
    node
}

fn fill(node: &mut NodeSurvey, index: usize, is: Is, all: usize) {
    node.machine_type = Known::Is(MachineType::ControlPlane);
    node.machine_status = Known::Is(MachineStatus {
        stage: if is == Is::Voting {
            "running"
        } else {
            "booting"
        },
        ready: is == Is::Voting,
        unmet: Vec::new(),
    });
    node.time_synced = Known::Is(true);
    node.clock = Known::Is(Clock {
        now: Known::Is(at(NOW)),
        uptime_seconds: 15 * 60,
    });
    node.boot_id = Known::Is(format!("boot-{index}"));
    node.services = Known::Is(vec![service(is)]);
    node.storage.data = Known::Is(data(is));
    node.storage.uploaded = Known::Is(None);
    node.storage.local_data = Known::Is(Vec::new());
    node.storage.volumes = Known::Is(vec![Volume {
        id: "ETCD".to_owned(),
        is_partition: false,
        phase: "ready",
        bytes: 0,
        error: String::new(),
    }]);
    let mounted = if is == Is::Unmounted { "/" } else { "/var" };
    node.storage.mounts = Known::Is(vec![Mount {
        at: mounted.to_owned(),
        bytes: 50_000_000_000,
        available: 40_000_000_000,
    }]);
    if matches!(is, Is::Voting | Is::Leaderless) {
        let leader = if is == Is::Voting { 1 } else { 0 };
        node.status = Known::Is(MemberStatus {
            member_id: index as u64 + 1,
            leader,
            raft_applied_index: 1000,
            etcd_version: "3.6.9".to_owned(),
            ..MemberStatus::default()
        });
    }
    if is == Is::Voting {
        node.members = Known::Is(members(all));
        node.alarms = Known::Is(Vec::new());
    }
}

pub(super) fn event(state: &str, message: &str, minutes_ago: i64) -> ServiceEvent {
    ServiceEvent {
        state: state.to_owned(),
        message: message.to_owned(),
        at: Some(at(NOW - 60 * minutes_ago)),
    }
}

pub(super) fn service(is: Is) -> Service {
    let begin = event("Waiting", "Waiting for time sync, network, etcd spec", 13);
    let prepare = event("Preparing", "Running pre state", 12);
    let (last, healthy) = match is {
        Is::Voting => (event("Running", "Health check successful", 11), Some(true)),
        Is::Leaderless => (
            event("Running", "Health check failed: deadline exceeded", 11),
            Some(false),
        ),
        Is::Stopped => (
            event(
                "Waiting",
                "Error running Containerd(etcd), going to restart forever: exit 1",
                1,
            ),
            None,
        ),
        Is::GaveUp => (
            event(
                "Failed",
                "Failed to run pre stage: failed to build initial etcd cluster: failed to build cluster arguments: timeout",
                1,
            ),
            None,
        ),
        Is::HalfRestored => (
            event(
                "Failed",
                "Failed to run pre stage: error recovering from the snapshot: snapshot missing hash but --skip-hash-check=false",
                1,
            ),
            None,
        ),
        Is::Unmounted => (event("Waiting", "Waiting for volumes", 1), None),
        _ => (prepare.clone(), None),
    };
    let events = if last == prepare {
        vec![begin, prepare]
    } else if is == Is::Unmounted {
        vec![begin, last]
    } else {
        vec![begin, prepare, last]
    };
    Service {
        id: "etcd".to_owned(),
        state: events.last().unwrap().state.clone(),
        healthy,
        health_message: String::new(),
        events,
    }
}

fn data(is: Is) -> DataDirectory {
    let paths: &[&str] = match is {
        Is::Voting | Is::Leaderless | Is::Stopped => &[
            "member/snap/db",
            "member/wal/0000000000000000-0000000000000000.wal",
        ],
        Is::HalfRestored | Is::DatabaseOnly => &["member/snap/db"],
        Is::Fragments => &["member/wal/0000000000000000-0000000000000000.wal"],
        _ => &[],
    };
    let entry = |path: &&str| FileEntry {
        path: (*path).to_owned(),
        bytes: 64,
        is_directory: false,
    };
    DataDirectory::new(Some(paths.iter().map(entry).collect()))
}

/// A proven snapshot of nine revisions.
pub(super) fn file() -> FileFacts {
    FileFacts {
        name: "db.snapshot".to_owned(),
        bytes: 20_512,
        digest_holds: Some(true),
        damage: Vec::new(),
        suspicions: Vec::new(),
        revision: 9,
        applied_index: Some(13),
        term: Some(2),
        live_keys: 6,
        etcd: Some((3, 6)),
        content_from: None,
        members: Vec::new(),
        keys: Known::not_asked("no config"),
    }
}

/// Kubernetes on so many control planes, all of it well.
pub(super) fn kubernetes(count: usize) -> Kubernetes {
    let addresses: Vec<String> = (0..count)
        .map(|index| format!("10.0.0.{}", index + 2))
        .collect();
    let numbered = || addresses.iter().zip(1..);
    let server = |address: &String| Server {
        node: address.clone(),
        host: address.clone(),
        failing: Known::Is(Vec::new()),
    };
    let kube_node = |(address, number): (&String, usize)| KubeNode {
        name: format!("cp-{number}"),
        addresses: vec![address.clone()],
        ready: "True".to_owned(),
        heartbeat: Some(at(NOW - 5)),
    };
    let kubelet = |(address, number): (&String, usize)| Kubelet {
        node: address.clone(),
        hostname: format!("cp-{number}"),
        since: Known::Is(Some(at(NOW - 60 * 60))),
    };
    let webhook = Webhook {
        kind: "validatingwebhookconfiguration",
        configuration: "policy".to_owned(),
        index: 1,
        name: "policy.example.org".to_owned(),
        service: ("policy".to_owned(), "webhook".to_owned()),
        refuses: true,
        endpoints: 2,
    };
    Kubernetes {
        servers: addresses.iter().map(server).collect(),
        read: Known::Is(Through {
            host: "10.0.0.2".to_owned(),
            source: "the kubeconfig that node 10.0.0.2 made".to_owned(),
        }),
        clock: at(NOW),
        revision: Known::Is(900),
        log: Known::Is(1000),
        nodes: Known::Is(numbered().map(kube_node).collect()),
        pods: Known::Is(Kept {
            count: 40,
            kept: Vec::new(),
        }),
        workloads: Known::Is(Kept {
            count: 12,
            kept: Vec::new(),
        }),
        claims: Known::Is(Kept {
            count: 3,
            kept: Vec::new(),
        }),
        webhooks: Known::Is(vec![webhook]),
        unavailable: Known::Is(Kept {
            count: 24,
            kept: Vec::new(),
        }),
        api_addresses: Known::Is(addresses.clone()),
        kubelets: numbered().map(kubelet).collect(),
        compared: None,
    }
}
