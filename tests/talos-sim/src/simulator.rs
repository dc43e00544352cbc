//! The simulator as a test holds it: built, started, changed while it runs, gone when dropped.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::SystemTime;

use bytes::Bytes;

use crate::calls::{Call, CallLog};
use crate::certificates::{Authority, Identity, Validity};
use crate::cluster::{Cluster, Kind, Node};
use crate::engine::{self, Command};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::etcd::process::Program;
use crate::faults::{Fault, Faults};
use crate::fill::{self, Fill, Filled};
use crate::listener::Door;
use crate::network::{APID_PORT, ETCD_CLIENT_PORT, Network};
use crate::script::EtcdScript;
use crate::snapshot::Source;
use crate::talosconfig::Talosconfig;
use crate::version::TalosVersion;

/// First member id of scripted members; each node adds its number.
const FIRST_MEMBER: u64 = 0x8e9e_05c5_2164_6900;

/// What a simulator shall be. Without further words: three control planes, no worker, no etcd.
#[derive(Debug, Clone)]
pub struct Builder {
    control_planes: usize,
    workers: usize,
    version: TalosVersion,
    name: String,
    etcd: Option<PathBuf>,
    restored: Option<PathBuf>,
    source: Option<Source>,
    machine_config: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            control_planes: 3,
            workers: 0,
            version: TalosVersion::default(),
            name: "sim".to_owned(),
            etcd: None,
            restored: None,
            source: None,
            machine_config: None,
        }
    }
}

impl Builder {
    /// How many control planes: `cp-1` and on.
    #[must_use]
    pub fn control_planes(mut self, count: usize) -> Self {
        self.control_planes = count;
        self
    }

    /// How many workers: `worker-1` and on.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Which Talos it pretends to be.
    #[must_use]
    pub fn version(mut self, version: TalosVersion) -> Self {
        self.version = version;
        self
    }

    /// The cluster's name, and its context's in a talosconfig.
    #[must_use]
    pub fn cluster_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Runs a real etcd, this program, behind every control plane.
    #[must_use]
    pub fn etcd(mut self, program: &Path) -> Self {
        self.etcd = Some(program.to_owned());
        self
    }

    /// Begins every etcd with what this snapshot holds, as a recovered cluster does.
    #[must_use]
    pub fn restored_from(mut self, snapshot: &Path) -> Self {
        self.restored = Some(snapshot.to_owned());
        self
    }

    /// Serves snapshots from this file instead of from etcd.
    #[must_use]
    pub fn snapshot_file(mut self, path: &Path) -> Self {
        self.source = Some(Source::File(path.to_owned()));
        self
    }

