//! Objects of the API, as far as a backup that runs in the cluster needs them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

/// `ObjectMeta`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Unlike the name never used again.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
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

/// A CronJob.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CronJob {
    /// Name and namespace.
    pub metadata: Metadata,
    /// What shall be.
    pub spec: CronJobSpec,
    /// What is.
    pub status: CronJobStatus,
}

/// See [`CronJob`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobSpec {
    /// Five fields, or a word as `@hourly`.
    pub schedule: String,
    /// Name of a time zone; none: the controller manager's.
    pub time_zone: Option<String>,
    /// Whether nothing is started.
    pub suspend: bool,
    /// `metadata` and `spec` of its Jobs, as they stand there.
    pub job_template: Json,
}

/// See [`CronJob`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CronJobStatus {
    /// When it last started a Job.
    pub last_schedule_time: Option<Timestamp>,
    /// When one last succeeded.
    pub last_successful_time: Option<Timestamp>,
}

/// A Job.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Name and namespace.
    pub metadata: Metadata,
    /// What shall be.
    pub spec: JobSpec,
    /// What is.
    pub status: JobStatus,
}

/// See [`Job`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobSpec {
    /// Whether it shall not run.
    pub suspend: bool,
}

/// See [`Job`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobStatus {
    /// `Complete` and `Failed` among them.
    pub conditions: Vec<Condition>,
    /// When it began.
    pub start_time: Option<Timestamp>,
    /// When it was done.
    pub completion_time: Option<Timestamp>,
}

/// A condition of a Job or pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// Which.
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

impl Job {
    /// The condition of this kind, if it is true.
    pub fn is(&self, kind: &str) -> Option<&Condition> {
        let mut all = self.status.conditions.iter();
        all.find(|condition| condition.kind == kind && condition.status == "True")
    }
}

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
#[serde(default)]
pub struct PodSpec {
    /// The first is the backup.
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
    /// As `Evicted`.
    pub reason: String,
    /// `PodScheduled` among them.
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
    /// As `ImagePullBackOff`.
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

/// An event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// As `FailedMount`.
    pub reason: String,
    /// Sentences.
    pub message: String,
    /// What it is about.
    pub involved_object: Involved,
}

/// See [`Event`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Involved {
    /// Its uid.
    pub uid: String,
}

/// A ServiceAccount of talos.dev: the wish for a talosconfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TalosAccount {
    /// Its Secret has the same name.
    pub metadata: Metadata,
    /// What is.
    pub status: TalosAccountStatus,
}

/// See [`TalosAccount`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TalosAccountStatus {
    /// Why there is no talosconfig.
    pub failure_reason: String,
}
