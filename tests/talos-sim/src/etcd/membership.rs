//! What changes a cluster: members, alarms, the leader, the size of a database. Every call has a
//! limit, since the ones who make them try again.

use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::EtcdClient;
use super::api::alarm_request::Action;
use super::api::cluster_client::ClusterClient;
use super::api::{
    AlarmMember, AlarmRequest, AlarmType, DefragmentRequest, Member, MemberAddRequest,
    MemberListRequest, MemberPromoteRequest, MemberRemoveRequest, MoveLeaderRequest,
};

/// Talos gives an attempt at joining so long.
const ATTEMPT: Duration = Duration::from_secs(30);

/// A request that fails at once without a leader, and in time otherwise.
fn bounded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ATTEMPT);
    let metadata = request.metadata_mut();
    metadata.insert("hasleader", MetadataValue::from_static("true"));
    request
}

async fn within<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(ATTEMPT, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("context deadline exceeded")),
    }
}

impl EtcdClient {
    fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel())
    }

    /// The members, failing at once when nobody listens.
    pub(crate) async fn members_now(&self) -> Result<Vec<Member>, Status> {
        let request = bounded(MemberListRequest { linearizable: true });
        Ok(within(self.cluster().member_list(request)).await?.members)
    }

    pub(crate) async fn add_member(&self, url: String, is_learner: bool) -> Result<u64, Status> {
        let request = bounded(MemberAddRequest {
            peer_urls: vec![url],
            is_learner,
        });
        let added = within(self.cluster().member_add(request)).await?;
        Ok(added.member.map_or(0, |member| member.id))
    }

    pub(crate) async fn remove_member(&self, id: u64) -> Result<(), Status> {
        let request = bounded(MemberRemoveRequest { id });
        within(self.cluster().member_remove(request))
            .await
            .map(drop)
    }

    /// Its own id, as it says itself.
    pub(crate) async fn own_id(&self) -> Result<u64, Status> {
        let status = self.status_now().await?;
        Ok(status.header.map_or(0, |header| header.member_id))
    }

    pub(crate) async fn promote_member(&self, id: u64) -> Result<(), Status> {
        let request = bounded(MemberPromoteRequest { id });
        within(self.cluster().member_promote(request))
            .await
            .map(drop)
    }

    /// Raises or takes back an alarm, as a member itself would.
    pub(crate) async fn alarm(
        &self,
        action: Action,
        member_id: u64,
        alarm: AlarmType,
    ) -> Result<Vec<AlarmMember>, Status> {
        let request = bounded(AlarmRequest {
            action: action as i32,
            member_id,
            alarm: alarm as i32,
        });
        Ok(within(self.maintenance().alarm(request)).await?.alarms)
    }

    pub(crate) async fn defragment(&self) -> Result<(), Status> {
        let request = Request::new(DefragmentRequest {});
        self.maintenance().defragment(request).await.map(drop)
    }

    pub(crate) async fn move_leader(&self, target_id: u64) -> Result<(), Status> {
        let request = bounded(MoveLeaderRequest { target_id });
        within(self.maintenance().move_leader(request))
            .await
            .map(drop)
    }
}
