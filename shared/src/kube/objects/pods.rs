//! Pods.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Condition, Metadata};

/// A pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Name and namespace.
    pub metadata: Metadata,
    /// What shall be.
    pub spec: PodSpec,
    /// What is.
    pub status: PodStatus,
}

/// See [`Pod`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// The node it is bound to; empty: none.
    pub node_name: String,
    /// Of a backup, the first is the one that backs up.
    pub containers: Vec<Container>,
}

/// See [`PodSpec`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
}

/// See [`Pod`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// As `Evicted`.
    pub reason: String,
    /// When the kubelet took it.
    pub start_time: Option<Timestamp>,
    /// `PodScheduled` and `Ready` among them.
    pub conditions: Vec<Condition>,
    /// Of each container.
    pub container_statuses: Vec<ContainerStatus>,
}

/// See [`PodStatus`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// Name.
    pub name: String,
    /// One of its fields is there.
    pub state: ContainerState,
}

/// See [`ContainerStatus`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It waits.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<Running>,
    /// It ended.
    pub terminated: Option<Terminated>,
}

/// See [`ContainerState`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// As `ImagePullBackOff`, `CrashLoopBackOff`.
    pub reason: String,
    /// Sentences.
    pub message: String,
}

/// See [`ContainerState`].
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Running {}

/// See [`ContainerState`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// What the program ended with.
    pub exit_code: i32,
    /// As `OOMKilled`.
    pub reason: String,
    /// What the program left in its termination message.
    pub message: String,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Pod {
    /// The container that backs up: the first.
    pub fn container(&self) -> Option<&Container> {
        self.spec.containers.first()
    }

    /// Its state.
    pub fn state(&self) -> Option<&ContainerState> {
        let name = &self.container()?.name;
        let mut all = self.status.container_statuses.iter();
        all.find(|status| status.name == *name)
            .map(|status| &status.state)
    }

    /// How it ended, if it did.
    pub fn terminated(&self) -> Option<&Terminated> {
        self.state()?.terminated.as_ref()
    }
}
