//! How far a Job is: a pure function of what was seen.

use super::look::Seen;
use super::obstacle::{Obstacle, obstacle};
use crate::failure::{Exit, Failure};
use crate::kube::objects::{Job, Pod, Terminated};
use crate::report::RunReport;

/// How far it is.
#[derive(Debug)]
pub enum Stage {
    /// Nothing runs yet.
    Waiting(Option<Obstacle>),
    /// This pod's program runs, or did, and there may be another.
    Running(String),
    /// It is over.
    Ended(Box<Ended>),
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The pod that decided it.
    pub pod: Option<String>,
    /// What the program left: its report.
    pub report: Option<RunReport>,
    /// Why it did not succeed; none: it did.
    pub failure: Option<Failure>,
}

/// How far the Job is.
pub fn judge(seen: &Seen) -> Stage {
    let Some(job) = &seen.job else {
        let what = "the Job was deleted while it ran";
        return Stage::Ended(Box::new(Ended {
            pod: None,
            report: None,
            failure: Some(Failure::new(Exit::Temporary, what).hint("run it again")),
        }));
    };
    let ended = seen.pods.iter().find(|pod| pod.terminated().is_some());
    if job.is("Complete").is_some() {
        return Stage::Ended(Box::new(finished(ended, None)));
    }
    if let Some(condition) = job.is("Failed") {
        let failure = failure(job, ended, &condition.reason, &condition.message);
        return Stage::Ended(Box::new(finished(ended, Some(failure))));
    }
    match seen.pods.first() {
        Some(pod) if has_begun(pod) => Stage::Running(pod.metadata.name.clone()),
        _ => Stage::Waiting(obstacle(seen)),
    }
}

