//! The Job that is made of a CronJob by hand, as `kubectl create job --from` makes it.

use serde_json::{Value as Json, json};

use crate::kube::objects::CronJob;

/// How long a Job that was started by hand stays, in seconds, unless its template says.
const STAYS: u64 = 24 * 3600;
/// Longest name of a Job: its pods' names and labels are made of it.
const LONGEST: usize = 63;

/// The Job's path, below the API.
pub(super) fn path(namespace: &str) -> String {
    format!("/apis/batch/v1/namespaces/{namespace}/jobs")
}

/// A name of its own: the CronJob's, cut where it is too long, and `suffix`.
pub(super) fn name(cron_job: &str, suffix: &str) -> String {
    let end = format!("-manual-{suffix}");
    let kept: String = cron_job.chars().take(LONGEST - end.len()).collect();
    format!("{}{end}", kept.trim_end_matches(['-', '.']))
}

/// The object to create. It belongs to the CronJob and goes with it; without being controlled by
/// it, since that would count it among the scheduled runs.
pub(super) fn manual(cron_job: &CronJob, name: &str) -> Json {
    let template = &cron_job.spec.job_template;
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "name": cron_job.metadata.name, "uid": cron_job.metadata.uid,
    });
    let mut annotations = map(&template["metadata"]["annotations"]);
    annotations["cronjob.kubernetes.io/instantiate"] = "manual".into();
    let mut spec = map(&template["spec"]);
    if spec["ttlSecondsAfterFinished"].is_null() {
        spec["ttlSecondsAfterFinished"] = STAYS.into();
    }
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": name, "namespace": cron_job.metadata.namespace,
            "labels": map(&template["metadata"]["labels"]),
            "annotations": annotations, "ownerReferences": [owner],
        },
        "spec": spec,
    })
}

fn map(value: &Json) -> Json {
    if value.is_object() {
        value.clone()
    } else {
        json!({})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_what_the_template_says_and_goes_with_its_cron_job() {
        let cron_job: CronJob = serde_json::from_value(json!({
            "metadata": {"name": "etcdbackup", "namespace": "backups", "uid": "u1"},
            "spec": {"schedule": "0 * * * *", "jobTemplate": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"backoffLimit": 2, "template": {"spec": {"containers": []}}},
            }},
        }))
        .unwrap();
        let job = manual(&cron_job, "x");
        assert_eq!(job["spec"]["backoffLimit"], 2);
        assert_eq!(job["spec"]["ttlSecondsAfterFinished"], STAYS);
        assert_eq!(job["metadata"]["labels"]["a"], "b");
        assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "u1");
        assert_eq!(job["metadata"]["namespace"], "backups");
    }

    #[test]
    fn a_name_is_never_too_long() {
        assert_eq!(name("etcdbackup", "1a2b3"), "etcdbackup-manual-1a2b3");
        let long = name(&"a-".repeat(40), "1a2b3");
        assert!(long.len() <= LONGEST, "{long}");
        assert!(long.ends_with("a-manual-1a2b3"), "{long}");
    }
}
