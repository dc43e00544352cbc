//! Bootstrap, Reset, Reboot, ServiceRestart: with Talos' refusals, in Talos' order.

use etcdbackup_proto::common;
use etcdbackup_proto::machine::reset_request::WipeMode;
use etcdbackup_proto::machine::{
    self, BootstrapRequest, ResetRequest, ServiceRestartRequest, sequence_event,
};
use tokio::sync::oneshot;
use tonic::Status;

use super::Machined;
use crate::cluster::Kind;
use crate::disk::Wipe;
use crate::life::{Order, Sequence};
use crate::state::{HeldUp, Secrets, uuid};

/// Partitions that a reset may name.
const PARTITIONS: [&str; 4] = ["EFI", "META", "STATE", "EPHEMERAL"];

impl Machined {
    /// Returns when the service begins anew; whether it can is another matter.
    pub(crate) async fn bootstrap(
        &self,
        request: BootstrapRequest,
    ) -> Result<machine::BootstrapResponse, Status> {
        self.may_bootstrap().inspect_err(|_| {
            self.node.machine().bootstraps = false;
        })?;
        if self.node.etcd.get().is_none() {
            return Err(Status::unimplemented(
                "Bootstrap without an etcd program is not simulated",
            ));
        }
        let (done, begun) = oneshot::channel();
        self.order(Order::Bootstrap(request, done))?;
        begun
            .await
            .map_err(|_| Status::unavailable("the node goes down"))?;
        Ok(machine::BootstrapResponse {
            messages: vec![machine::Bootstrap::default()],
        })
    }

    /// The refusals in the order in which Talos comes to them.
    fn may_bootstrap(&self) -> Result<(), Status> {
        let not_yet = || Status::failed_precondition("bootstrap is not available yet");
        {
            let machine = self.node.machine();
            let reboots = machine.sequence.is_some() && self.cluster.version.at_least(1, 14);
            if machine.is_held_up(HeldUp::Cri) || reboots {
                return Err(not_yet());
            }
        }
        self.is_a_control_plane()?;
        if self.node.machine().is_held_up(HeldUp::Time) {
            return Err(Status::failed_precondition("time is not in sync yet"));
        }
        if self.node.disk.has_data() {
            return Err(Status::already_exists("etcd data directory is not empty"));
        }
        Ok(())
    }

    fn is_a_control_plane(&self) -> Result<(), Status> {
        let is_new = self.cluster.version.at_least(1, 13);
        let has_config = self.node.machine().secrets != Secrets::None;
        match self.node.kind {
            _ if !has_config => Err(Status::unimplemented(
                "machine type is not set, cannot use bootstrap API",
            )),
            Kind::Worker if is_new => Err(Status::unimplemented(
                "bootstrap is only available on control plane nodes",
            )),
            Kind::Worker => Err(Status::failed_precondition(
                "bootstrap can only be performed on a control plane node",
            )),
            Kind::ControlPlane | Kind::Init => Ok(()),
        }
    }

    fn order(&self, order: Order) -> Result<(), Status> {
        let sent = self.node.orders.send(order);
        sent.map_err(|_| Status::unavailable("the simulator has stopped"))
    }

    /// Checks what shall be wiped, and answers before it is.
    pub(crate) fn reset(&self, request: &ResetRequest) -> Result<machine::ResetResponse, Status> {
        let wipe = self.what_to_wipe(request)?;
        let actor_id = uuid();
        self.start(Sequence {
            name: "reset",
            actor: actor_id.clone(),
            graceful: request.graceful,
            reboot: request.reboot,
            wipe,
        })?;
        Ok(machine::ResetResponse {
            messages: vec![machine::Reset {
                metadata: None,
                actor_id,
            }],
        })
    }

