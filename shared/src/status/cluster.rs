//! What the cluster knows of its backups.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::model::Schedule;
use crate::failure::Failure;
use crate::kube::Cluster;
use crate::kube::objects::CronJob;
use crate::scheduled::{self, Run, next_runs};

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The CronJob.
    pub schedule: Option<Schedule>,
    /// Its last runs.
    pub runs: Vec<Run>,
    /// Its program's variables.
    pub settings: BTreeMap<String, String>,
    /// What could not be seen.
    pub unseen: Vec<String>,
}

/// Looks for the CronJob of this name, or the only one.
///
/// # Errors
/// The cluster cannot be asked, or it is not clear which CronJob is meant.
pub async fn look(cluster: &Cluster, name: Option<&str>, now: Timestamp) -> Result<Seen, Failure> {
    let Some(cron_job) = scheduled::find(cluster, name).await? else {
        return Ok(Seen {
            unseen: vec!["no CronJob that backs up is installed in this cluster".to_owned()],
            ..Seen::default()
        });
    };
    let mut seen = Seen {
        schedule: Some(schedule(&cron_job, now)),
        ..Seen::default()
    };
    match scheduled::history(cluster, &cron_job).await {
        Ok(runs) => seen.runs = runs,
        Err(error) => seen.unseen.push(format!("its last runs: {error}")),
    }
    match scheduled::settings(cluster, &cron_job).await {
        Ok(settings) => seen.settings = settings,
        Err(error) => seen.unseen.push(format!("its settings: {error}")),
    }
    Ok(seen)
}

fn schedule(cron_job: &CronJob, now: Timestamp) -> Schedule {
    let spec = &cron_job.spec;
    let next = next_runs(&spec.schedule, spec.time_zone.as_deref(), now);
    let interval = next.map(|(first, second)| second.as_second() - first.as_second());
    Schedule {
        namespace: cron_job.metadata.namespace.clone(),
        name: cron_job.metadata.name.clone(),
        schedule: spec.schedule.clone(),
        time_zone: spec.time_zone.clone(),
        suspended: spec.suspend,
        next_run: next
            .filter(|_| !spec.suspend)
            .map(|(first, _)| first.to_string()),
        interval_seconds: interval,
    }
}
