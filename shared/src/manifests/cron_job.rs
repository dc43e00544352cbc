//! The CronJob: one pod that takes, proves, seals and stores, and ends.

use serde_json::{Value, json};

use super::config_map::{CA_CONFIG_MAP, CA_FOLDER};
use super::document::Document;
use super::{Installation, names};
use crate::failure::Exit;

/// Codes after which another try changes nothing: the Job fails at once, and says so.
pub(super) const HOPELESS: [Exit; 4] = [Exit::Usage, Exit::Data, Exit::NotPermitted, Exit::Config];
/// Tries after the first: each takes a snapshot.
const BACKOFF_LIMIT: u32 = 3;
/// Uploads are aborted within ten seconds of SIGTERM.
const GRACE_SECONDS: u32 = 30;
/// Nobody in particular; of no use to anyone on the node.
const USER: u32 = 65532;
/// For the group only: 0440.
const FILE_MODE: u32 = 0o440;
/// Where the S3 credentials are.
const S3_FOLDER: &str = "/var/run/secrets/etcdbackup/s3";
/// Where the URL that is pinged is.
const PING_FOLDER: &str = "/var/run/secrets/etcdbackup/ping";
/// Where Kubernetes looks for a termination message.
const TERMINATION_MESSAGE: &str = "/dev/termination-log";
/// Where Talos' clients look in a pod.
const TALOS_FOLDER: &str = "/var/run/secrets/talos.dev";

/// The CronJob.
pub(super) fn cron_job(installation: &Installation) -> Document {
    Document::object(
        "cronjob.yaml",
        "The backup. A snapshot is proven while it streams, and published only then; nothing is\nwritten to a disk.",
        json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": names::metadata(installation, names::NAME),
            "spec": {
                "schedule": installation.schedule.cron,
                "timeZone": installation.time_zone,
                "suspend": installation.suspend,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": starting_deadline(installation),
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {
                    "metadata": { "labels": names::labels(installation) },
                    "spec": job(installation),
                },
            },
        }),
    )
}

/// A bit under the interval: a start that was missed is made up for, unless the next is near.
fn starting_deadline(installation: &Installation) -> u64 {
    (installation.schedule.interval.as_secs() / 10 * 9).max(100)
}

fn job(installation: &Installation) -> Value {
    let codes: Vec<u8> = HOPELESS.iter().map(|exit| exit.code()).collect();
    json!({
        "activeDeadlineSeconds": installation.deadline.as_secs(),
        "backoffLimit": BACKOFF_LIMIT,
        "podFailurePolicy": { "rules": [
            {
                "action": "Ignore",
                "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
            },
            {
                "action": "FailJob",
                "onExitCodes": {
                    "containerName": names::CONTAINER,
                    "operator": "In",
                    "values": codes,
                },
            },
        ] },
        "template": {
            "metadata": { "labels": names::labels(installation) },
            "spec": pod(installation),
        },
    })
}

fn pod(installation: &Installation) -> Value {
    json!({
        "restartPolicy": "Never",
        "serviceAccountName": names::NAME,
        "automountServiceAccountToken": installation.event,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        // It can run there when no worker is left, and need not.
        "tolerations": [{
            "key": "node-role.kubernetes.io/control-plane",
            "operator": "Exists",
            "effect": "NoSchedule",
        }],
        "containers": [container(installation)],
        "volumes": volumes(installation),
    })
}

