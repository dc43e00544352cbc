//! An etcd member's own view of itself, and what else a node says of itself.

use etcdbackup_proto::machine::EtcdMemberStatus;
use serde::Serialize;

use super::client::{Talos, Via};
use super::error::{Kind, TalosError};

/// What a member answers to EtcdStatus: works without quorum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// Its id in the cluster.
    pub member_id: u64,
    /// Member id of the leader; 0: it knows none.
    pub leader: u64,
    /// It only learns: it has no vote.
    pub is_learner: bool,
    /// The last entry of the raft log it has.
    pub raft_index: u64,
    /// The raft term it is in.
    pub raft_term: u64,
    /// The last entry of the raft log it has applied.
    pub raft_applied_index: u64,
    /// Bytes of the database file, free pages included.
    pub db_size: u64,
    /// Bytes of it that hold data.
    pub db_size_in_use: u64,
    /// Version of its etcd, as `3.6.4`.
    pub etcd_version: String,
    /// Version of its storage, as `3.6.0`; empty before Talos 1.11.
    pub storage_version: String,
    /// What it complains about.
    pub errors: Vec<String>,
}

impl From<EtcdMemberStatus> for MemberStatus {
    fn from(status: EtcdMemberStatus) -> Self {
        Self {
            member_id: status.member_id,
            leader: status.leader,
            is_learner: status.is_learner,
            raft_index: status.raft_index,
            raft_term: status.raft_term,
            raft_applied_index: status.raft_applied_index,
            db_size: u64::try_from(status.db_size).unwrap_or(0),
            db_size_in_use: u64::try_from(status.db_size_in_use).unwrap_or(0),
            etcd_version: status.protocol_version,
            storage_version: status.storage_version,
            errors: status.errors,
        }
    }
}

impl Talos {
    /// The status of the member on `node`.
    ///
    /// # Errors
    /// The call failed everywhere, or the answer holds no status.
    pub async fn status(&self, node: &str) -> Result<MemberStatus, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(());
            Ok(via.client.etcd_status(request).await?.into_inner())
        };
        let answer = self.brief_call("EtcdStatus", node, ask).await?;
        let status = answer
            .messages
            .into_iter()
            .find_map(|one| one.member_status);
        status
            .map(MemberStatus::from)
            .ok_or_else(|| self.empty("EtcdStatus", node))
    }

    /// The Talos version of `node`, as `v1.13.2`.
    ///
    /// # Errors
    /// The call failed everywhere, or the answer holds no version.
    pub async fn version(&self, node: &str) -> Result<String, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(());
            Ok(via.client.version(request).await?.into_inner())
        };
        let answer = self.brief_call("Version", node, ask).await?;
        let version = answer.messages.into_iter().find_map(|one| one.version);
        version
            .map(|version| version.tag)
            .ok_or_else(|| self.empty("Version", node))
    }

    fn empty(&self, method: &'static str, node: &str) -> TalosError {
        self.error(method, node, Kind::Answer("an empty answer".to_owned()))
    }
}
