//! What changes etcd's cluster, its alarms and its leader. Errors of etcd come through as
//! `Unknown` with etcd's own words, behind what Talos was doing.

use etcdbackup_proto::machine;
use tokio::sync::oneshot;
use tonic::{Code, Status};

use super::Machined;
use crate::etcd::EtcdClient;
use crate::etcd::api::AlarmType;
use crate::etcd::api::alarm_request::Action;
use crate::life::Order;

fn unknown(what: &str, status: &Status) -> Status {
    Status::unknown(format!("{what}: {}", status.message()))
}

impl Machined {
    /// The node's etcd. Until one listens the call hangs.
    async fn own_etcd(&self, method: &str) -> Result<&EtcdClient, Status> {
        let Some(client) = self.node.etcd.get() else {
            return Err(Status::unimplemented(format!(
                "{method} without an etcd program is not simulated"
            )));
        };
        client
            .status()
            .await
            .map_err(|status| unknown("failed to create etcd client", &status))?;
        Ok(client)
    }

    pub(crate) async fn remove_member(
        &self,
        id: u64,
    ) -> Result<machine::EtcdRemoveMemberByIdResponse, Status> {
        self.control_plane_only("etcd remove member")?;
        let client = self.own_etcd("EtcdRemoveMemberByID").await?;
        let removed = client.remove_member(id).await;
        removed.map_err(|status| {
            let text = format!("failed to remove member {id}: {}", status.message());
            match status.code() {
                Code::NotFound => Status::not_found(text),
                _ => Status::unknown(text),
            }
        })?;
        Ok(machine::EtcdRemoveMemberByIdResponse {
            messages: vec![machine::EtcdRemoveMemberById::default()],
        })
    }

    /// All alarms of all members are taken back; those that were are told.
    pub(crate) async fn disarm_alarms(&self) -> Result<machine::EtcdAlarmDisarmResponse, Status> {
        self.control_plane_only("etcd alarm disarm")?;
        let client = self.own_etcd("EtcdAlarmDisarm").await?;
        let failed = |status: Status| unknown("failed to disarm etcd alarm", &status);
        let mut member_alarms = Vec::new();
        for alarm in client.alarms().await.map_err(failed)? {
            let kind = AlarmType::try_from(alarm.alarm).unwrap_or_default();
            let disarmed = client
                .alarm(Action::Deactivate, alarm.member_id, kind)
                .await;
            let disarmed = disarmed.map_err(failed)?;
            member_alarms.extend(disarmed.into_iter().map(|alarm| machine::EtcdMemberAlarm {
                member_id: alarm.member_id,
                alarm: alarm.alarm,
            }));
        }
        Ok(machine::EtcdAlarmDisarmResponse {
            messages: vec![machine::EtcdAlarmDisarm {
                metadata: None,
                member_alarms,
            }],
        })
    }

    pub(crate) async fn defragment(&self) -> Result<machine::EtcdDefragmentResponse, Status> {
        self.control_plane_only("etcd defragment")?;
        let client = self.own_etcd("EtcdDefragment").await?;
        let done = client.defragment().await;
        done.map_err(|status| unknown("failed to defragment etcd", &status))?;
        Ok(machine::EtcdDefragmentResponse {
            messages: vec![machine::EtcdDefragment::default()],
        })
    }

    /// The member goes out of the cluster, etcd stops for good, and its data is removed.
    pub(crate) async fn leave(&self) -> Result<machine::EtcdLeaveClusterResponse, Status> {
        self.control_plane_only("etcd leave")?;
        let client = self.own_etcd("EtcdLeaveCluster").await?;
        let left = crate::life::leave(&self.node, &self.cluster, client).await;
        left.map_err(|status| unknown("failed to leave cluster", &status))?;
        let (done, stopped) = oneshot::channel();
        let stopped_already = |_| Status::unavailable("the simulator has stopped");
        self.node
            .orders
            .send(Order::Leave(done))
            .map_err(stopped_already)?;
        stopped
            .await
            .map_err(|_| Status::unavailable("the node goes down"))?;
        Ok(machine::EtcdLeaveClusterResponse {
            messages: vec![machine::EtcdLeaveCluster::default()],
        })
    }

    /// Another voter leads from now on; nothing happens where this member does not.
    pub(crate) async fn forfeit_leadership(
        &self,
    ) -> Result<machine::EtcdForfeitLeadershipResponse, Status> {
        self.control_plane_only("etcd forfeit leadership")?;
        let client = self.own_etcd("EtcdForfeitLeadership").await?;
        let failed = |status: Status| Status::unknown(status.message());
        let status = client.status().await.map_err(failed)?;
        let own = status.header.map_or(0, |header| header.member_id);
        let answer = |member: String| machine::EtcdForfeitLeadershipResponse {
            messages: vec![machine::EtcdForfeitLeadership {
                metadata: None,
                member,
            }],
        };
        let members = client.members_now().await.map_err(failed)?;
        if members.len() == 1 {
            return Err(Status::unknown(
                "cannot forfeit leadership, only one member",
            ));
        }
        if status.leader != own {
            return Ok(answer(String::new()));
        }
        let other = members
            .into_iter()
            .find(|member| member.id != own && !member.is_learner);
        let other = other.ok_or_else(|| Status::unknown("no member to lead"))?;
        client.move_leader(other.id).await.map_err(failed)?;
        Ok(answer(other.name))
    }
}
