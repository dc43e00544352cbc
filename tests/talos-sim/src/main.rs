//! `talos-sim`: the simulator as a program. Prints one line of JSON when everything serves, then
//! runs until SIGTERM, SIGINT or, when asked, the end of stdin; leaves nothing behind.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program that talks plainly"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use talos_sim::{Error, Fault, Fill, Kind, Simulator, TalosVersion, Validity, roles};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A Talos control plane on loopback, with a real etcd behind it.
#[derive(Debug, Parser)]
#[command(name = "talos-sim", disable_version_flag = true)]
struct Cli {
    /// Control planes.
    #[arg(long, default_value_t = 3, value_name = "N")]
    nodes: usize,
    /// Workers.
    #[arg(long, default_value_t = 0, value_name = "N")]
    workers: usize,
    /// Which Talos to pretend to be.
    #[arg(long, default_value_t = TalosVersion::default(), value_name = "vX.Y.Z")]
    version: TalosVersion,
    /// Name of the cluster, and of the talosconfig's context.
    #[arg(long, default_value = "sim")]
    name: String,
    /// etcd program; none: no etcd runs, and a snapshot needs --source.
    #[arg(long, env = "TALOS_SIM_ETCD", value_name = "PATH")]
    etcd: Option<PathBuf>,
    /// Begin every etcd with what this snapshot holds.
    #[arg(long, value_name = "FILE", requires = "etcd")]
    restore: Option<PathBuf>,
    /// Leave the cluster to be bootstrapped: every control plane waits in `Preparing`.
    #[arg(long)]
    unbootstrapped: bool,
    /// Give etcd a partition of its own on every control plane.
    #[arg(long)]
    etcd_partition: bool,
    /// Make Talos' waits of 30 and 70 minutes pass so many times faster.
    #[arg(long, default_value_t = 1, value_name = "TIMES")]
    hurry: u32,
    /// Serve snapshots from this file instead of from etcd.
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Fill etcd with so many Kubernetes objects (500), with so many bytes of them (64MiB), or
    /// not at all (none).
    #[arg(long, default_value = "none", value_name = "N|SIZE|none")]
    fill: String,
    /// Write an admin's talosconfig here.
    #[arg(long, value_name = "FILE")]
    talosconfig: Option<PathBuf>,
    /// Write another talosconfig, for these roles (several: with commas between).
    #[arg(long, value_name = "ROLE=FILE")]
    talosconfig_role: Vec<String>,
    /// Write a talosconfig whose admin certificate has expired.
    #[arg(long, value_name = "FILE")]
    expired: Option<PathBuf>,
    /// Make the snapshots of a node meet a fault: cut:N, empty, stall:N, flip:N, hang, fail:N,
    /// reset:N, denied, drip:N, down.
    #[arg(long, value_name = "NODE=KIND[:BYTES]")]
    fault: Vec<String>,
    /// End when stdin does.
    #[arg(long)]
    until_stdin_closes: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("talos-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The signals are caught before anything is started, so that nothing is ever left behind.
fn run(cli: &Cli) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Error::new(format!("starting a runtime: {error}")))?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let simulator = start(cli)?;
    println!("{}", ready(cli, &simulator));
    runtime.block_on(async {
        tokio::select! {
            () = signals.any() => {}
            () = stdin_closes(), if cli.until_stdin_closes => {}
        }
    });
    drop(simulator);
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::new(format!("listening for signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// On a thread of its own: reading stdin blocks, and must not keep the program from ending.
async fn stdin_closes() {
    let (closed, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
        closed.send(()).ok();
    });
    ended.await.ok();
}

fn start(cli: &Cli) -> Result<Simulator, Error> {
    let fill = match cli.fill.as_str() {
        "none" => None,
        text => Some(text.parse::<Fill>().map_err(Error::new)?),
    };
    let mut builder = Simulator::builder()
        .control_planes(cli.nodes)
        .workers(cli.workers)
        .version(cli.version)
        .cluster_name(&cli.name)
        .hurry(cli.hurry);
    if cli.unbootstrapped {
        builder = builder.unbootstrapped();
    }
    if cli.etcd_partition {
        builder = builder.etcd_partition();
    }
    if let Some(etcd) = &cli.etcd {
        builder = builder.etcd(etcd);
    }
    if let Some(snapshot) = &cli.restore {
        builder = builder.restored_from(snapshot);
    }
    if let Some(source) = &cli.source {
        builder = builder.snapshot_file(source);
    }
    let simulator = builder.start()?;
    if let Some(fill) = fill {
        simulator.fill(fill)?;
    }
    write_talosconfigs(cli, &simulator)?;
    for fault in &cli.fault {
        let (node, fault) = split(fault, "--fault")?;
        let fault: Fault = fault.parse().map_err(Error::new)?;
        simulator.inject(index(&simulator, node)?, fault)?;
    }
    Ok(simulator)
}

fn write_talosconfigs(cli: &Cli, simulator: &Simulator) -> Result<(), Error> {
    if let Some(path) = &cli.talosconfig {
        simulator.talosconfig(&[roles::ADMIN])?.write(path)?;
    }
    for pair in &cli.talosconfig_role {
        let (names, path) = split(pair, "--talosconfig-role")?;
        let names: Vec<_> = names.split(',').collect();
        simulator.talosconfig(&names)?.write(Path::new(path))?;
    }
    if let Some(path) = &cli.expired {
        let identity = simulator
            .authority()
            .client(&[roles::ADMIN], Validity::expired())?;
        simulator.talosconfig_for(identity).write(path)?;
    }
    Ok(())
}

fn split<'a>(text: &'a str, flag: &str) -> Result<(&'a str, &'a str), Error> {
    text.split_once('=')
        .ok_or_else(|| Error::new(format!("`{flag} {text}` has no `=`")))
}

fn index(simulator: &Simulator, name: &str) -> Result<usize, Error> {
    let nodes = simulator.nodes();
    let found = nodes
        .iter()
        .position(|node| node.name == name || node.address.to_string() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = nodes.into_iter().map(|node| node.name).collect();
        Error::new(format!("no node `{name}`: {}", names.join(", ")))
    })
}

fn ready(cli: &Cli, simulator: &Simulator) -> serde_json::Value {
    let nodes = simulator.nodes();
    let addresses = |kind| {
        let of_kind = nodes.iter().filter(move |node| node.kind == kind);
        of_kind
            .map(|node| node.address.to_string())
            .collect::<Vec<_>>()
    };
    serde_json::json!({
        "endpoints": simulator.endpoints(),
        "nodes": addresses(Kind::ControlPlane),
        "workers": addresses(Kind::Worker),
        "talosconfig": cli.talosconfig,
        "etcd": simulator.etcd_endpoints(),
        "etcd_pids": simulator.etcd_processes(),
        "pid": std::process::id(),
    })
}
