//! The state that all nodes of one simulator share.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::calls::CallLog;
use crate::etcd::EtcdClient;
use crate::faults::Faults;
use crate::listener::Door;
use crate::script::EtcdScript;
use crate::snapshot::Source;
use crate::version::TalosVersion;

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs etcd.
    ControlPlane,
    /// Does not, and forwards no requests.
    Worker,
}

/// One machine.
pub(crate) struct Node {
    /// Host name, as `cp-1`.
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) kind: Kind,
    pub(crate) faults: Faults,
    pub(crate) door: Door,
    /// What stands for etcd on a control plane, where no real one runs.
    pub(crate) script: Mutex<EtcdScript>,
    /// The real etcd, once it runs.
    pub(crate) etcd: OnceLock<EtcdClient>,
}

impl Node {
    pub(crate) fn is_control_plane(&self) -> bool {
        self.kind == Kind::ControlPlane
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, EtcdScript> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All machines, and what is true of all of them.
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) version: TalosVersion,
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) calls: CallLog,
    /// Where snapshots come from; `None`: from each node's own etcd.
    pub(crate) source: Mutex<Option<Source>>,
    /// The machine config of every control plane.
    pub(crate) machine_config: Option<String>,
    pub(crate) started: SystemTime,
}

impl Cluster {
    pub(crate) fn source(&self) -> Option<Source> {
        self.source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn control_planes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().filter(|node| node.is_control_plane())
    }

    /// The node of a routing target: its address or its host name.
    pub(crate) fn find(&self, target: &str) -> Option<&Arc<Node>> {
        self.nodes
            .iter()
            .find(|node| node.name == target || node.address.to_string() == target)
    }
}
