//! Joining: a control plane without data asks the members it knows of to add it as a learner,
//! until one does, and is promoted once it has caught up.

use std::sync::Arc;
use std::time::Duration;

use tonic::Status;

use super::Life;
use super::prepare::initial;
use super::service::{Plan, Stopped};
use crate::cluster::Node;
use crate::etcd::EtcdClient;
use crate::etcd::api::Member;
use crate::etcd::process::peer_url;
use crate::state::Secrets;

/// Between attempts; 3 s on real Talos.
const ATTEMPTS: Duration = Duration::from_millis(300);
/// What `Failed` says behind "Failed to run pre stage:" when nobody took the node in.
pub(super) const TIMEOUT: &str = "failed to build initial etcd cluster: failed to build cluster arguments: timeout: 1 error(s) occurred:\n\terror getting etcd member list: context deadline exceeded";

impl Life {
    /// Tries until Talos' limit.
    pub(super) async fn join(&self) -> Result<Plan, Stopped> {
        loop {
            for other in self.others() {
                let Some(client) = other.etcd.get() else {
                    continue;
                };
                if client.listens().await
                    && let Ok(plan) = self.join_through(client).await
                {
                    return Ok(plan);
                }
            }
            if self.waits_too_long() {
                return Err(Stopped::Failed(TIMEOUT.to_owned()));
            }
            tokio::time::sleep(ATTEMPTS).await;
        }
    }

    /// The other control planes that this one can find and is trusted by.
    fn others(&self) -> Vec<Arc<Node>> {
        if self.node.machine().secrets != Secrets::Own {
            return Vec::new();
        }
        let is_other = |node: &&Arc<Node>| {
            let machine = node.machine();
            node.name != self.node.name && machine.is_on && machine.secrets == Secrets::Own
        };
        self.cluster
            .nodes
            .iter()
            .filter(is_other)
            .cloned()
            .collect()
    }

    /// A member of the same name goes first, as a node without data cannot be it. A learner that
    /// never started is taken over.
    async fn join_through(&self, client: &EtcdClient) -> Result<Plan, Status> {
        let url = peer_url(&self.node);
        let mut members = client.members_now().await?;
        for member in members.iter().filter(|one| one.name == self.node.name) {
            client.remove_member(member.id).await?;
        }
        let id = match client.add_member(url.clone(), true).await {
            Ok(id) => {
                members = client.members_now().await?;
                id
            }
            Err(status) => members
                .iter()
                .find(|one| one.is_learner && one.name.is_empty() && one.peer_urls == [url.clone()])
                .map(|one| one.id)
                .ok_or(status)?,
        };
        Ok(Plan {
            arguments: initial(&self.with_names(&members, id), "existing"),
            learner: Some(id),
        })
    }

    fn with_names(&self, members: &[Member], own: u64) -> String {
        let entry = |member: &Member| {
            let name = match &member.name {
                _ if member.id == own => &self.node.name,
                name => name,
            };
            let urls = member.peer_urls.iter();
            urls.map(|url| format!("{name}={url}")).collect::<Vec<_>>()
        };
        members.iter().flat_map(entry).collect::<Vec<_>>().join(",")
    }

    /// Another member does it: a learner cannot promote itself.
    pub(super) async fn promote(&self, learner: Option<u64>) {
        let Some(id) = learner else { return };
        loop {
            tokio::time::sleep(ATTEMPTS).await;
            if self.node.machine().stays_learner {
                continue;
            }
            for other in self.others() {
                let Some(client) = other.etcd.get() else {
                    continue;
                };
                if client.listens().await && client.promote_member(id).await.is_ok() {
                    return;
                }
            }
        }
    }
}
