//! The simulator's own threads: a runtime that serves the nodes, and the thread that etcd
//! processes hang on. That thread ends last, so the kernel ends no etcd too early, and none is
//! left when the whole process is killed.

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use etcdbackup_proto::cosi::resource::state_server::StateServer;
use etcdbackup_proto::machine::machine_service_server::MachineServiceServer;
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;

use crate::certificates::Authority;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::etcd::process::{Processes, Program};
use crate::routing::Apid;
use crate::tls;

/// How long requests may take to end when the simulator does.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where the outcome of a command goes.
pub(crate) type Done = mpsc::Sender<Result<(), Error>>;

/// What the simulator tells its engine.
pub(crate) enum Command {
    StartEtcd(usize, Done),
    StopEtcd(usize, Done),
    Stop,
}

/// All that is needed to run.
pub(crate) struct Plan {
    cluster: Arc<Cluster>,
    doors: Vec<(TcpListener, TlsAcceptor)>,
    program: Option<Program>,
}

impl Plan {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        authority: &Authority,
        listeners: Vec<TcpListener>,
        program: Option<Program>,
    ) -> Result<Self, Error> {
        let door = |(listener, node): (TcpListener, &Arc<crate::cluster::Node>)| {
            let identity = authority.server(&node.name, node.address)?;
            Ok((listener, tls::acceptor(authority, identity)?))
        };
        let doors = listeners
            .into_iter()
            .zip(&cluster.nodes)
            .map(door)
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            cluster,
            doors,
            program,
        })
    }

    /// Serves until told to stop. `ready` hears once, when everything serves.
    pub(crate) fn run(
        self,
        inbox: UnboundedReceiver<Command>,
        ready: &mpsc::Sender<Result<Handle, Error>>,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        match runtime.map_err(Error::at("starting a runtime")) {
            Ok(runtime) => {
                runtime.block_on(self.serve(&runtime, inbox, ready));
                runtime.shutdown_timeout(FAREWELL);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    }

    async fn serve(
        self,
        runtime: &Runtime,
        mut inbox: UnboundedReceiver<Command>,
        ready: &mpsc::Sender<Result<Handle, Error>>,
    ) {
        let cluster = self.cluster.clone();
        for (node, (listener, acceptor)) in cluster.nodes.iter().cloned().zip(self.doors) {
            let apid = Apid {
                node: node.clone(),
                cluster: cluster.clone(),
            };
            let routes = Routes::new(MachineServiceServer::new(apid.clone()))
                .add_service(StateServer::new(apid));
            let routes = routes.prepare();
            runtime.spawn(async move { node.door.serve(listener, acceptor, routes).await });
        }
        let mut etcd = match start_all(&cluster, self.program).await {
            Ok(etcd) => etcd,
            Err(error) => return drop(ready.send(Err(error))),
        };
        ready.send(Ok(runtime.handle().clone())).ok();
        while let Some(command) = inbox.recv().await {
            match command {
                Command::StartEtcd(index, done) => {
                    done.send(start(&mut etcd, index, &cluster).await).ok();
                }
                Command::StopEtcd(index, done) => {
                    done.send(stop(&mut etcd, index, &cluster)).ok();
                }
                Command::Stop => break,
            }
        }
    }
}

/// The processes before their folder: they end before it goes.
struct Etcd {
    processes: Processes,
    _folder: TempDir,
}

async fn start_all(cluster: &Cluster, program: Option<Program>) -> Result<Option<Etcd>, Error> {
    let Some(program) = program else {
        return Ok(None);
    };
    let folder = tempfile::Builder::new()
        .prefix("talos-sim-")
        .tempdir()
        .map_err(Error::at("making a folder"))?;
    let mut processes = Processes::new(program, folder.path(), cluster);
    let indices: Vec<_> = (0..cluster.nodes.len())
        .filter(|&index| cluster.nodes[index].is_control_plane())
        .collect();
    for &index in &indices {
        let client = EtcdClient::new(cluster.nodes[index].address)?;
        client.set_process_id(processes.start(index, cluster)?);
        cluster.nodes[index].etcd.set(client).ok();
    }
    processes.wait(&indices, cluster).await?;
    Ok(Some(Etcd {
        processes,
        _folder: folder,
    }))
}

fn running<'a>(
    etcd: &'a mut Option<Etcd>,
    index: usize,
    cluster: &Cluster,
) -> Result<&'a mut Processes, Error> {
    let has_etcd = cluster
        .nodes
        .get(index)
        .is_some_and(|node| node.etcd.get().is_some());
    let etcd = etcd.as_mut().filter(|_| has_etcd);
    etcd.map(|etcd| &mut etcd.processes)
        .ok_or_else(|| Error::new(format!("node {index} has no etcd")))
}

async fn start(etcd: &mut Option<Etcd>, index: usize, cluster: &Cluster) -> Result<(), Error> {
    let processes = running(etcd, index, cluster)?;
    let process = processes.start(index, cluster)?;
    if let Some(client) = cluster.nodes[index].etcd.get() {
        client.set_process_id(process);
    }
    processes.wait(&[index], cluster).await
}

fn stop(etcd: &mut Option<Etcd>, index: usize, cluster: &Cluster) -> Result<(), Error> {
    running(etcd, index, cluster)?.stop(index);
    Ok(())
}
