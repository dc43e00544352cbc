//! etcd's own API, as far as a drill asks.

use std::time::Duration;

use etcdbackup_proto::etcd::cluster_client::ClusterClient;
use etcdbackup_proto::etcd::kv_client::KvClient;
use etcdbackup_proto::etcd::maintenance_client::MaintenanceClient;
use etcdbackup_proto::etcd::{
    AlarmRequest, AlarmType, DeleteRangeRequest, HashKvRequest, MemberListRequest, PutRequest,
    RangeRequest, StatusRequest, StatusResponse,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::failure::{Exit, Failure};

/// How long one call may take: a hash of a large database is the slowest.
const CALL: Duration = Duration::from_secs(60);
/// How long etcd may take to say that it is there.
const READY: Duration = Duration::from_secs(2);
/// Every key: from the smallest key, to no end.
const ALL: &[u8] = &[0];

/// A connection to the one member.
pub(super) struct Client {
    channel: Channel,
}

impl Client {
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| Failure::new(Exit::Bug, format!("`{url}`: {error}")))?;
        Ok(Self {
            channel: endpoint.connect_timeout(READY).connect_lazy(),
        })
    }

    fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
    }

    /// Whether it answers and has a leader.
    pub(super) async fn is_ready(&self) -> bool {
        let status = self.status(READY).await;
        status.is_ok_and(|status| status.leader != 0)
    }

    /// The revision it is at.
    pub(super) async fn revision(&self) -> Result<i64, Status> {
        let header = self.status(CALL).await?.header;
        Ok(header.map_or(0, |header| header.revision))
    }

    async fn status(&self, limit: Duration) -> Result<StatusResponse, Status> {
        let request = within(StatusRequest {}, limit);
        Ok(self.maintenance().status(request).await?.into_inner())
    }

    /// A read that needs the leader's word, as Talos' own health check does.
    pub(super) async fn reads(&self) -> Result<(), Status> {
        let request = RangeRequest {
            key: b"health".to_vec(),
            ..RangeRequest::default()
        };
        self.kv().range(within(request, CALL)).await.map(|_| ())
    }

    /// Names of the alarms that are raised.
    pub(super) async fn alarms(&self) -> Result<Vec<String>, Status> {
        let request = within(AlarmRequest::default(), CALL);
        let answer = self.maintenance().alarm(request).await?.into_inner();
        let name = |alarm: i32| {
            AlarmType::try_from(alarm).map_or_else(
                |_| format!("alarm {alarm}"),
                |alarm| alarm.as_str_name().to_owned(),
            )
        };
        Ok(answer
            .alarms
            .into_iter()
            .map(|alarm| name(alarm.alarm))
            .collect())
    }

    /// HashKV at a revision; 0: at the newest.
    pub(super) async fn hash_kv(&self, revision: i64) -> Result<u32, Status> {
        let request = within(HashKvRequest { revision }, CALL);
        let answer = self.maintenance().hash_kv(request).await?;
        Ok(answer.into_inner().hash)
    }

    /// How many keys live at a revision.
    pub(super) async fn count(&self, revision: i64) -> Result<u64, Status> {
        let request = RangeRequest {
            key: ALL.to_vec(),
            range_end: ALL.to_vec(),
            revision,
            count_only: true,
            ..RangeRequest::default()
        };
        let answer = self.kv().range(within(request, CALL)).await?;
        Ok(u64::try_from(answer.into_inner().count).unwrap_or(0))
    }

    /// Names of the members.
    pub(super) async fn members(&self) -> Result<Vec<String>, Status> {
        let request = within(MemberListRequest { linearizable: true }, CALL);
        let answer = ClusterClient::new(self.channel.clone())
            .member_list(request)
            .await?;
        let members = answer.into_inner().members;
        Ok(members.into_iter().map(|member| member.name).collect())
    }

    /// Writes a key, reads it back and deletes it: what came back, and how many were deleted.
    pub(super) async fn probe(&self, key: &[u8], value: &[u8]) -> Result<(Vec<u8>, i64), Status> {
        let mut kv = self.kv();
        let put = PutRequest {
            key: key.to_vec(),
            value: value.to_vec(),
        };
        kv.put(within(put, CALL)).await?;
        let range = RangeRequest {
            key: key.to_vec(),
            ..RangeRequest::default()
        };
        let read = kv.range(within(range, CALL)).await?.into_inner();
        let delete = DeleteRangeRequest {
            key: key.to_vec(),
            range_end: Vec::new(),
        };
        let deleted = kv.delete_range(within(delete, CALL)).await?.into_inner();
        let back = read.kvs.into_iter().next();
        Ok((
            back.map(|pair| pair.value).unwrap_or_default(),
            deleted.deleted,
        ))
    }
}

fn within<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
