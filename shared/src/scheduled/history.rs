//! What the last runs did: a pure function of Jobs and pods.

use jiff::Timestamp;
use serde::Serialize;

use super::look::pods_path;
use crate::kube::objects::{CronJob, Job, Pod};
use crate::kube::{Cluster, Form, KubeError};
use crate::report::RunReport;

/// One run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Name of its Job.
    pub job: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it is.
    pub state: RunState,
    /// Why it failed, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its program left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<RunReport>,
    #[serde(skip)]
    began: Option<Timestamp>,
}

/// How a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It succeeded.
    Succeeded,
    /// It did not.
    Failed,
}

impl RunState {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Run {
    /// When it began.
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }
}

/// The runs of a CronJob that the cluster remembers, the newest first.
///
/// # Errors
/// Jobs cannot be listed. Without the right to list pods there are no reports.
pub async fn history(cluster: &Cluster, cron_job: &CronJob) -> Result<Vec<Run>, KubeError> {
    let namespace = &cron_job.metadata.namespace;
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let uid = &cron_job.metadata.uid;
    let own = |job: Job| {
        let owners = &job.metadata.owner_references;
        owners.iter().any(|owner| owner.uid == *uid).then_some(job)
    };
    let jobs = cluster.api.list(&path, Form::Objects, own).await?.items;
    let mut runs = Vec::with_capacity(jobs.len());
    for job in jobs {
        let pods = pods_path(namespace, &job.metadata.name);
        let pods = cluster.api.list(&pods, Form::Objects, Some::<Pod>).await;
        runs.push(run(
            &job,
            &pods.map(|listed| listed.items).unwrap_or_default(),
        ));
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.began));
    Ok(runs)
}

fn run(job: &Job, pods: &[Pod]) -> Run {
    let ended = pods.iter().filter_map(Pod::terminated);
    let last = ended.max_by_key(|end| end.finished_at);
    let report = last.and_then(|end| RunReport::read(&end.message));
    let failed = job.is("Failed");
    let state = match (job.is("Complete"), failed) {
        (Some(_), _) => RunState::Succeeded,
        (None, Some(_)) => RunState::Failed,
        (None, None) => RunState::Running,
    };
    let told = report.as_ref().and_then(|report| report.error.as_ref());
    let reason = failed.map(|condition| match (told, last) {
        (Some(error), _) => error.what.clone(),
        (None, Some(end)) => format!("{}, exit code {}", condition.reason, end.exit_code),
        (None, None) => format!("{}: {}", condition.reason, condition.message),
    });
    let began = job.status.start_time.or(job.metadata.creation_timestamp);
    let ended = job.status.completion_time;
    let ended = ended.or(failed.and_then(|condition| condition.last_transition_time));
    Run {
        job: job.metadata.name.clone(),
        started_at: began.map(|time| time.to_string()),
        ended_at: ended.map(|time| time.to_string()),
        state,
        reason,
        report,
        began,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_told_by_its_job_and_by_what_its_program_left() {
        let job = |kind: &str| -> Job {
            serde_json::from_value(json!({
                "metadata": {"name": "j"},
                "status": {
                    "startTime": "2026-01-02T03:04:05Z",
                    "conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "m", "lastTransitionTime": "2026-01-02T03:05:05Z"}],
                },
            }))
            .unwrap()
        };
        let pod = |message: &str| -> Pod {
            serde_json::from_value(json!({
                "spec": {"containers": [{"name": "c"}]},
                "status": {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 69, "message": message}}}]},
            }))
            .unwrap()
        };
        let report = r#"{"version":1,"success":false,"exitCode":69,"error":{"what":"no bucket"}}"#;
        let told = run(&job("Failed"), &[pod(report)]);
        assert_eq!(told.state, RunState::Failed);
        assert_eq!(told.reason.as_deref(), Some("no bucket"));
        assert_eq!(told.ended_at.as_deref(), Some("2026-01-02T03:05:05Z"));
        let silent = run(&job("Failed"), &[pod("")]);
        let reason = silent.reason.unwrap();
        assert_eq!(reason, "BackoffLimitExceeded, exit code 69");
        assert_eq!(
            run(&job("Failed"), &[]).reason.unwrap(),
            "BackoffLimitExceeded: m"
        );
        assert_eq!(run(&job("Complete"), &[]).state, RunState::Succeeded);
        assert_eq!(run(&job("Suspended"), &[]).state, RunState::Running);
    }
}