fn has_begun(pod: &Pod) -> bool {
    pod.state()
        .is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

fn finished(pod: Option<&Pod>, failure: Option<Failure>) -> Ended {
    Ended {
        pod: pod.map(|pod| pod.metadata.name.clone()),
        report: pod
            .and_then(Pod::terminated)
            .and_then(|end| RunReport::read(&end.message)),
        failure,
    }
}

/// Why it failed: the program's own words, where it left some.
fn failure(job: &Job, pod: Option<&Pod>, reason: &str, message: &str) -> Failure {
    let name = &job.metadata.name;
    let logs = format!(
        "`kubectl -n {} logs job/{name}` has its log",
        job.metadata.namespace
    );
    if reason == "DeadlineExceeded" {
        let what = format!("Job `{name}` ran longer than its `activeDeadlineSeconds`");
        return Failure::new(Exit::Temporary, what).hint(logs);
    }
    let Some(end) = pod.and_then(Pod::terminated) else {
        let what = format!("Job `{name}` failed before its program ran: {message}");
        return Failure::new(Exit::Unreachable, what).hint(format!(
            "`kubectl -n {} describe job {name}` has the events",
            job.metadata.namespace
        ));
    };
    ended_by(end, &logs)
}

fn ended_by(end: &Terminated, logs: &str) -> Failure {
    if end.reason == "OOMKilled" {
        let what = "the backup was killed for want of memory";
        let hint = "raise the memory limit of the CronJob, or set ETCDBACKUP_LOW_MEMORY=true";
        return Failure::new(Exit::Temporary, what).hint(hint);
    }
    let report = RunReport::read(&end.message);
    if let Some(error) = report.and_then(|report| report.error) {
        let failure = Failure::new(exit_of(end.exit_code), error.what);
        return match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
    }
    let what = format!(
        "the backup in the cluster ended with code {}",
        end.exit_code
    );
    Failure::new(exit_of(end.exit_code), what).hint(logs)
}

/// A code of ours, or that the program was ended from outside.
fn exit_of(code: i32) -> Exit {
    let known = Exit::ALL
        .into_iter()
        .find(|exit| i32::from(exit.code()) == code);
    match known {
        Some(Exit::Done) | None => Exit::Temporary,
        // Whoever stopped the pod did not stop this program.
        Some(Exit::Interrupted | Exit::Terminated) => Exit::Temporary,
        Some(exit) => exit,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn seen(job: &Json, pods: &[Json], events: &Json, accounts: &Json) -> Seen {
        Seen {
            job: serde_json::from_value(job.clone()).unwrap(),
            pods: pods
                .iter()
                .map(|pod| serde_json::from_value(pod.clone()).unwrap())
                .collect(),
            events: serde_json::from_value(events.clone()).unwrap(),
            accounts: serde_json::from_value(accounts.clone()).unwrap(),
            revision: None,
        }
    }

    fn pod(state: &Json) -> Json {
        json!({
            "metadata": {"name": "p", "uid": "pu"},
            "spec": {"containers": [{"name": "backup", "image": "registry/x:1"}]},
            "status": {"containerStatuses": [{"name": "backup", "state": state}]},
        })
    }

    fn job(kind: &str, reason: &str) -> Json {
        let conditions = json!([{"type": kind, "status": "True", "reason": reason}]);
        json!({"metadata": {"name": "j", "namespace": "n", "uid": "ju"}, "status": {"conditions": conditions}})
    }

    fn stuck(pods: &[Json], events: &Json, accounts: &Json) -> Obstacle {
        match judge(&seen(&job("Suspended", ""), pods, events, accounts)) {
            Stage::Waiting(Some(obstacle)) => obstacle,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let none = json!([]);
        let event = |reason: &str, uid: &str, message: &str| json!([{"reason": reason, "message": message, "involvedObject": {"uid": uid}}]);
        let quota = event(
            "FailedCreate",
            "ju",
            "pods \"p\" is forbidden: exceeded quota: small",
        );
        let found = stuck(&[], &quota, &none);
        assert!(
            found.hint.contains("ResourceQuota") && found.passing,
            "{found:?}"
        );
        let security = event(
            "FailedCreate",
            "ju",
            "violates PodSecurity \"restricted:latest\"",
        );
        assert!(!stuck(&[], &security, &none).passing);

        let waits = |reason: &str| pod(&json!({"waiting": {"reason": reason, "message": "said"}}));
        let image = stuck(&[waits("ImagePullBackOff")], &none, &none);
        assert_eq!((image.exit, image.passing), (Exit::Unreachable, false));
        assert!(image.what.contains("registry/x:1"));
        assert!(stuck(&[waits("ErrImagePull")], &none, &none).passing);
        let config = stuck(&[waits("CreateContainerConfigError")], &none, &none);
        assert_eq!(config.exit, Exit::Config);

        let creating = waits("ContainerCreating");
        let mount = event(
            "FailedMount",
            "pu",
            "MountVolume.SetUp failed for volume \"talos\" : secret \"talos-access\" not found",
        );
        let plain = stuck(std::slice::from_ref(&creating), &mount, &none);
        assert!(plain.what.contains("not found"), "{plain:?}");
        let wish = |reason: &str| json!([{"metadata": {"name": "talos-access"}, "status": {"failureReason": reason}}]);
        let refused = stuck(
            std::slice::from_ref(&creating),
            &mount,
            &wish("Namespace is not allowed: n"),
        );
        assert_eq!((refused.exit, refused.passing), (Exit::NotPermitted, false));
        assert!(refused.hint.contains("allowedKubernetesNamespaces"));
        let late = stuck(std::slice::from_ref(&creating), &mount, &wish(""));
        assert!(
            late.passing && late.what.contains("has not made"),
            "{late:?}"
        );

        let mut pending = pod(&json!({}));
        pending["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]);
        assert_eq!(stuck(&[pending], &none, &none).exit, Exit::Temporary);
    }

    #[test]
    fn an_end_has_the_code_and_the_words_of_the_program() {
        let none = json!([]);
        let ended = |job: &Json, pods: &[Json]| match judge(&seen(job, pods, &none, &none)) {
            Stage::Ended(ended) => *ended,
            other => panic!("{other:?}"),
        };
        let done = |code: i32, reason: &str, message: &str| {
            pod(&json!({"terminated": {"exitCode": code, "reason": reason, "message": message}}))
        };
        let good = ended(&job("Complete", ""), &[done(0, "Completed", "")]);
        assert!(good.failure.is_none());
        let failed =
            |pods: &[Json], reason: &str| ended(&job("Failed", reason), pods).failure.unwrap();
        let plain = failed(&[done(77, "Error", "no report")], "PodFailurePolicy");
        assert_eq!(plain.exit, Exit::NotPermitted);
        let told = r#"{"version":1,"success":false,"exitCode":65,"error":{"what":"the trailer is wrong","hint":"h"}}"#;
        let told = failed(&[done(65, "Error", told)], "PodFailurePolicy");
        assert_eq!(
            (told.exit, told.what.as_str()),
            (Exit::Data, "the trailer is wrong")
        );
        let killed = failed(&[done(137, "OOMKilled", "")], "BackoffLimitExceeded");
        assert!(killed.hint.unwrap().contains("memory limit"));
        assert_eq!(failed(&[done(143, "Error", "")], "x").exit, Exit::Temporary);
        assert_eq!(failed(&[], "DeadlineExceeded").exit, Exit::Temporary);
        let early = failed(&[], "BackoffLimitExceeded");
        assert!(early.what.contains("before its program ran"));
        let gone = ended(&Json::Null, &[]);
        assert!(gone.failure.unwrap().what.contains("deleted"));
    }

    #[test]
    fn a_pod_that_runs_is_followed_until_the_job_has_ended() {
        let none = json!([]);
        for state in [
            json!({"running": {}}),
            json!({"terminated": {"exitCode": 69}}),
        ] {
            let stage = judge(&seen(&job("Suspended", ""), &[pod(&state)], &none, &none));
            assert!(matches!(stage, Stage::Running(name) if name == "p"));
        }
        let stage = judge(&seen(&job("Suspended", ""), &[], &none, &none));
        assert!(matches!(stage, Stage::Waiting(None)));
    }
}
