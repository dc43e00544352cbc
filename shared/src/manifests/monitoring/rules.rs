//! When somebody should be told, and what of.
//!
//! A backup that stopped is seen without a word from it: kube-state-metrics knows when the
//! CronJob succeeded last. What is in the store is seen from the metrics that `now`, `verify` and
//! `prune` report. Either alone misses something: a green Job that wrote nowhere, or a push that
//! never came.

use serde_json::{Value, json};

use super::super::{Installation, names};

/// Where each alert is explained: an anchor for each, its name in lower case.
const RUNBOOK: &str = "https://github.com/etcdbackup/etcdbackup/blob/main/docs/operations.md";
const DAY: u64 = 86400;
/// A deep verification is due daily, a drill monthly; both a bit late.
const VERIFIED_WITHIN: u64 = 3 * DAY;
const DRILLED_WITHIN: u64 = 35 * DAY;

/// One alert.
pub(super) struct Rule {
    pub(super) name: &'static str,
    expression: String,
    pending: &'static str,
    severity: &'static str,
    summary: String,
    description: &'static str,
}

impl Rule {
    pub(super) fn value(&self) -> Value {
        json!({
            "alert": self.name,
            "expr": self.expression,
            "for": self.pending,
            "labels": { "severity": self.severity },
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": format!("{RUNBOOK}#{}", self.name.to_ascii_lowercase()),
            },
        })
    }
}

/// What two intervals and a run last at most.
fn stale_after(installation: &Installation) -> u64 {
    2 * installation.schedule.interval.as_secs() + installation.deadline.as_secs()
}

/// What kube-state-metrics tells, whatever the runs say.
pub(super) fn of_kubernetes(installation: &Installation) -> Vec<Rule> {
    [schedule(installation), runs(installation)]
        .into_iter()
        .flatten()
        .collect()
}

/// That of the CronJob.
fn of_cron_job(installation: &Installation) -> String {
    let (namespace, name) = (&installation.namespace, names::NAME);
    format!("{{namespace=\"{namespace}\",cronjob=\"{name}\"}}")
}

fn schedule(installation: &Installation) -> Vec<Rule> {
    let (of_cron_job, stale) = (of_cron_job(installation), stale_after(installation));
    vec![
        Rule {
            name: "EtcdBackupStale",
            expression: format!(
                "time() - kube_cronjob_status_last_successful_time{of_cron_job} > {stale}"
            ),
            pending: "5m",
            severity: "critical",
            summary: "No etcd backup succeeded for two intervals".to_owned(),
            description: "The last successful run was {{ $value | humanizeDuration }} ago.",
        },
        Rule {
            name: "EtcdBackupNeverSucceeded",
            expression: format!(
                "time() - kube_cronjob_created{of_cron_job} > {stale} unless on (namespace, cronjob) kube_cronjob_status_last_successful_time{of_cron_job}"
            ),
            pending: "5m",
            severity: "critical",
            summary: "The etcd backup has not succeeded once".to_owned(),
            description: "The CronJob was made {{ $value | humanizeDuration }} ago, and no run of it succeeded.",
        },
        Rule {
            name: "EtcdBackupAbsent",
            expression: format!("absent(kube_cronjob_info{of_cron_job})"),
            pending: "30m",
            severity: "critical",
            summary: "There is no etcd backup".to_owned(),
            description: "The CronJob is gone, or kube-state-metrics does not tell of it.",
        },
        Rule {
            name: "EtcdBackupSuspended",
            expression: format!("kube_cronjob_spec_suspend{of_cron_job} == 1"),
            pending: "6h",
            severity: "warning",
            summary: "The etcd backup is suspended".to_owned(),
            description: "Nothing is backed up until the CronJob's `suspend` is false again.",
        },
    ]
}

fn runs(installation: &Installation) -> Vec<Rule> {
    let (namespace, name) = (&installation.namespace, names::NAME);
    let of_cron_job = of_cron_job(installation);
    let of_jobs = format!("namespace=\"{namespace}\",job_name=~\"{name}-.+\"");
    let slow = installation.deadline.as_secs() / 10 * 8;
    vec![
        Rule {
            name: "EtcdBackupFailed",
            expression: format!(
                "max by (namespace) (kube_job_created{{{of_jobs}}} and on (namespace, job_name) kube_job_failed{{{of_jobs},condition=\"true\"}} == 1) > on (namespace) kube_cronjob_status_last_successful_time{of_cron_job}"
            ),
            pending: "1m",
            severity: "warning",
            summary: "The last etcd backup failed".to_owned(),
            description: "A run failed since the last one that succeeded.",
        },
        Rule {
            name: "EtcdBackupWaiting",
            expression: format!(
                "max by (namespace, pod) (kube_pod_status_phase{{namespace=\"{namespace}\",pod=~\"{name}-.+\",phase=\"Pending\"}}) == 1"
            ),
            pending: "10m",
            severity: "warning",
            summary: "The etcd backup's pod does not start".to_owned(),
            description: "Pod {{ $labels.pod }} waits: for a Secret, its image or a node.",
        },
        Rule {
            name: "EtcdBackupSlow",
            expression: format!(
                "time() - kube_job_status_start_time{{{of_jobs}}} > {slow} and on (namespace, job_name) kube_job_status_active{{{of_jobs}}} > 0"
            ),
            pending: "1m",
            severity: "warning",
            summary: "An etcd backup takes nearly as long as it may".to_owned(),
            description: "Job {{ $labels.job_name }} runs for {{ $value | humanizeDuration }}.",
        },
    ]
}

