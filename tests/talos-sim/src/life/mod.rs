//! The life of one machine: it boots, runs etcd, obeys orders, goes down and boots again.

mod join;
mod leave;
mod prepare;
mod sequence;
mod service;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcdbackup_proto::machine::machine_status_event::machine_status::UnmetCondition;
use etcdbackup_proto::machine::machine_status_event::{MachineStage, MachineStatus};
use etcdbackup_proto::machine::{BootstrapRequest, MachineStatusEvent};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::cluster::{Cluster, Node};
use crate::etcd::process::{Processes, Slot};
use crate::machined::operator::kernel_line;
use crate::services;
use crate::state::{Restore, Secrets};

pub(crate) use leave::leave;
pub(crate) use sequence::Sequence;

/// How long a machine is away when it boots.
const AWAY: Duration = Duration::from_millis(300);
/// Between looks at what others may have changed.
const POLL: Duration = Duration::from_millis(50);

/// Talos' long waits, and how much faster than real time they pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timers {
    /// Of real time; at least 1.
    pub(crate) speed: u32,
}

impl Timers {
    /// `EtcdJoinTimeout`: then the service fails.
    const JOIN: Duration = Duration::from_secs(30 * 60);
    /// `BootTimeout`: then the machine reboots.
    const BOOT: Duration = Duration::from_secs(70 * 60);
    /// How long a graceful leave is tried.
    const LEAVE: Duration = Duration::from_secs(5 * 60);
}

/// What a machine is told to do.
pub(crate) enum Order {
    /// Stop the waiting service and begin it anew, as the first of a cluster.
    Bootstrap(BootstrapRequest, oneshot::Sender<()>),
    /// Reset or reboot.
    Sequence(Sequence),
    /// Stop etcd for good and remove its data: the cluster has let the member go.
    Leave(oneshot::Sender<()>),
    /// Lose power.
    Off(oneshot::Sender<()>),
    /// Get it back.
    On(oneshot::Sender<()>),
}

/// What has passed for a node since then, in Talos' time.
fn elapsed(node: &Node, cluster: &Cluster, since: std::time::Instant) -> Duration {
    since.elapsed() * cluster.timers.speed + node.machine().passed
}

/// How etcd's service begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// The whole cluster's first start: all members at once.
    First,
    /// With what is on the disk, or by joining.
    Plain,
    /// By a Bootstrap call. In memory only: a boot forgets it.
    Bootstrap(BootstrapRequest),
    /// Not at all, after leaving.
    Never,
}

/// What comes after being awake.
enum Next {
    Boot,
    Off,
    End,
}

/// One machine's life.
pub(crate) struct Life {
    pub(crate) node: Arc<Node>,
    pub(crate) cluster: Arc<Cluster>,
    /// The node's place among all nodes.
    pub(crate) index: usize,
    /// None: etcd is scripted.
    pub(crate) processes: Option<Arc<Processes>>,
}

impl Life {
    /// Lives until the simulator ends.
    pub(crate) async fn live(self, mut start: Start) {
        let inbox = self
            .node
            .inbox
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let Some(mut orders) = inbox else { return };
        loop {
            self.boot().await;
            let next = self.awake(&mut orders, start).await;
            start = Start::Plain;
            match next {
                Next::Boot => tokio::time::sleep(AWAY).await,
                Next::Off => match power(&mut orders).await {
                    Some(done) => {
                        self.boot().await;
                        done.send(()).ok();
                    }
                    None => return,
                },
                Next::End => return,
            }
        }
    }

    fn slot(&self) -> Slot {
        Slot::Member(self.index)
    }

    /// Everything in memory is new, and apid serves, if anybody can reach it.
    async fn boot(&self) {
        let has_config = {
            let mut machine = self.node.machine();
            machine.boot();
            machine.secrets != Secrets::None
        };
        self.node.events.clear();
        let for_etcd = self.node.is_control_plane() && has_config;
        self.node.disk.furnish(for_etcd).ok();
        let is_ready = !self.runs_etcd() && has_config;
        if is_ready {
            self.enter(MachineStage::Running, true);
        } else {
            let stage = self.node.machine().stage;
            self.enter(stage, false);
        }
        self.move_door(true).await;
    }

    /// Opens or shuts the node's door, which its own task does. A machine that is short of time
    /// makes it late, and nothing else.
    async fn move_door(&self, open: bool) {
        loop {
            let node = self.node.clone();
            let moved = tokio::task::spawn_blocking(move || match open {
                false => node.door.shut(),
                true if node.cut_off.load(Ordering::SeqCst) => Ok(()),
                true => node.door.open(),
            });
            match moved.await {
                Ok(Err(_)) => tokio::time::sleep(POLL).await,
                _ => return,
            }
        }
    }

    fn runs_etcd(&self) -> bool {
        self.node.is_control_plane() && self.node.machine().secrets != Secrets::None
    }