    /// A sequence cannot take over from another, and its watchers are told so. A reboot can.
    pub(super) fn start(&self, sequence: Sequence) -> Result<(), Status> {
        let busy = self.node.machine().sequence;
        if let Some(other) = busy.filter(|_| sequence.name != "reboot") {
            let text = format!("sequence {other} is in progress");
            let error = Some((common::Code::Locked, text));
            let noop = sequence_event::Action::Noop;
            self.node
                .events
                .sequence(sequence.name, noop, error, &sequence.actor);
            return Ok(());
        }
        self.node.machine().sequence = Some(sequence.name);
        self.order(Order::Sequence(sequence))
    }

    /// An empty list means the whole system disk, with the machine's config.
    fn what_to_wipe(&self, request: &ResetRequest) -> Result<Wipe, Status> {
        let refused = |text: String| Err(Status::unknown(text));
        let specs = &request.system_partitions_to_wipe;
        let mode = request.mode();
        if mode == WipeMode::SystemDisk && !request.user_disks_to_wipe.is_empty() {
            return refused("reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter".to_owned());
        }
        if mode == WipeMode::UserDisks && !specs.is_empty() {
            return refused("reset failed: invalid input, wipe mode USER_DISKS doesn't support SystemPartitionsToWipe parameter".to_owned());
        }
        if let Some(disk) = request.user_disks_to_wipe.first() {
            return refused(format!(
                "reset user disk failed: device {disk} wasn't found"
            ));
        }
        if mode == WipeMode::UserDisks {
            return Ok(Wipe::default());
        }
        if specs.is_empty() {
            return Ok(Wipe {
                ephemeral: true,
                etcd: true,
                state: true,
            });
        }
        let labels: Vec<_> = specs.iter().map(|spec| spec.label.as_str()).collect();
        for label in &labels {
            self.may_name(label, &labels)?;
        }
        let wipes = |label| specs.iter().any(|spec| spec.label == label && spec.wipe);
        Ok(Wipe {
            ephemeral: wipes("EPHEMERAL"),
            etcd: wipes("ETCD"),
            state: wipes("STATE"),
        })
    }

    fn may_name(&self, label: &str, labels: &[&str]) -> Result<(), Status> {
        if PARTITIONS.contains(&label) {
            return Ok(());
        }
        let version = self.cluster.version;
        let text = match label {
            "ETCD" if self.node.disk.has_etcd_partition => return Ok(()),
            "ETCD" if version.at_least(1, 14) && labels.contains(&"EPHEMERAL") => return Ok(()),
            "ETCD" if version.at_least(1, 14) => {
                "failed to reset: volume \"ETCD\" resides on volume \"EPHEMERAL\", and therefore \"ETCD\" cannot be wiped without wiping \"EPHEMERAL\"".to_owned()
            }
            "ETCD" if version.at_least(1, 12) => {
                "failed to reset: volume \"ETCD\" is not located".to_owned()
            }
            _ => format!(
                "failed to get volume status with label \"{label}\": resource VolumeStatuses.block.talos.dev(runtime/{label}) doesn't exist"
            ),
        };
        Err(Status::unknown(text))
    }

    pub(crate) fn reboot(&self) -> Result<machine::RebootResponse, Status> {
        let actor_id = uuid();
        self.start(Sequence::reboot(actor_id.clone()))?;
        Ok(machine::RebootResponse {
            messages: vec![machine::Reboot {
                metadata: None,
                actor_id,
            }],
        })
    }

    /// The kubelet restarts; nothing else that a recovery meets can.
    pub(crate) fn service_restart(
        &self,
        request: &ServiceRestartRequest,
    ) -> Result<machine::ServiceRestartResponse, Status> {
        let id = &request.id;
        let services = crate::services::of(&self.node, &self.cluster);
        if !services.iter().any(|service| service.id == *id) {
            return Err(Status::unknown(format!("service \"{id}\" not defined")));
        }
        if id != "kubelet" {
            return Err(Status::unknown(format!(
                "service \"{id}\" doesn't support restart operation via API"
            )));
        }
        let now = std::time::SystemTime::now();
        self.node.machine().kubelet_restarts.push(now);
        Ok(machine::ServiceRestartResponse {
            messages: vec![machine::ServiceRestart {
                metadata: None,
                resp: format!("Service \"{id}\" restarted"),
            }],
        })
    }
}
