//! Objects of the API, as far as a backup that runs in a cluster, and a cluster that is to be back,
//! need them.

mod cluster;
mod jobs;
mod pods;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

pub use cluster::{
    ApiService, ApiServiceSpec, ApiServiceStatus, Claim, ClaimStatus, ClientConfig, DaemonSet,
    DaemonSetStatus, Endpoint, EndpointConditions, EndpointSlice, Lease, LeaseSpec, Node,
    NodeAddress, NodeStatus, Replicated, ReplicatedSpec, ReplicatedStatus, ServiceName, Webhook,
    WebhookConfiguration,
};
pub use jobs::{
    CronJob, CronJobSpec, CronJobStatus, Event, Involved, Job, JobSpec, JobStatus, TalosAccount,
    TalosAccountStatus,
};
pub use pods::{
    Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, Running, Terminated,
    Waiting,
};

/// Where lists are.
pub mod paths {
    /// Namespaces.
    pub const NAMESPACES: &str = "/api/v1/namespaces";
    /// Nodes.
    pub const NODES: &str = "/api/v1/nodes";
    /// The leases that kubelets renew.
    pub const HEARTBEATS: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    /// Pods.
    pub const PODS: &str = "/api/v1/pods";
    /// Deployments.
    pub const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
    /// StatefulSets.
    pub const STATEFUL_SETS: &str = "/apis/apps/v1/statefulsets";
    /// DaemonSets.
    pub const DAEMON_SETS: &str = "/apis/apps/v1/daemonsets";
    /// PersistentVolumeClaims.
    pub const CLAIMS: &str = "/api/v1/persistentvolumeclaims";
    /// EndpointSlices.
    pub const ENDPOINT_SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";
    /// ValidatingWebhookConfigurations.
    pub const VALIDATING: &str =
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    /// MutatingWebhookConfigurations.
    pub const MUTATING: &str =
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    /// APIServices.
    pub const API_SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
}

/// `ObjectMeta`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace; empty: cluster scope.
    pub namespace: String,
    /// Unlike the name never used again.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion began.
    pub deletion_timestamp: Option<Timestamp>,
    /// Who it belongs to.
    pub owner_references: Vec<Owner>,
}

/// An owner.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// Its uid.
    pub uid: String,
}

/// A condition of a node, pod, Job or APIService.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// As `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// Sentences.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Timestamp>,
}

/// The condition of this kind.
pub fn condition<'a>(all: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    all.iter().find(|condition| condition.kind == kind)
}