    /// A new stage, as watchers see it.
    fn enter(&self, stage: MachineStage, ready: bool) {
        self.node.machine().stage = stage;
        self.node.events.status(&MachineStatusEvent {
            stage: stage as i32,
            status: Some(MachineStatus {
                ready,
                unmet_conditions: services::unmet(&self.node, &self.cluster)
                    .into_iter()
                    .map(|(name, reason)| UnmetCondition {
                        name: name.to_owned(),
                        reason: reason.to_owned(),
                    })
                    .collect(),
            }),
        });
    }

    /// Writes into the history of etcd's service.
    fn record(&self, state: &'static str, message: &str) {
        self.log(&format!("service[etcd]({state}): {message}"));
        let event = self.node.machine().etcd.as_mut().map(|service| {
            service.push(state, message);
            service.state_event("etcd")
        });
        if let Some(event) = event {
            self.node.events.service(&event);
        }
    }

    /// Writes into the kernel's log, as machined does.
    fn log(&self, text: &str) {
        let line = kernel_line(text);
        self.node.machine().kernel_log.push(line);
    }

    /// How long something has gone on, in Talos' time.
    fn elapsed(&self, since: std::time::Instant) -> Duration {
        elapsed(&self.node, &self.cluster, since)
    }

    /// Ends by the boot timeout only.
    async fn boot_timeout(&self) {
        loop {
            let (stage, since) = {
                let machine = self.node.machine();
                (machine.stage, machine.booting_since)
            };
            if stage == MachineStage::Booting && self.elapsed(since) > Timers::BOOT {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn awake(&self, orders: &mut UnboundedReceiver<Order>, mut start: Start) -> Next {
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = self.boot_timeout() => Some(Order::Sequence(Sequence::boot_timeout())),
                () = self.etcd(start), if self.runs_etcd() => Some(Order::Sequence(Sequence::forgotten())),
            };
            match order {
                None => return Next::End,
                Some(Order::Bootstrap(request, done)) => {
                    self.stop_for_bootstrap();
                    start = Start::Bootstrap(request);
                    done.send(()).ok();
                }
                Some(Order::Leave(done)) => {
                    self.stop_etcd();
                    self.record("Finished", "Service finished successfully");
                    self.node.disk.empty_data().ok();
                    start = Start::Never;
                    done.send(()).ok();
                }
                Some(Order::Sequence(sequence)) => match self.perform(sequence, orders).await {
                    Some(next) => return next,
                    None => start = Start::Plain,
                },
                Some(Order::Off(done)) => {
                    self.kill_all();
                    self.node.machine().is_on = false;
                    self.move_door(false).await;
                    done.send(()).ok();
                    return Next::Off;
                }
                Some(Order::On(done)) => drop(done.send(())),
            }
        }
    }

    fn kill_all(&self) {
        if let Some(processes) = &self.processes {
            processes.stop(Slot::Tool(self.index));
            processes.stop(self.slot());
        }
    }

    fn stop_etcd(&self) {
        let running = self
            .node
            .machine()
            .etcd
            .as_ref()
            .is_some_and(|service| service.last().0 == "Running");
        if running {
            self.record("Stopping", "Sending SIGTERM to Containerd(etcd)");
        }
        self.kill_all();
        if let Some(service) = &mut self.node.machine().etcd {
            service.set_health(None);
        }
    }

    /// The old instance ends, and its history with it. Before 1.12.11 and the late 1.13 its end
    /// reads as a failure.
    fn stop_for_bootstrap(&self) {
        let state = self
            .node
            .machine()
            .etcd
            .as_ref()
            .map_or("", |service| service.last().0);
        let version = self.cluster.version;
        let finishes = version.at_least(1, 14)
            || version.is_patch_of(1, 13, 9)
            || version.is_patch_of(1, 12, 11);
        match state {
            "Failed" | "Finished" => {}
            "Waiting" if !finishes => self.record("Failed", "Condition failed: context canceled"),
            _ if !finishes => self.record(
                "Failed",
                "Failed to run pre stage: failed to build initial etcd cluster: failed to build cluster arguments: context canceled",
            ),
            _ => self.record("Finished", "Service finished successfully"),
        }
        self.kill_all();
        self.record("Finished", "Bootstrap requested");
        self.node.machine().etcd = None;
    }

    fn restore_script(&self) -> Restore {
        self.node.machine().restore.clone()
    }
}

/// Waits for power. Other orders reach nobody.
async fn power(orders: &mut UnboundedReceiver<Order>) -> Option<oneshot::Sender<()>> {
    loop {
        match orders.recv().await? {
            Order::On(done) => return Some(done),
            Order::Off(done) => drop(done.send(())),
            Order::Bootstrap(..) | Order::Sequence(_) | Order::Leave(_) => {}
        }
    }
}