fn container(installation: &Installation) -> Value {
    let mut command = vec!["/usr/local/bin/kubectl-etcdbackup", "now", "--direct"];
    if installation.unencrypted {
        command.push("--no-encrypt");
    }
    let mut mounts = vec![
        json!({ "name": "talos", "mountPath": TALOS_FOLDER, "readOnly": true }),
        json!({ "name": "s3", "mountPath": S3_FOLDER, "readOnly": true }),
    ];
    if installation.settings.s3_ca.is_some() {
        mounts.push(json!({ "name": "ca", "mountPath": CA_FOLDER, "readOnly": true }));
    }
    if installation.ping.is_some() {
        mounts.push(json!({ "name": "ping", "mountPath": PING_FOLDER, "readOnly": true }));
    }
    json!({
        "name": names::CONTAINER,
        "image": installation.image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "envFrom": [{ "configMapRef": { "name": names::NAME } }],
        "env": environment(installation),
        "resources": {
            "requests": { "cpu": "100m", "memory": "64Mi" },
            // Memory does not grow with the snapshot; a limit on CPU would only make it slower.
            "limits": { "memory": "256Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        // Where a run ends before it can report, its last lines are in the pod's status.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    })
}

fn environment(installation: &Installation) -> Value {
    let one = |name: &str, value: &str| json!({ "name": name, "value": value });
    let credentials = format!("{S3_FOLDER}/{}", names::S3_SECRET_KEY);
    let mut all = vec![
        one("AWS_SHARED_CREDENTIALS_FILE", &credentials),
        // `now` and `status` read the report of a run in its pod's status.
        one("ETCDBACKUP_REPORT_FILE", TERMINATION_MESSAGE),
    ];
    if installation.event {
        all.push(one("ETCDBACKUP_EVENT_ON", names::NAME));
    }
    if installation.ping.is_some() {
        let file = format!("{PING_FOLDER}/{}", names::PING_SECRET_KEY);
        all.push(one("ETCDBACKUP_PING_URL_FILE", &file));
    }
    all.into()
}

fn volumes(installation: &Installation) -> Value {
    let secret = |name: &str, secret: &str| json!({ "name": name, "secret": { "secretName": secret, "defaultMode": FILE_MODE } });
    let mut volumes = vec![
        secret("talos", names::TALOS_SECRET),
        secret("s3", installation.credentials.secret()),
    ];
    if installation.ping.is_some() {
        volumes.push(secret("ping", names::PING_SECRET));
    }
    if installation.settings.s3_ca.is_some() {
        volumes.push(json!({ "name": "ca", "configMap": { "name": CA_CONFIG_MAP } }));
    }
    volumes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;

    fn spec(installation: &Installation) -> Value {
        cron_job(installation).value["spec"].clone()
    }

    #[test]
    fn codes_that_another_try_does_not_change_fail_the_job_sorted_and_without_zero() {
        let spec = spec(&installation());
        let rule = &spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][1];
        assert_eq!(rule["onExitCodes"]["values"], json!([2, 65, 77, 78]));
        assert!(HOPELESS.is_sorted_by_key(|exit| exit.code()));
        for retried in [
            Exit::Unreachable,
            Exit::Temporary,
            Exit::Io,
            Exit::Terminated,
        ] {
            assert!(!HOPELESS.contains(&retried));
        }
    }

    #[test]
    fn a_missed_start_is_made_up_for_within_the_interval() {
        let spec = spec(&installation());
        assert_eq!(spec["startingDeadlineSeconds"], 6 * 3600 / 10 * 9);
        assert_eq!(spec["concurrencyPolicy"], "Forbid");
        let name = cron_job(&installation()).value["metadata"]["name"].clone();
        assert!(name.as_str().unwrap().len() <= 52);
    }

    #[test]
    fn in_the_clear_only_when_said_and_a_token_only_for_the_event() {
        let pod = |installation: &Installation| {
            spec(installation)["jobTemplate"]["spec"]["template"]["spec"].clone()
        };
        let usual = pod(&installation());
        assert_eq!(usual["automountServiceAccountToken"], false);
        let command = usual["containers"][0]["command"].to_string();
        assert!(!command.contains("no-encrypt"), "{command}");
        let environment = usual["containers"][0]["env"].to_string();
        assert!(
            environment.contains("/dev/termination-log"),
            "{environment}"
        );
        assert!(!environment.contains("EVENT_ON"), "{environment}");
        let other = pod(&Installation {
            unencrypted: true,
            event: true,
            ..installation()
        });
        assert_eq!(other["automountServiceAccountToken"], true);
        let event = json!({ "name": "ETCDBACKUP_EVENT_ON", "value": names::NAME });
        assert_eq!(other["containers"][0]["env"][2], event);
        assert!(
            other["containers"][0]["command"]
                .to_string()
                .contains("--no-encrypt")
        );
    }
}
