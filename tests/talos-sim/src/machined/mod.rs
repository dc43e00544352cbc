//! machined: what one node answers, once apid has brought the call to it.

mod files;
mod members;
pub(crate) mod operator;
mod recovery;
mod tar;

use std::sync::Arc;

use etcdbackup_proto::machine;
use tonic::Status;

use crate::calls::{Arguments, Layer, Ticket};
use crate::cluster::{Cluster, Node};
use crate::etcd::answers;
use crate::faults::Fault;
use crate::roles::may_call;
use crate::routing::{Caller, Messages, Struck};
use crate::services;
use crate::snapshot::SnapshotStream;
use crate::state::Secrets;

/// The machined of one node.
pub(crate) struct Machined {
    pub(crate) node: Arc<Node>,
    pub(crate) cluster: Arc<Cluster>,
}

impl Machined {
    /// Waits until this node goes away.
    pub(crate) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        self.node.door.next_shut()
    }

    /// Lets a call in: logs it, checks its roles, and makes it meet its fault. What is returned
    /// is a fault for the stream itself.
    pub(crate) async fn enter(
        &self,
        method: &str,
        caller: &Caller,
        arguments: Arguments,
    ) -> Result<Option<Fault>, Status> {
        let entered = self.enter_as(method, caller, arguments).await;
        entered.map(|(_, fault)| fault)
    }

    /// As `enter`, and says which call of the log it is.
    pub(crate) async fn enter_as(
        &self,
        method: &str,
        caller: &Caller,
        arguments: Arguments,
    ) -> Result<(Ticket, Option<Fault>), Status> {
        let call = caller.call(&self.node, Layer::Machined, method, arguments);
        self.cluster
            .record
            .push(call.clone(), &self.node, &self.cluster);
        let ticket = self.cluster.calls.push(call);
        if !may_call(&caller.roles, method, self.cluster.version) {
            return Err(Status::permission_denied("not authorized"));
        }
        match self.node.faults.next(method) {
            Some(Fault::Denied) => Err(Status::permission_denied("not authorized")),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Fail {
                after: 0,
                code,
                message,
            }) => Err(Status::new(code, message)),
            Some(Fault::Reset(0)) => {
                caller.peer.reset.notify_one();
                std::future::pending().await
            }
            other => Ok((ticket, other)),
        }
    }

    /// # Errors
    /// `Unimplemented`, as Talos 1.13 says it of `what`, on a worker.
    pub(crate) fn control_plane_only(&self, what: &str) -> Result<(), Status> {
        let has_config = self.node.machine().secrets != Secrets::None;
        if self.node.is_control_plane() && has_config {
            return Ok(());
        }
        Err(Status::unimplemented(format!(
            "{what} is only available on control plane nodes"
        )))
    }

    pub(crate) fn version(&self) -> machine::VersionResponse {
        let info = machine::VersionInfo {
            tag: self.cluster.version.to_string(),
            sha: "0000000000".to_owned(),
            built: String::new(),
            go_version: "go1.25.5".to_owned(),
            os: "linux".to_owned(),
            arch: "amd64".to_owned(),
        };
        let platform = machine::PlatformInfo {
            name: "metal".to_owned(),
            mode: "metal".to_owned(),
        };
        let version = machine::Version {
            metadata: None,
            version: Some(info),
            platform: Some(platform),
            features: Some(machine::FeaturesInfo { rbac: true }),
        };
        machine::VersionResponse {
            messages: vec![version],
        }
    }

    pub(crate) fn service_list(&self) -> machine::ServiceListResponse {
        let services = services::of(&self.node, &self.cluster);
        machine::ServiceListResponse {
            messages: vec![machine::ServiceList {
                metadata: None,
                services,
            }],
        }
    }

    pub(crate) async fn member_list(
        &self,
        request: machine::EtcdMemberListRequest,
    ) -> Result<machine::EtcdMemberListResponse, Status> {
        self.control_plane_only("member list")?;
        let members = answers::members(&self.node, &self.cluster, request.query_local).await?;
        let members = machine::EtcdMembers {
            metadata: None,
            legacy_members: members
                .iter()
                .map(|member| member.hostname.clone())
                .collect(),
            members,
        };
        Ok(machine::EtcdMemberListResponse {
            messages: vec![members],
        })
    }

    pub(crate) async fn etcd_status(&self) -> Result<machine::EtcdStatusResponse, Status> {
        self.control_plane_only("etcd status")?;
        let status = answers::status(&self.node, self.cluster.version).await?;
        let status = machine::EtcdStatus {
            metadata: None,
            member_status: Some(status),
        };
        Ok(machine::EtcdStatusResponse {
            messages: vec![status],
        })
    }

    pub(crate) async fn alarm_list(&self) -> Result<machine::EtcdAlarmListResponse, Status> {
        self.control_plane_only("etcd alarm list")?;
        let member_alarms = answers::alarms(&self.node, &self.cluster).await?;
        let alarm = machine::EtcdAlarm {
            metadata: None,
            member_alarms,
        };
        Ok(machine::EtcdAlarmListResponse {
            messages: vec![alarm],
        })
    }

    pub(crate) async fn snapshot(
        &self,
        struck: Struck,
    ) -> Result<Messages<etcdbackup_proto::common::Data>, Status> {
        self.control_plane_only("etcd snapshot")?;
        let blocks = answers::snapshot(&self.node, &self.cluster).await?;
        Ok(Box::pin(SnapshotStream::new(blocks, struck)))
    }
}