/// What the runs report.
pub(super) fn of_reports(installation: &Installation) -> Vec<Rule> {
    let of_cluster = if installation.cluster.is_empty() {
        String::new()
    } else {
        format!("{{cluster=\"{}\"}}", escaped(&installation.cluster))
    };
    let mut rules = stored(&of_cluster, stale_after(installation));
    rules.extend(verified(&of_cluster));
    rules
}

fn stored(of_cluster: &str, stale: u64) -> Vec<Rule> {
    vec![
        Rule {
            name: "EtcdBackupStoreStale",
            expression: format!(
                "time() - max by (cluster, destination) (etcdbackup_last_success_timestamp_seconds{of_cluster}) > {stale}"
            ),
            pending: "5m",
            severity: "critical",
            summary: "A destination has no recent etcd backup".to_owned(),
            description: "The last backup of {{ $labels.cluster }} in {{ $labels.destination }} is {{ $value | humanizeDuration }} old.",
        },
        Rule {
            name: "EtcdBackupShrunk",
            expression: format!(
                "etcdbackup_snapshot_size_bytes{of_cluster} < 0.5 * quantile_over_time(0.5, etcdbackup_snapshot_size_bytes{of_cluster}[7d])"
            ),
            pending: "5m",
            severity: "warning",
            summary: "The etcd snapshot is half as large as usual".to_owned(),
            description: "The snapshot of {{ $labels.cluster }} has {{ $value | humanize1024 }}B, less than half of the median of a week. A defragmentation does that, and a lost namespace, too.",
        },
    ]
}

fn verified(of_cluster: &str) -> Vec<Rule> {
    vec![
        Rule {
            name: "EtcdBackupDamaged",
            expression: format!("etcdbackup_verify_ok{of_cluster} == 0"),
            pending: "1m",
            severity: "critical",
            summary: "A stored etcd backup is not good".to_owned(),
            description: "The last verification of {{ $labels.cluster }} in {{ $labels.destination }} found a backup that would not restore.",
        },
        Rule {
            name: "EtcdBackupUnverified",
            expression: format!(
                "time() - max by (cluster, destination) (etcdbackup_last_verified_timestamp_seconds{of_cluster}) > {VERIFIED_WITHIN}"
            ),
            pending: "5m",
            severity: "warning",
            summary: "No etcd backup was verified lately".to_owned(),
            description: "The last good verification of {{ $labels.cluster }} in {{ $labels.destination }} was {{ $value | humanizeDuration }} ago.",
        },
        Rule {
            name: "EtcdBackupUndrilled",
            expression: format!(
                "time() - max by (cluster, destination) (etcdbackup_last_drill_timestamp_seconds{of_cluster}) > {DRILLED_WITHIN}"
            ),
            pending: "5m",
            severity: "warning",
            summary: "No etcd backup was restored for a drill lately".to_owned(),
            description: "The last drill of {{ $labels.cluster }} in {{ $labels.destination }} was {{ $value | humanizeDuration }} ago.",
        },
    ]
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;

    #[test]
    fn every_alert_is_explained_where_it_points_to() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut rules = of_kubernetes(&installation());
        rules.extend(of_reports(&installation()));
        let headings: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .collect();
        for rule in &rules {
            assert!(
                headings.contains(&rule.name),
                "{} has no heading",
                rule.name
            );
            let url = rule.value()["annotations"]["runbook_url"].to_string();
            // GitHub's anchor of a heading that is one word.
            assert!(
                url.ends_with(&format!("#{}\"", rule.name.to_ascii_lowercase())),
                "{url}"
            );
        }
        let alerts = headings
            .iter()
            .filter(|heading| heading.starts_with("EtcdBackup"));
        assert_eq!(alerts.count(), rules.len(), "a heading explains no alert");
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let odd = Installation {
            cluster: "a\"} or vector(1) #".to_owned(),
            ..installation()
        };
        for rule in of_reports(&odd) {
            assert!(
                rule.expression.contains("a\\\"} or vector(1) #\""),
                "{}",
                rule.expression
            );
        }
    }
}
