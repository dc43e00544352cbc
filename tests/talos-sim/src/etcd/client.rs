//! Speaks etcd's gRPC API to one member.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::api::cluster_client::ClusterClient;
use super::api::kv_client::KvClient;
use super::api::maintenance_client::MaintenanceClient;
use super::api::{
    AlarmMember, AlarmRequest, HashKvRequest, Member, MemberListRequest, PutRequest, RangeRequest,
    RequestOp, SnapshotRequest, StatusRequest, StatusResponse, TxnRequest, request_op,
};
use crate::error::Error;
use crate::network::ETCD_CLIENT_PORT;
use crate::snapshot::Blocks;

/// Between attempts to reach an etcd that does not listen.
const RETRY: Duration = Duration::from_millis(100);
/// Bytes in flight on a snapshot stream.
const WINDOW: u32 = 4 << 20;

/// A connection to one member, made when first needed and again when lost.
#[derive(Debug)]
pub(crate) struct EtcdClient {
    address: Ipv4Addr,
    channel: Channel,
    process: AtomicU32,
}

impl EtcdClient {
    pub(crate) fn new(address: Ipv4Addr) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}:{ETCD_CLIENT_PORT}"))
            .map_err(Error::at("addressing etcd"))?
            .connect_timeout(Duration::from_secs(5))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .tcp_nodelay(true);
        Ok(Self {
            address,
            channel: endpoint.connect_lazy(),
            process: AtomicU32::new(0),
        })
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.load(Ordering::Relaxed)
    }

    pub(crate) fn set_process_id(&self, process: u32) {
        self.process.store(process, Ordering::Relaxed);
    }

    /// Whether anybody listens there.
    pub(crate) async fn listens(&self) -> bool {
        TcpStream::connect((self.address, ETCD_CLIENT_PORT))
            .await
            .is_ok()
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) async fn status(&self) -> Result<StatusResponse, Status> {
        let client = self.maintenance();
        wait_for_ready(client, |mut client| async move {
            client.status(StatusRequest {}).await
        })
        .await
    }

    /// As `status`, failing at once when nobody listens.
    pub(crate) async fn status_now(&self) -> Result<StatusResponse, Status> {
        let mut request = Request::new(StatusRequest {});
        request.set_timeout(Duration::from_secs(2));
        self.maintenance()
            .status(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Talos' health check: a linearizable read, which needs quorum, and a member that votes.
    pub(crate) async fn check(&self, limit: Duration) -> Result<(), String> {
        let mut request = Request::new(RangeRequest {
            key: b"health".to_vec(),
            ..RangeRequest::default()
        });
        request.set_timeout(limit);
        let late = || "context deadline exceeded".to_owned();
        let answer = tokio::time::timeout(limit, self.kv().range(request)).await;
        match answer.map_err(|_| late())? {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::DeadlineExceeded => Err(late()),
            Err(status) if status.code() == Code::Cancelled => Err(late()),
            Err(status) => Err(status.message().to_owned()),
        }
    }

    /// Requires a leader, as Talos does: without one it fails at once.
    pub(crate) async fn members(&self) -> Result<Vec<Member>, Status> {
        let client = ClusterClient::new(self.channel.clone());
        let answer = wait_for_ready(client, |mut client| async move {
            let mut request = Request::new(MemberListRequest { linearizable: true });
            let metadata = request.metadata_mut();
            metadata.insert("hasleader", MetadataValue::from_static("true"));
            client.member_list(request).await
        })
        .await?;
        Ok(answer.members)
    }

    pub(crate) async fn alarms(&self) -> Result<Vec<AlarmMember>, Status> {
        let client = self.maintenance();
        let answer = wait_for_ready(client, |mut client| async move {
            client.alarm(AlarmRequest::default()).await
        })
        .await?;
        Ok(answer.alarms)
    }

    /// The hash of all keys and values at the current revision, and that revision.
    pub(crate) async fn hash_kv(&self) -> Result<(u32, i64), Status> {
        let answer = self
            .maintenance()
            .hash_kv(HashKvRequest { revision: 0 })
            .await?
            .into_inner();
        Ok((
            answer.hash,
            answer.header.map_or(0, |header| header.revision),
        ))
    }

    pub(crate) async fn snapshot(&self) -> Result<Blocks, Status> {
        let client = self.maintenance();
        let stream = wait_for_ready(client, |mut client| async move {
            client.snapshot(SnapshotRequest {}).await
        })
        .await?;
        Ok(stream
            .map(|part| {
                part.map(|part| part.blob)
                    .map_err(|status| status.to_string())
            })
            .boxed())
    }

    /// Writes all pairs in one transaction: at most 128 by etcd's default.
    pub(crate) async fn put_all(&self, pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Status> {
        let success = pairs
            .into_iter()
            .map(|(key, value)| RequestOp {
                request: Some(request_op::Request::RequestPut(PutRequest { key, value })),
            })
            .collect();
        self.kv().txn(TxnRequest { success }).await.map(|_| ())
    }
}

/// machined's etcd client waits until the connection is there: such a call ends by the caller's
/// deadline only.
async fn wait_for_ready<C: Clone, T, F>(client: C, call: impl Fn(C) -> F) -> Result<T, Status>
where
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    loop {
        match call(client.clone()).await {
            Err(status) if is_unreachable(&status) => tokio::time::sleep(RETRY).await,
            other => return other.map(tonic::Response::into_inner),
        }
    }
}

/// Whether a status is our own transport's and not etcd's.
fn is_unreachable(status: &Status) -> bool {
    let own = std::error::Error::source(status)
        .is_some_and(<dyn std::error::Error>::is::<tonic::transport::Error>);
    status.code() == Code::Unavailable && own
}
