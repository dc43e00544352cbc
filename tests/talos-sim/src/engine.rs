//! The simulator's own threads: a runtime that serves the nodes and lives their lives, and the
//! thread that etcd's processes hang on. That thread ends last, so the kernel ends no etcd too
//! early, and none is left when the whole process is killed.

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use etcdbackup_proto::cosi::resource::state_server::StateServer;
use etcdbackup_proto::machine::machine_service_server::MachineServiceServer;
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::service::Routes;

use crate::cluster::{Cluster, Node};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::etcd::process::{Processes, Program, Slot, Spawn};
use crate::life::{Life, Start};
use crate::routing::Apid;
use crate::services::Service;
use crate::state::Secrets;

/// How long requests may take to end when the simulator does.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long the cluster may take until it is what it shall begin as.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(30);

/// The simulator ends.
pub(crate) struct Stop;

/// What a test holds of a running engine.
pub(crate) struct Running {
    pub(crate) runtime: Handle,
    pub(crate) processes: Option<Arc<Processes>>,
}

/// All that is needed to run.
pub(crate) struct Plan {
    pub(crate) cluster: Arc<Cluster>,
    /// Each holds its node's address until the node serves there.
    pub(crate) claims: Vec<TcpListener>,
    pub(crate) program: Option<Program>,
    /// Whether the cluster is still to be bootstrapped.
    pub(crate) unbootstrapped: bool,
    /// With the disks of all nodes. It goes when all has ended.
    pub(crate) folder: TempDir,
}

impl Plan {
    /// Serves until told to stop. `ready` hears once, when everything serves.
    pub(crate) fn run(
        self,
        inbox: UnboundedReceiver<Stop>,
        ready: &mpsc::Sender<Result<Running, Error>>,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        match runtime.map_err(Error::at("starting a runtime")) {
            Ok(runtime) => {
                // The folder outlives the runtime, whose tasks write there.
                let _folder = runtime.block_on(self.serve(&runtime, inbox, ready));
                runtime.shutdown_timeout(FAREWELL);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    }

    async fn serve(
        mut self,
        runtime: &Runtime,
        mut inbox: UnboundedReceiver<Stop>,
        ready: &mpsc::Sender<Result<Running, Error>>,
    ) -> TempDir {
        let (spawner, mut spawns) = unbounded_channel();
        let (said, begun) = tokio::sync::oneshot::channel();
        let processes = match self.begin(runtime, spawner, said) {
            Ok(processes) => processes,
            Err(error) => {
                ready.send(Err(error)).ok();
                return self.folder;
            }
        };
        let running = Running {
            runtime: runtime.handle().clone(),
            processes: processes.clone(),
        };
        let mut begun = Some((begun, running));
        loop {
            let waits = async {
                match &mut begun {
                    Some((begun, _)) => begun.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = inbox.recv() => break,
                Some(spawn) = spawns.recv() => if let Some(processes) = &processes {
                    processes.spawn_here(spawn);
                },
                outcome = waits => if let Some((_, running)) = begun.take() {
                    let outcome = outcome.unwrap_or_else(|_| Err(Error::new("it did not begin")));
                    ready.send(outcome.map(|()| running)).ok();
                },
            }
        }
        drop(spawns);
        if let Some(processes) = &processes {
            processes.stop_all();
        }
        self.folder
    }

    /// Brings every node to life. `said` hears when the cluster is what it shall begin as.
    fn begin(
        &mut self,
        runtime: &Runtime,
        spawner: UnboundedSender<Spawn>,
        said: tokio::sync::oneshot::Sender<Result<(), Error>>,
    ) -> Result<Option<Arc<Processes>>, Error> {
        let program = self.program.take();
        let processes =
            program.map(|program| Arc::new(Processes::new(program, self.folder.path(), spawner)));
        let start = if self.unbootstrapped {
            Start::Plain
        } else {
            Start::First
        };
        let cluster = &self.cluster;
        for (index, claim) in self.claims.drain(..).enumerate() {
            let node = cluster.nodes[index].clone();
            self.cluster.give_secrets(&node, Secrets::Own)?;
            if node.is_control_plane() {
                furnish(&node, processes.is_some(), self.unbootstrapped)?;
            }
            let apid = Apid {
                node: node.clone(),
                cluster: cluster.clone(),
            };
            let routes = Routes::new(MachineServiceServer::new(apid.clone()))
                .add_service(StateServer::new(apid))
                .prepare();
            let life = Life {
                node: node.clone(),
                cluster: cluster.clone(),
                index,
                processes: processes.clone(),
            };
            runtime.spawn(async move { node.door.serve(claim, routes).await });
            runtime.spawn(life.live(start));
        }
        let (cluster, started) = (cluster.clone(), processes.clone());
        let bootstrapped = !self.unbootstrapped;
        runtime.spawn(async move {
            let outcome = all_begun(&cluster, started.as_deref(), bootstrapped).await;
            said.send(outcome).ok();
        });
        Ok(processes)
    }
}

/// What a control plane has before its first boot.
fn furnish(node: &Node, real: bool, unbootstrapped: bool) -> Result<(), Error> {
    if real {
        node.etcd.set(EtcdClient::new(node.address)?).ok();
    } else if !unbootstrapped {
        let pretended = node.disk.pretend_data();
        pretended.map_err(Error::at("writing pretended data"))?;
    }
    Ok(())
}

async fn all_begun(
    cluster: &Cluster,
    processes: Option<&Processes>,
    bootstrapped: bool,
) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    for (index, node) in cluster.nodes.iter().enumerate() {
        while !node.door.is_open() {
            give_up_after(until, node, processes, index)?;
            tokio::time::sleep(POLL).await;
        }
        if !node.is_control_plane() {
            continue;
        }
        while !begun(node, bootstrapped) {
            let (state, message) = last(node);
            if state == "Failed" || message.starts_with("Error running") {
                return Err(failure(node, processes, index));
            }
            give_up_after(until, node, processes, index)?;
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// What etcd's service said last.
fn last(node: &Node) -> (&'static str, String) {
    let machine = node.machine();
    let last = machine.etcd.as_ref().map(Service::last);
    last.map_or(("", String::new()), |(state, message)| {
        (state, message.to_owned())
    })
}

fn begun(node: &Node, bootstrapped: bool) -> bool {
    if bootstrapped || node.kind == crate::cluster::Kind::Init {
        node.machine().etcd_is_healthy()
    } else {
        // With a node of type `init` there may be a cluster to join.
        matches!(last(node).0, "Preparing" | "Running")
    }
}

fn give_up_after(
    until: Instant,
    node: &Node,
    processes: Option<&Processes>,
    index: usize,
) -> Result<(), Error> {
    if Instant::now() < until {
        return Ok(());
    }
    Err(failure(node, processes, index))
}

/// Why a node is not what it should be, with the end of its etcd's log.
pub(crate) fn failure(node: &Node, processes: Option<&Processes>, index: usize) -> Error {
    let (state, message) = last(node);
    let log = processes.map(|processes| processes.last_words(Slot::Member(index)));
    Error::new(format!(
        "etcd of {} is not as it should be: {state}: {message}; its log ends:\n{}",
        node.name,
        log.unwrap_or_default()
    ))
}
