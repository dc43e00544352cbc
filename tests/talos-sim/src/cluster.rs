//! The state that all nodes of one simulator share.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::calls::CallLog;
use crate::certificates::Authority;
use crate::disk::Disk;
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::events::EventLog;
use crate::faults::Faults;
use crate::life::{Order, Timers};
use crate::listener::{Door, Entrance};
use crate::record::Record;
use crate::script::EtcdScript;
use crate::snapshot::Source;
use crate::state::{Machine, Secrets};
use crate::tls;
use crate::version::TalosVersion;

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs etcd.
    ControlPlane,
    /// The legacy machine type `init`: a control plane that bootstraps etcd by itself whenever
    /// it finds no data.
    Init,
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
    /// Whether a test took apid down: the machine may boot, and still nobody reaches it.
    pub(crate) cut_off: AtomicBool,
    /// What stands for etcd on a control plane, where no real one runs.
    pub(crate) script: Mutex<EtcdScript>,
    /// The way to the real etcd, where one is meant to run.
    pub(crate) etcd: OnceLock<EtcdClient>,
    pub(crate) disk: Disk,
    pub(crate) machine: Mutex<Machine>,
    pub(crate) events: EventLog,
    pub(crate) orders: UnboundedSender<Order>,
    /// Taken by the machine's life.
    pub(crate) inbox: Mutex<Option<UnboundedReceiver<Order>>>,
}

impl Node {
    pub(crate) fn is_control_plane(&self) -> bool {
        self.kind != Kind::Worker
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, EtcdScript> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's state. Never held across a wait.
    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All machines, and what is true of all of them.
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) version: TalosVersion,
    pub(crate) authority: Authority,
    /// Of another cluster, whose secrets a node may come with.
    pub(crate) stranger: Authority,
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) calls: CallLog,
    pub(crate) record: Record,
    /// Where snapshots come from; `None`: from each node's own etcd.
    pub(crate) source: Mutex<Option<Source>>,
    /// The machine config of every control plane.
    pub(crate) machine_config: Option<String>,
    pub(crate) timers: Timers,
    pub(crate) started: SystemTime,
}

impl Cluster {
    pub(crate) fn source(&self) -> Option<Source> {
        self.source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a node's config one with these secrets: whom it lets in, and who trusts it.
    pub(crate) fn give_secrets(&self, node: &Node, secrets: Secrets) -> Result<(), Error> {
        let authority = match secrets {
            Secrets::Own => &self.authority,
            Secrets::Foreign | Secrets::None => &self.stranger,
        };
        let identity = authority.server(&node.name, node.address)?;
        let acceptor = match secrets {
            Secrets::None => tls::open_acceptor(identity)?,
            Secrets::Own | Secrets::Foreign => tls::acceptor(authority, identity)?,
        };
        node.door.set_entrance(Entrance { acceptor, secrets });
        node.machine().secrets = secrets;
        Ok(())
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
