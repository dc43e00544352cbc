//! What a simulator shall be, and how it comes to be.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::SystemTime;

use bytes::Bytes;

use crate::calls::CallLog;
use crate::certificates::Authority;
use crate::cluster::{Cluster, Kind, Node};
use crate::disk::Disk;
use crate::engine;
use crate::error::Error;
use crate::etcd::process::Program;
use crate::events::EventLog;
use crate::faults::Faults;
use crate::life::Timers;
use crate::listener::Door;
use crate::network::Network;
use crate::record::Record;
use crate::script::EtcdScript;
use crate::simulator::Simulator;
use crate::snapshot::Source;
use crate::state::Machine;
use crate::version::TalosVersion;

/// Bytes of EPHEMERAL, unless a test says otherwise.
const EPHEMERAL: u64 = 20 << 30;
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
    init: BTreeSet<usize>,
    unbootstrapped: bool,
    etcd_partition: bool,
    ephemeral: u64,
    quota: Option<u64>,
    speed: u32,
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
            init: BTreeSet::new(),
            unbootstrapped: false,
            etcd_partition: false,
            ephemeral: EPHEMERAL,
            quota: None,
            speed: 1,
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

    /// Makes a control plane one of the legacy machine type `init`.
    #[must_use]
    pub fn init_node(mut self, node: usize) -> Self {
        self.init.insert(node);
        self
    }

    /// Begins before the first Bootstrap: every control plane waits in `Preparing`, without data.
    #[must_use]
    pub fn unbootstrapped(mut self) -> Self {
        self.unbootstrapped = true;
        self
    }

    /// Gives etcd a partition of its own on every control plane, as Talos can since 1.14.
    #[must_use]
    pub fn etcd_partition(mut self) -> Self {
        self.etcd_partition = true;
        self
    }

    /// Bytes of every node's EPHEMERAL.
    #[must_use]
    pub fn ephemeral_size(mut self, bytes: u64) -> Self {
        self.ephemeral = bytes;
        self
    }

    /// Bytes that every real etcd's database may have.
    #[must_use]
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = Some(bytes);
        self
    }

    /// Makes Talos' long waits pass so many times faster: 30 minutes until it gives up joining,
    /// 70 until it reboots, 5 for a graceful leave.
    #[must_use]
    pub fn hurry(mut self, times: u32) -> Self {
        self.speed = times.max(1);
        self
    }

    /// Starts it, on threads of its own. Returns when every node serves, and every etcd is
    /// healthy, or, unbootstrapped, waits in `Preparing`.
    ///
    /// # Errors
    /// No free network, no etcd program, etcd not ready within two minutes (with the end of its
    /// log).
    pub fn start(self) -> Result<Simulator, Error> {
        if self.control_planes + self.workers > 250 {
            return Err(Error::new("more nodes than addresses"));
        }
        let program = self.etcd.as_deref();
        let program = program.map(|path| Program::at(path, self.restored.clone()));
        let mut program = program.transpose()?;
        if let (Some(program), Some(quota)) = (&mut program, self.quota) {
            program.quota = quota;
        }
        let folder = tempfile::Builder::new()
            .prefix("talos-sim-")
            .tempdir()
            .map_err(Error::at("making a folder"))?;
        let (network, claims) = Network::claim(self.control_planes + self.workers)?;
        let unbootstrapped = self.unbootstrapped;
        let cluster = Arc::new(self.cluster(&network, folder.path())?);
        let plan = engine::Plan {
            cluster: cluster.clone(),
            claims,
            program,
            unbootstrapped,
            folder,
        };
        let (stop, inbox) = tokio::sync::mpsc::unbounded_channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("talos-sim".to_owned())
            .spawn(move || plan.run(inbox, &ready))
            .map_err(Error::at("starting a thread"))?;
        let mut simulator = Simulator {
            cluster,
            stop,
            thread: Some(thread),
            _network: network,
            running: None,
        };
        let running = started
            .recv()
            .map_err(Error::at("starting the simulator"))??;
        simulator.running = Some(running);
        Ok(simulator)
    }

    fn cluster(self, network: &Network, folder: &Path) -> Result<Cluster, Error> {
        let nodes = (0..self.control_planes + self.workers)
            .map(|index| Arc::new(self.node(index, network.address(index), folder)))
            .collect();
        Ok(Cluster {
            nodes,
            name: self.name,
            version: self.version,
            authority: Authority::new()?,
            stranger: Authority::new()?,
            calls: CallLog::default(),
            record: Record::default(),
            source: Mutex::new(self.source),
            machine_config: self.machine_config,
            timers: Timers { speed: self.speed },
            started: SystemTime::now(),
        })
    }

    fn node(&self, index: usize, address: Ipv4Addr, folder: &Path) -> Node {
        let (kind, name) = match index.checked_sub(self.control_planes) {
            None if self.init.contains(&index) => (Kind::Init, format!("cp-{}", index + 1)),
            None => (Kind::ControlPlane, format!("cp-{}", index + 1)),
            Some(worker) => (Kind::Worker, format!("worker-{}", worker + 1)),
        };
        let (orders, inbox) = tokio::sync::mpsc::unbounded_channel();
        let root = folder.join(&name);
        let own = self.etcd_partition && kind != Kind::Worker;
        Node {
            name,
            address,
            kind,
            faults: Faults::default(),
            door: Door::new(),
            cut_off: false.into(),
            script: Mutex::new(EtcdScript::healthy(
                FIRST_MEMBER + index as u64,
                FIRST_MEMBER,
            )),
            etcd: std::sync::OnceLock::new(),
            disk: Disk::new(root, own, self.ephemeral),
            machine: Mutex::new(Machine::new()),
            events: EventLog::new(),
            orders,
            inbox: Mutex::new(Some(inbox)),
        }
    }
}
