//! The simulator as a test holds it: built, started, changed while it runs, gone when dropped.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::thread::JoinHandle;

use crate::builder::Builder;
use crate::calls::Call;
use crate::certificates::{Authority, Identity, Validity};
use crate::cluster::{Cluster, Kind, Node};
use crate::engine::{Running, Stop};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::faults::Fault;
use crate::fill::{self, Fill, Filled};
use crate::network::{APID_PORT, ETCD_CLIENT_PORT, Network};
use crate::record::Record;
use crate::script::EtcdScript;
use crate::snapshot::Source;
use crate::talosconfig::Talosconfig;

/// A node as tests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Host name.
    pub name: String,
    /// Its own loopback address.
    pub address: Ipv4Addr,
    /// Control plane or worker.
    pub kind: Kind,
}

/// A running simulator. Dropping it ends its etcd processes and removes their data.
pub struct Simulator {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) stop: tokio::sync::mpsc::UnboundedSender<Stop>,
    pub(crate) thread: Option<JoinHandle<()>>,
    /// None until it has started.
    pub(crate) running: Option<Running>,
    pub(crate) _network: Network,
}

impl Simulator {
    /// Begins to describe a simulator.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// All nodes: control planes first. Their order is the index that other methods take.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeInfo> {
        let info = |node: &Arc<Node>| NodeInfo {
            name: node.name.clone(),
            address: node.address,
            kind: node.kind,
        };
        self.cluster.nodes.iter().map(info).collect()
    }

    /// The address of one node.
    #[must_use]
    pub fn address(&self, node: usize) -> String {
        self.cluster.nodes[node].address.to_string()
    }

    /// The addresses of the control planes.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.cluster
            .control_planes()
            .map(|node| node.address.to_string())
            .collect()
    }

    /// apid's address and port of one node.
    #[must_use]
    pub fn apid(&self, node: usize) -> String {
        format!("{}:{APID_PORT}", self.address(node))
    }

    /// The client URLs of the real etcd members; empty without etcd.
    #[must_use]
    pub fn etcd_endpoints(&self) -> Vec<String> {
        let members = self
            .cluster
            .control_planes()
            .filter(|node| node.etcd.get().is_some());
        members
            .map(|node| format!("http://{}:{ETCD_CLIENT_PORT}", node.address))
            .collect()
    }

    /// The process ids of the real etcd members; empty without etcd.
    #[must_use]
    pub fn etcd_processes(&self) -> Vec<u32> {
        self.cluster
            .control_planes()
            .filter_map(|node| node.etcd.get())
            .map(EtcdClient::process_id)
            .collect()
    }

    /// The cluster's CA.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.cluster.authority
    }

    /// A talosconfig for this cluster: all control planes as endpoints, no nodes, and a client
    /// with these roles. Its fields can be changed before it is written.
    ///
    /// # Errors
    /// As [`Authority::client`].
    pub fn talosconfig(&self, roles: &[&str]) -> Result<Talosconfig, Error> {
        Ok(self.talosconfig_for(self.cluster.authority.client(roles, Validity::year())?))
    }

    /// A talosconfig for a client of any kind.
    #[must_use]
    pub fn talosconfig_for(&self, identity: Identity) -> Talosconfig {
        Talosconfig {
            context: self.cluster.name.clone(),
            endpoints: self.endpoints(),
            nodes: Vec::new(),
            authority: self.cluster.authority.pem(),
            identity,
            proxy: None,
        }
    }

    /// Makes every snapshot of a node meet a fault, from now on.
    ///
    /// # Errors
    /// Only [`Fault::Down`] can fail.
    pub fn inject(&self, node: usize, fault: Fault) -> Result<(), Error> {
        self.inject_on(node, "EtcdSnapshot", fault, None)
    }

    /// Makes the next `calls` snapshots of a node meet a fault. Plans are used up in order.
    ///
    /// # Errors
    /// Only [`Fault::Down`] can fail.
    pub fn inject_times(&self, node: usize, fault: Fault, calls: u32) -> Result<(), Error> {
        self.inject_on(node, "EtcdSnapshot", fault, Some(calls))
    }

    /// Makes calls of any method (bare name) meet a fault: all, or the next so many.
    ///
    /// # Errors
    /// Only [`Fault::Down`] can fail.
    pub fn inject_on(
        &self,
        node: usize,
        method: &str,
        fault: Fault,
        calls: Option<u32>,
    ) -> Result<(), Error> {
        if fault == Fault::Down {
            return self.take_down(node);
        }
        self.cluster.nodes[node].faults.plan(method, fault, calls);
        Ok(())
    }

    /// Forgets all faults of all nodes, and brings every node up.
    ///
    /// # Errors
    /// When a node cannot listen again.
    pub fn clear_faults(&self) -> Result<(), Error> {
        for (index, node) in self.cluster.nodes.iter().enumerate() {
            node.faults.clear();
            self.bring_up(index)?;
        }
        Ok(())
    }

    /// Turns a node's apid off: its connections drop, new ones are refused. The machine itself
    /// lives on.
    ///
    /// # Errors
    /// When the simulator has stopped.
    pub fn take_down(&self, node: usize) -> Result<(), Error> {
        let node = &self.cluster.nodes[node];
        node.cut_off.store(true, Ordering::SeqCst);
        node.door.shut()
    }

    /// Turns a node's apid on again, unless the machine is off.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn bring_up(&self, node: usize) -> Result<(), Error> {
        let node = &self.cluster.nodes[node];
        node.cut_off.store(false, Ordering::SeqCst);
        if node.machine().is_on {
            node.door.open()?;
        }
        Ok(())
    }

    /// Changes what a control plane says about its etcd, where no real one runs.
    pub fn script(&self, node: usize, change: impl FnOnce(&mut EtcdScript)) {
        change(&mut self.cluster.nodes[node].script());
    }

    /// Serves snapshots from elsewhere from now on; `None`: from etcd.
    pub fn set_source(&self, source: Option<Source>) {
        *self
            .cluster
            .source
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.cluster.calls.all()
    }

    /// Everything that changed anything, for a judge.
    #[must_use]
    pub fn record(&self) -> Record {
        self.cluster.record.clone()
    }

    /// Every call so far, and forgets them.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.cluster.calls.take()
    }

    /// Runs a future on the simulator's runtime and waits for it, wherever the caller runs.
    pub(crate) fn wait_for<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let running = self.running.as_ref();
        let running = running.ok_or_else(|| Error::new("the simulator has not started"))?;
        let (done, answer) = mpsc::channel();
        running
            .runtime
            .spawn(async move { done.send(future.await).ok() });
        answer
            .recv()
            .map_err(|_| Error::new("the simulator has stopped"))?
    }

    /// The hash of all keys and values in one control plane's etcd, and the revision it is of:
    /// equal for equal contents, also after a restore.
    ///
    /// # Errors
    /// When no etcd answers there.
    pub fn hash_kv(&self, node: usize) -> Result<(u32, i64), Error> {
        let node = self.cluster.nodes[node].clone();
        self.wait_for(async move {
            let etcd = node
                .etcd
                .get()
                .ok_or_else(|| Error::new("a node without etcd"))?;
            etcd.hash_kv()
                .await
                .map_err(Error::at("hashing etcd's keys"))
        })
    }

    /// Fills etcd with Kubernetes-shaped objects.
    ///
    /// # Errors
    /// When there is no etcd, or it refuses.
    pub fn fill(&self, fill: Fill) -> Result<Filled, Error> {
        self.wait_for(fill::run(self.cluster.clone(), fill))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send(Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