    /// Serves these bytes as the snapshot.
    #[must_use]
    pub fn snapshot_bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.source = Some(Source::Bytes(bytes.into()));
        self
    }

    /// The machine config of every control plane; without one there is no such resource.
    #[must_use]
    pub fn machine_config(mut self, text: &str) -> Self {
        self.machine_config = Some(text.to_owned());
        self
    }

    /// Starts it, on threads of its own. Returns when every node serves, and every etcd has a
    /// leader.
    ///
    /// # Errors
    /// No free network, no etcd program, etcd not ready within 30 s (with the end of its log).
    pub fn start(self) -> Result<Simulator, Error> {
        if self.control_planes + self.workers > 250 {
            return Err(Error::new("more nodes than addresses"));
        }
        let program = self.etcd.as_deref();
        let program = program.map(|path| Program::at(path, self.restored.clone()));
        let program = program.transpose()?;
        let authority = Authority::new()?;
        let (network, listeners) = Network::claim(self.control_planes + self.workers)?;
        let cluster = Arc::new(self.cluster(&network));
        let engine = engine::Plan::new(cluster.clone(), &authority, listeners, program)?;
        let (commands, inbox) = tokio::sync::mpsc::unbounded_channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("talos-sim".to_owned())
            .spawn(move || engine.run(inbox, &ready))
            .map_err(Error::at("starting a thread"))?;
        let simulator = Simulator {
            cluster,
            authority,
            commands,
            thread: Some(thread),
            _network: network,
            runtime: Mutex::new(None),
        };
        let runtime = started
            .recv()
            .map_err(Error::at("starting the simulator"))??;
        *simulator
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        Ok(simulator)
    }

    fn cluster(self, network: &Network) -> Cluster {
        let node = |index: usize| {
            let (kind, name) = match index.checked_sub(self.control_planes) {
                None => (Kind::ControlPlane, format!("cp-{}", index + 1)),
                Some(worker) => (Kind::Worker, format!("worker-{}", worker + 1)),
            };
            Arc::new(Node {
                name,
                address: network.address(index),
                kind,
                faults: Faults::default(),
                door: Door::new(),
                script: Mutex::new(EtcdScript::healthy(
                    FIRST_MEMBER + index as u64,
                    FIRST_MEMBER,
                )),
                etcd: std::sync::OnceLock::new(),
            })
        };
        Cluster {
            nodes: (0..self.control_planes + self.workers).map(node).collect(),
            name: self.name,
            version: self.version,
            calls: CallLog::default(),
            source: Mutex::new(self.source),
            machine_config: self.machine_config,
            started: SystemTime::now(),
        }
    }
}

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
    cluster: Arc<Cluster>,
    authority: Authority,
    commands: tokio::sync::mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
    runtime: Mutex<Option<tokio::runtime::Handle>>,
    _network: Network,
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
        &self.authority
    }

    /// A talosconfig for this cluster: all control planes as endpoints, no nodes, and a client
    /// with these roles. Its fields can be changed before it is written.
    ///
    /// # Errors
    /// As [`Authority::client`].
    pub fn talosconfig(&self, roles: &[&str]) -> Result<Talosconfig, Error> {
        Ok(self.talosconfig_for(self.authority.client(roles, Validity::year())?))
    }

    /// A talosconfig for a client of any kind.
    #[must_use]
    pub fn talosconfig_for(&self, identity: Identity) -> Talosconfig {
        Talosconfig {
            context: self.cluster.name.clone(),
            endpoints: self.endpoints(),
            nodes: Vec::new(),
            authority: self.authority.pem(),
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

    /// Turns a node's apid off: its connections drop, new ones are refused.
    ///
    /// # Errors
    /// When the simulator has stopped.
    pub fn take_down(&self, node: usize) -> Result<(), Error> {
        self.cluster.nodes[node].door.shut()
    }

    /// Turns a node's apid on again.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn bring_up(&self, node: usize) -> Result<(), Error> {
        self.cluster.nodes[node].door.open()
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

    /// Every call so far, and forgets them.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.cluster.calls.take()
    }

    /// Kills one control plane's etcd. What needs it hangs from then on.
    ///
    /// # Errors
    /// When there is none.
    pub fn stop_etcd(&self, node: usize) -> Result<(), Error> {
        self.command(|done| Command::StopEtcd(node, done))
    }

    /// Starts one control plane's etcd again and waits until it has a leader.
    ///
    /// # Errors
    /// When there is none, or it has no leader within 30 s.
    pub fn start_etcd(&self, node: usize) -> Result<(), Error> {
        self.command(|done| Command::StartEtcd(node, done))
    }

    fn command(&self, command: impl FnOnce(engine::Done) -> Command) -> Result<(), Error> {
        let (done, answer) = mpsc::channel();
        self.commands
            .send(command(done))
            .map_err(|_| Error::new("the simulator has stopped"))?;
        answer
            .recv()
            .map_err(|_| Error::new("the simulator has stopped"))?
    }

    /// Runs a future on the simulator's runtime and waits for it, wherever the caller runs.
    pub(crate) fn wait_for<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let runtime = self
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let runtime = runtime.ok_or_else(|| Error::new("the simulator has not started"))?;
        let (done, answer) = mpsc::channel();
        runtime.spawn(async move { done.send(future.await).ok() });
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
        self.commands.send(Command::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
