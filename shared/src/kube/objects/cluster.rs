//! What a cluster that is back consists of.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Condition, Metadata};

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Name.
    pub metadata: Metadata,
    /// What its kubelet, or the controller of nodes, says.
    pub status: NodeStatus,
}

/// See [`Node`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// `Ready` among them.
    pub conditions: Vec<Condition>,
    /// Addresses and names.
    pub addresses: Vec<NodeAddress>,
}

/// See [`NodeStatus`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// It.
    pub address: String,
}

/// A lease; a node's is renewed every 10 s.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// The node's name.
    pub metadata: Metadata,
    /// See [`LeaseSpec`].
    pub spec: LeaseSpec,
}

/// See [`Lease`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LeaseSpec {
    /// When it was renewed last.
    pub renew_time: Option<Timestamp>,
}

/// A Deployment or StatefulSet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Replicated {
    /// Name and namespace.
    pub metadata: Metadata,
    /// See [`ReplicatedSpec`].
    pub spec: ReplicatedSpec,
    /// See [`ReplicatedStatus`].
    pub status: ReplicatedStatus,
}

/// See [`Replicated`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ReplicatedSpec {
    /// How many there shall be; none: one.
    pub replicas: Option<u64>,
}

/// See [`Replicated`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicatedStatus {
    /// How many are there.
    pub available_replicas: u64,
}

/// A DaemonSet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DaemonSet {
    /// Name and namespace.
    pub metadata: Metadata,
    /// See [`DaemonSetStatus`].
    pub status: DaemonSetStatus,
}

/// See [`DaemonSet`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DaemonSetStatus {
    /// How many there shall be.
    pub desired_number_scheduled: u64,
    /// How many are there.
    pub number_available: u64,
}

/// A PersistentVolumeClaim.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Name and namespace.
    pub metadata: Metadata,
    /// See [`ClaimStatus`].
    pub status: ClaimStatus,
}

/// See [`Claim`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    pub phase: String,
}

/// Addresses behind a Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EndpointSlice {
    /// The label `kubernetes.io/service-name` names the Service.
    pub metadata: Metadata,
    /// Go writes none as null.
    pub endpoints: Option<Vec<Endpoint>>,
}

/// See [`EndpointSlice`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Its addresses.
    pub addresses: Vec<String>,
    /// See [`EndpointConditions`].
    pub conditions: EndpointConditions,
}

/// See [`Endpoint`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// None is to be taken for true.
    pub ready: Option<bool>,
}

impl EndpointSlice {
    /// The Service: namespace and name.
    pub fn service(&self) -> Option<(&str, &str)> {
        let name = self.metadata.labels.get("kubernetes.io/service-name")?;
        Some((&self.metadata.namespace, name))
    }

    /// Addresses of what is ready.
    pub fn ready(&self) -> impl Iterator<Item = &String> {
        let all = self.endpoints.iter().flatten();
        all.filter(|endpoint| endpoint.conditions.ready != Some(false))
            .flat_map(|endpoint| &endpoint.addresses)
    }
}

/// A ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WebhookConfiguration {
    /// Name.
    pub metadata: Metadata,
    /// Its webhooks, in their order.
    pub webhooks: Option<Vec<Webhook>>,
}

/// See [`WebhookConfiguration`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Webhook {
    /// Name.
    pub name: String,
    /// Whom the API server asks.
    pub client_config: ClientConfig,
    /// `Fail`, which is the default, or `Ignore`.
    pub failure_policy: String,
}

/// See [`Webhook`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ClientConfig {
    /// None: an URL outside of the cluster.
    pub service: Option<ServiceName>,
}

/// A Service that something depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct ServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A part of the API, and who serves it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiService {
    /// As `v1beta1.metrics.k8s.io`.
    pub metadata: Metadata,
    /// See [`ApiServiceSpec`].
    pub spec: ApiServiceSpec,
    /// See [`ApiServiceStatus`].
    pub status: ApiServiceStatus,
}

/// See [`ApiService`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiServiceSpec {
    /// The API group.
    pub group: String,
    /// None: the API server itself.
    pub service: Option<ServiceName>,
}

/// See [`ApiService`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiServiceStatus {
    /// `Available` among them.
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_word_is_ready_and_null_is_none() {
        let slice = |text: &str| serde_json::from_str::<EndpointSlice>(text).unwrap();
        let some = slice(
            r#"{"metadata":{"namespace":"a","labels":{"kubernetes.io/service-name":"b"}},"endpoints":[{"addresses":["1"],"conditions":{}},{"addresses":["2"],"conditions":{"ready":false}},{"addresses":["3"],"conditions":{"ready":true}}]}"#,
        );
        assert_eq!(some.service(), Some(("a", "b")));
        assert_eq!(some.ready().collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(slice(r#"{"endpoints":null}"#).ready().count(), 0);
    }
}
