//! A member goes out of its cluster, as `EtcdLeaveCluster` and a graceful reset want it.

use std::time::Instant;

use tonic::Status;

use super::{POLL, Timers, elapsed};
use crate::cluster::{Cluster, Node};
use crate::etcd::EtcdClient;

/// Takes the node's member out of its cluster, which needs quorum and is tried for minutes. Whoever
/// is removed hears it from its peers, too, stops at once and may never answer: what counts then
/// is whether the others still know it.
pub(crate) async fn leave(node: &Node, cluster: &Cluster, etcd: &EtcdClient) -> Result<(), Status> {
    let own = etcd.own_id().await?;
    let since = Instant::now();
    loop {
        let Err(failure) = etcd.remove_member(own).await else {
            return Ok(());
        };
        if is_forgotten(node, cluster, own).await {
            return Ok(());
        }
        if elapsed(node, cluster, since) > Timers::LEAVE {
            return Err(failure);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether another control plane that has a leader no longer lists the member.
async fn is_forgotten(node: &Node, cluster: &Cluster, own: u64) -> bool {
    let others = cluster
        .control_planes()
        .filter(|other| other.name != node.name);
    for etcd in others.filter_map(|other| other.etcd.get()) {
        if let Ok(members) = etcd.members_now().await {
            return members.iter().all(|member| member.id != own);
        }
    }
    false
}
