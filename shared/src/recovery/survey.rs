//! What one read-only look at the control planes saw: plain data, so that verdicts and flows are
//! functions of it and tests can write it down.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::condition::Condition;
use super::data::DataDirectory;
use super::known::{Known, Unknown};
use super::prove::DatabaseProof;
use crate::failure::{Exit, Failure};
use crate::talos::{
    Alarm, ClusterMember, EtcdConfig, MachineStatus, MachineType, Member, MemberStatus, Mount,
    Service, Usage, Volume,
};

/// One look at everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// When it was begun, by our clock.
    pub taken: Timestamp,
    /// Every control plane of the census.
    pub nodes: Vec<NodeSurvey>,
    /// Every endpoint of the talosconfig in use.
    pub endpoints: Vec<EndpointSurvey>,
    /// Machines that were named or met, and are workers: asked no further.
    pub workers: Vec<String>,
    /// What could not be found out about who the control planes are.
    pub gaps: Vec<String>,
}

/// Where a control plane is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Named with `-n`.
    Named,
    /// The context of the talosconfig: nodes and endpoints.
    Talosconfig,
    /// Talos' own list of the cluster's members.
    Discovery,
    /// etcd's list of members.
    EtcdMembers,
    /// The members in a snapshot or database at hand.
    Snapshot,
    /// Named with `--lost`.
    NamedLost,
}

/// One control plane.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSurvey {
    /// The node value it is asked by: an address, or a name when no address is known.
    pub node: String,
    /// Its host name, as it says itself or as others know it.
    pub hostname: Option<String>,
    /// Every address and name it is known by.
    pub known_as: BTreeSet<String>,
    /// Where it is known from.
    pub sources: BTreeSet<Source>,
    /// The operator says that it is gone for good.
    pub lost: bool,
    /// Through which endpoint it answers.
    pub reached: Known<Reached>,
    /// What it is for.
    pub machine_type: Known<MachineType>,
    /// How far it has come.
    pub machine_status: Known<MachineStatus>,
    /// Whether its clock is in sync.
    pub time_synced: Known<bool>,
    /// Its clock and the age of its boot.
    pub clock: Known<Clock>,
    /// Changes with every boot: what is only in Talos' memory is gone then.
    pub boot_id: Known<String>,
    /// All its services, with their history.
    pub services: Known<Vec<Service>>,
    /// etcd's own view.
    pub status: Known<MemberStatus>,
    /// The members as this node's etcd knows them; only a quorum answers.
    pub members: Known<Vec<Member>>,
    /// Alarms; only a quorum answers.
    pub alarms: Known<Vec<Alarm>>,
    /// How etcd shall run here.
    pub etcd_config: Known<EtcdConfig>,
    /// The machines that its discovery knows.
    pub cluster_members: Known<Vec<ClusterMember>>,
    /// The name of its cluster.
    pub cluster_name: Known<String>,
    /// Its addresses, without a shared one.
    pub addresses: Known<Vec<String>>,
    /// What holds etcd's data, and what else lies there.
    pub storage: Storage,
    /// What its database was found to be, where it was read.
    pub database: Known<DatabaseProof>,
}

/// An endpoint and version that a node answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// The endpoint.
    pub endpoint: String,
    /// Whether the endpoint is the node itself.
    pub directly: bool,
    /// Talos' version, as `v1.13.2`.
    pub version: String,
    /// Endpoints before it that did not lead to the node, and why.
    pub passed: Vec<String>,
}

/// A node's own time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// What it shows.
    pub now: Known<Timestamp>,
    /// Seconds since it booted.
    pub uptime_seconds: u64,
}

/// Disks of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Its volumes.
    pub volumes: Known<Vec<Volume>>,
    /// What is mounted, and how much is free.
    pub mounts: Known<Vec<Mount>>,
    /// etcd's data directory.
    pub data: Known<DataDirectory>,
    /// Bytes of an upload that waits for Bootstrap; none: there is none.
    pub uploaded: Known<Option<u64>>,
    /// What lies on EPHEMERAL that is neither Talos' nor Kubernetes' own, with sizes.
    pub local_data: Known<Vec<Usage>>,
}

