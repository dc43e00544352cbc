//! What the Kubernetes API, and the kubelets' services, say of a cluster that shall be back:
//! plain data, of which checks are functions.
//!
//! Every control plane's API server is asked for itself; one of them is then read. Of objects
//! only what is not as it should be is kept.

mod compare;
mod kubelets;
mod read;
mod take;

use jiff::Timestamp;
use serde::Serialize;

use super::known::{Known, Unknown, Why};
use crate::kube::{Cause, KubeError};

pub use compare::{Baseline, Comparison, Group};
pub use take::look;

/// One look at Kubernetes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubernetes {
    /// Each control plane's own API server.
    pub servers: Vec<Server>,
    /// The one that was read.
    pub read: Known<Through>,
    /// Its clock; ours where it does not tell.
    pub clock: Timestamp,
    /// etcd's revision, as lists have it.
    pub revision: Known<i64>,
    /// Entries of Raft's log at that revision or later.
    pub log: Known<u64>,
    /// All nodes.
    pub nodes: Known<Vec<KubeNode>>,
    /// Pods.
    pub pods: Known<Kept<Pod>>,
    /// Deployments, StatefulSets, DaemonSets that have less than they should.
    pub workloads: Known<Kept<Workload>>,
    /// Claims that are not bound.
    pub claims: Known<Kept<Claim>>,
    /// Webhooks that are asked through a Service.
    pub webhooks: Known<Vec<Webhook>>,
    /// Parts of the API that are not available.
    pub unavailable: Known<Kept<String>>,
    /// Addresses that pods find the API server at.
    pub api_addresses: Known<Vec<String>>,
    /// The kubelets of all nodes that Talos knows.
    pub kubelets: Vec<Kubelet>,
    /// Against a snapshot, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Known<Comparison>>,
}

/// The API server of one control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The control plane, as the survey calls it.
    pub node: String,
    /// Its own address.
    pub host: String,
    /// What of it is not ready; empty: it is.
    pub failing: Known<Vec<String>>,
}

/// How the API was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Through {
    /// At this address.
    pub host: String,
    /// With the credentials of this source.
    pub source: String,
}

/// Of many objects those that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept<T> {
    /// How many there are.
    pub count: usize,
    /// Those that matter.
    pub kept: Vec<T>,
}

/// A Node object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubeNode {
    /// Its name.
    pub name: String,
    /// Its addresses and names.
    pub addresses: Vec<String>,
    /// What its condition `Ready` says: `True`, `False`, `Unknown`; empty: nothing.
    pub ready: String,
    /// When its kubelet renewed its lease last.
    pub heartbeat: Option<Timestamp>,
}

/// A pod that is not ready, is bound to a node that does not exist, or is in kube-system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node it is bound to; empty: none.
    pub node: String,
    /// Why it is not ready; none: it is.
    pub trouble: Option<String>,
    /// Whether its node does not exist.
    pub phantom: bool,
    /// When its kubelet took it.
    pub since: Option<Timestamp>,
}

/// Something that has less than it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// As `deployment`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many there shall be.
    pub desired: u64,
    /// How many there are.
    pub available: u64,
}

/// A claim that is not bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Pending` or `Lost`.
    pub phase: String,
}

/// A webhook that the API server asks through a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// As `validatingwebhookconfiguration`.
    pub kind: &'static str,
    /// The configuration's name.
    pub configuration: String,
    /// Its place there, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The Service's namespace and name.
    pub service: (String, String),
    /// Whether what it cannot judge is refused.
    pub refuses: bool,
    /// Addresses behind the Service that are ready.
    pub endpoints: usize,
}

/// A kubelet, as Talos' service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubelet {
    /// The node, as Talos is asked for it.
    pub node: String,
    /// Its host name.
    pub hostname: String,
    /// Since when it runs, by the node's clock; none: it does not tell.
    pub since: Known<Option<Timestamp>>,
}

impl Kubernetes {
    /// Nothing could be read, for this reason.
    pub(super) fn unread(reason: &Unknown, clock: Timestamp) -> Self {
        fn un<T>(reason: &Unknown) -> Known<T> {
            Known::Unknown(reason.clone())
        }
        Self {
            servers: Vec::new(),
            read: un(reason),
            clock,
            revision: un(reason),
            log: un(reason),
            nodes: un(reason),
            pods: un(reason),
            workloads: un(reason),
            claims: un(reason),
            webhooks: un(reason),
            unavailable: un(reason),
            api_addresses: un(reason),
            kubelets: Vec::new(),
            compared: None,
        }
    }
}

impl From<&KubeError> for Unknown {
    fn from(error: &KubeError) -> Self {
        let why = match error.cause() {
            Cause::Unreachable | Cause::Timeout => Why::Silent,
            Cause::Distrusted | Cause::Denied => Why::NotPermitted,
            Cause::Absent | Cause::Conflict | Cause::Gone | Cause::Busy | Cause::Answer => {
                Why::Answered
            }
        };
        Self {
            why,
            reason: error.to_string(),
        }
    }
}

impl<T> From<Result<T, KubeError>> for Known<T> {
    fn from(result: Result<T, KubeError>) -> Self {
        match result {
            Ok(value) => Self::Is(value),
            Err(error) => Self::Unknown(Unknown::from(&error)),
        }
    }
}
