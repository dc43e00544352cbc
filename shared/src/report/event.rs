//! An event on the CronJob, for `kubectl describe` and `kubectl get events`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::model::RunReport;
use crate::failure::Failure;
use crate::kube::{Cluster, Flags, KubeError};

/// Who reports, as events name it.
const CONTROLLER: &str = "etcdbackup.dev/backup";
/// Characters of a note that the API takes.
const NOTE: usize = 1024;

/// The object an event is about: a CronJob of the pod's own namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTarget {
    /// Its name.
    pub cron_job: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identity {
    uid: String,
}

/// Creates the event.
pub(super) async fn create(target: &EventTarget, report: &RunReport) -> Result<(), String> {
    let cluster = Flags::default()
        .connect()
        .await
        .map_err(|Failure { what, .. }| what)?;
    let uid = uid(&cluster, target).await.unwrap_or_default();
    let path = format!(
        "/apis/events.k8s.io/v1/namespaces/{}/events",
        cluster.namespace
    );
    let event = event(target, &cluster.namespace, &uid, report);
    let created = cluster.api.create::<Json>(&path, &event).await;
    created.map(drop).map_err(|error| error.to_string())
}

/// `kubectl describe` finds events by it; without the right to read it they are only listed.
async fn uid(cluster: &Cluster, target: &EventTarget) -> Result<String, KubeError> {
    let path = format!(
        "/apis/batch/v1/namespaces/{}/cronjobs/{}",
        cluster.namespace, target.cron_job
    );
    let named: Named = cluster.api.get(&path).await?;
    Ok(named.metadata.uid)
}

fn event(target: &EventTarget, namespace: &str, uid: &str, report: &RunReport) -> Json {
    let (kind, reason, note) = match (&report.receipt, &report.error) {
        (Some(receipt), _) if report.success => {
            let urls: Vec<&str> = receipt
                .copies
                .iter()
                .filter(|copy| copy.error.is_none())
                .map(|copy| copy.url.as_str())
                .collect();
            (
                "Normal",
                "BackupStored",
                format!("stored {}", urls.join(", ")),
            )
        }
        (_, Some(error)) => ("Warning", "BackupFailed", error.what.clone()),
        (_, None) => (
            "Warning",
            "BackupFailed",
            format!("the backup ended with code {}", report.exit_code),
        ),
    };
    let name = format!("{}.{:016x}", target.cron_job, rand::random::<u64>());
    let pod = std::env::var("HOSTNAME").unwrap_or_else(|_| "unknown".to_owned());
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "eventTime": micros(Timestamp::now()),
        "type": kind, "reason": reason, "action": "Backup",
        "note": note.chars().take(NOTE).collect::<String>(),
        "regarding": {"apiVersion": "batch/v1", "kind": "CronJob", "namespace": namespace, "name": target.cron_job, "uid": uid},
        "reportingController": CONTROLLER, "reportingInstance": pod,
    })
}

/// As `MicroTime` wants it: always six digits.
fn micros(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::super::metrics::tests::report;
    use super::*;

    #[test]
    fn an_event_says_where_it_is_stored_or_why_not() {
        let target = EventTarget {
            cron_job: "etcdbackup".to_owned(),
        };
        let good = event(&target, "n", "u", &report(true));
        assert_eq!(good["note"], "stored s3://b/p/x.snap");
        assert_eq!(
            (&good["type"], &good["reason"]),
            (&json!("Normal"), &json!("BackupStored"))
        );
        let bad = event(&target, "n", "u", &report(false));
        assert_eq!(bad["type"], "Warning");
        assert_eq!(bad["regarding"]["uid"], "u");
        let time: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(micros(time), "2026-01-02T03:04:05.000000Z");
    }
}