/// One endpoint, asked for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSurvey {
    /// As it was written.
    pub endpoint: String,
    /// Its host.
    pub host: String,
    /// The machine behind it.
    pub machine_type: Known<MachineType>,
    /// Whether the address is that machine's own; not a shared one (VIP, load balancer).
    pub own_address: Known<bool>,
}

impl Survey {
    /// What a node's etcd is worth.
    pub fn condition(&self, node: &NodeSurvey) -> Condition {
        Condition::among(node, &self.nodes)
    }

    /// The cluster's name, which is typed to confirm: all nodes that tell one tell the same.
    ///
    /// # Errors
    /// 77: none tells one; 1: they tell several.
    pub fn cluster_called(&self) -> Result<String, Failure> {
        let told = self.nodes.iter().filter_map(|node| node.cluster_name.get());
        let names: BTreeSet<&String> = told.collect();
        let mut each = names.iter();
        match (each.next(), each.next()) {
            (Some(name), None) => Ok((*name).clone()),
            (None, _) => Err(Failure::new(
                Exit::NotPermitted,
                "no node tells the name of its cluster",
            )
            .hint("ask with role os:admin")),
            _ => Err(Failure::new(
                Exit::No,
                format!("the nodes are of several clusters: {names:?}"),
            )
            .hint("is it the right talosconfig context?")),
        }
    }

    /// The control plane of this name or address.
    pub fn called(&self, name: &str) -> Option<&NodeSurvey> {
        self.nodes.iter().find(|node| node.is_called(name))
    }
}

impl Reached {
    /// Major and minor version; none: it is written in a way that is not known.
    pub fn minor(&self) -> Option<(u32, u32)> {
        let mut parts = self.version.trim_start_matches('v').split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// Whether it is surely older than this version.
    pub fn is_before(&self, major: u32, minor: u32) -> bool {
        self.minor().is_some_and(|own| own < (major, minor))
    }
}

impl NodeSurvey {
    /// Whether it goes by this name or address.
    pub fn is_called(&self, name: &str) -> bool {
        self.node == name || self.known_as.contains(name) || self.hostname.as_deref() == Some(name)
    }

    /// A node of which nothing is known but that it exists, for `reason`.
    pub fn unseen(node: &str, reason: &Unknown) -> Self {
        fn un<T>(reason: &Unknown) -> Known<T> {
            Known::Unknown(reason.clone())
        }
        Self {
            node: node.to_owned(),
            hostname: None,
            known_as: BTreeSet::from([node.to_owned()]),
            sources: BTreeSet::new(),
            lost: false,
            reached: un(reason),
            machine_type: un(reason),
            machine_status: un(reason),
            time_synced: un(reason),
            clock: un(reason),
            boot_id: un(reason),
            services: un(reason),
            status: un(reason),
            members: un(reason),
            alarms: un(reason),
            etcd_config: un(reason),
            cluster_members: un(reason),
            cluster_name: un(reason),
            database: Known::not_asked("it was not read"),
            addresses: un(reason),
            storage: Storage {
                volumes: un(reason),
                mounts: un(reason),
                data: un(reason),
                uploaded: un(reason),
                local_data: un(reason),
            },
        }
    }

    /// Its etcd service; none: it is not there, as for a moment during Bootstrap.
    pub fn etcd_service(&self) -> Option<&Service> {
        let services = self.services.get()?;
        services.iter().find(|service| service.id == "etcd")
    }

    /// Whether etcd has a partition of its own, which a wipe of EPHEMERAL does not clear. Talos
    /// can do so since 1.14.
    pub fn etcd_partition(&self) -> Known<bool> {
        if self.reached.is_and(|reached| reached.is_before(1, 14)) {
            return Known::Is(false);
        }
        self.storage.volumes.clone().map(|volumes| {
            let etcd = volumes.iter().find(|volume| volume.id == "ETCD");
            etcd.is_some_and(|volume| volume.is_partition)
        })
    }

    /// `cp-1 (10.0.0.2)`: for people.
    pub fn title(&self) -> String {
        match &self.hostname {
            Some(name) if *name != self.node => format!("{name} ({})", self.node),
            _ => self.node.clone(),
        }
    }
}
