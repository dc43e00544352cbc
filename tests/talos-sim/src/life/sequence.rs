//! Reset and reboot, as Talos performs them: in phases that watchers of its events see.

use std::time::Duration;

use etcdbackup_proto::common;
use etcdbackup_proto::machine::machine_status_event::MachineStage;
use etcdbackup_proto::machine::{phase_event, sequence_event, task_event};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Life, Next, Order};
use crate::disk::Wipe;
use crate::state::{Secrets, uuid};

/// What was streamed gets so much time to arrive before the connections drop.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A reset or a reboot.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// `reset` or `reboot`, or the boot that failed.
    pub(crate) name: &'static str,
    pub(crate) actor: String,
    pub(crate) graceful: bool,
    /// Otherwise the machine stays off.
    pub(crate) reboot: bool,
    pub(crate) wipe: Wipe,
}

impl Sequence {
    pub(crate) fn reboot(actor: String) -> Self {
        Self {
            name: "reboot",
            actor,
            graceful: false,
            reboot: true,
            wipe: Wipe::default(),
        }
    }

    /// The boot took longer than Talos waits.
    pub(super) fn boot_timeout() -> Self {
        Self {
            name: "boot",
            ..Self::reboot(String::new())
        }
    }

    /// A reboot from without, as for a change of the machine config.
    pub(super) fn forgotten() -> Self {
        Self::reboot(uuid())
    }

    fn phases(&self) -> &'static [&'static str] {
        match self.name {
            "reset" => &[
                "cleanup",
                "dbus",
                "preReset",
                "denyNewServices",
                "stopServices",
                "umount",
                "volumeFinalize",
                "stopEverything",
                "kexec",
                "forceCleanup",
                "resetSpec",
            ],
            _ => &[
                "cleanup",
                "dbus",
                "stopServices",
                "umount",
                "stopEverything",
            ],
        }
    }
}

impl Life {
    /// Goes through with a sequence. `None`: it failed, and the machine is still up.
    pub(super) async fn perform(
        &self,
        sequence: Sequence,
        orders: &mut UnboundedReceiver<Order>,
    ) -> Option<Next> {
        let events = &self.node.events;
        let actor = sequence.actor.as_str();
        self.node.machine().sequence = Some(sequence.name);
        if sequence.name == "boot" {
            let text = "context deadline exceeded".to_owned();
            let error = Some((common::Code::Fatal, text));
            events.sequence("boot", sequence_event::Action::Noop, error, actor);
        } else {
            events.sequence(sequence.name, sequence_event::Action::Start, None, actor);
        }
        self.enter(
            if sequence.name == "reset" {
                MachineStage::Resetting
            } else {
                MachineStage::Rebooting
            },
            false,
        );
        if sequence.graceful
            && let Err(text) = self.leave(&sequence).await
        {
            let error = Some((common::Code::Fatal, text));
            events.sequence(sequence.name, sequence_event::Action::Noop, error, actor);
            self.node.machine().sequence = None;
            self.enter(MachineStage::Running, false);
            return None;
        }
        self.go_down(&sequence).await;
        Some(self.after(&sequence, orders))
    }

    /// The phases, in order. Services stop in one, data goes in another.
    async fn go_down(&self, sequence: &Sequence) {
        let (events, actor) = (&self.node.events, sequence.actor.as_str());
        for phase in sequence.phases() {
            events.phase(phase, phase_event::Action::Start, actor);
            match *phase {
                "stopEverything" => {
                    events.task("stopAllServices", task_event::Action::Start, actor);
                    self.stop_etcd();
                    events.task("stopAllServices", task_event::Action::Stop, actor);
                }
                "resetSpec" => {
                    events.task("resetSystemDiskSpec", task_event::Action::Start, actor);
                    if !self.node.machine().keeps_disk {
                        self.node.disk.wipe(sequence.wipe).ok();
                    }
                    events.task("resetSystemDiskSpec", task_event::Action::Stop, actor);
                }
                _ => {}
            }
            events.phase(phase, phase_event::Action::Stop, actor);
        }
        events.phase("reboot", phase_event::Action::Start, actor);
        tokio::time::sleep(LAST_WORDS).await;
        self.kill_all();
        self.node.machine().is_on = false;
        self.move_door(false).await;
    }

    /// Orders that came meanwhile are lost with the machine's memory; one for its power is not
    /// a matter of its software.
    fn after(&self, sequence: &Sequence, orders: &mut UnboundedReceiver<Order>) -> Next {
        if sequence.wipe.state && !self.node.machine().keeps_disk {
            self.cluster.give_secrets(&self.node, Secrets::None).ok();
        }
        let stays_down = std::mem::take(&mut self.node.machine().stays_down);
        let mut next = if sequence.reboot && !stays_down {
            Next::Boot
        } else {
            Next::Off
        };
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::Off(done) => {
                    done.send(()).ok();
                    next = Next::Off;
                }
                Order::On(done) => {
                    done.send(()).ok();
                    next = Next::Boot;
                }
                Order::Bootstrap(..) | Order::Sequence(_) | Order::Leave(_) => {}
            }
        }
        next
    }

    /// Takes this member out of its cluster, if it is in one.
    async fn leave(&self, sequence: &Sequence) -> Result<(), String> {
        let events = &self.node.events;
        let Some(client) = self.node.etcd.get() else {
            return Ok(());
        };
        if !self.node.disk.has_data() {
            return Ok(());
        }
        events.phase("leave", phase_event::Action::Start, &sequence.actor);
        let left = super::leave(&self.node, &self.cluster, client).await;
        left.map_err(|failure| format!("failed to leave cluster: {}", failure.message()))?;
        events.phase("leave", phase_event::Action::Stop, &sequence.actor);
        Ok(())
    }
}
