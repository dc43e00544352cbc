//! What a backup in the cluster is made of, but for its pods.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Condition, Metadata};

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

impl Job {
    /// The condition of this kind, if it is true.
    pub fn is(&self, kind: &str) -> Option<&Condition> {
        let mut all = self.status.conditions.iter();
        all.find(|condition| condition.kind == kind && condition.status == "True")
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
