//! Reports as Prometheus reads them. Timestamps are values, never of the samples: neither the
//! textfile collector nor the Pushgateway takes those.

use std::collections::BTreeMap;

use super::model::RunReport;
use crate::catalogue::ObjectName;
use crate::verify::{Verdict, Verification};

/// What a metric is about, by its name; also the list of all there are.
const HELP: &[(&str, &str)] = &[
    (RUN_TIME, "When the last run ended"),
    (RUN_SUCCESS, "Whether the last run succeeded"),
    (DURATION, "How long the last run took"),
    (SUCCESS_TIME, "When a backup was last stored here"),
    (SNAPSHOT_SIZE, "Size of the last snapshot that was stored"),
    (OBJECT_SIZE, "Size of the last object that was stored here"),
    (VERIFY_OK, "Whether the last verification found all good"),
    (
        VERIFIED_TIME,
        "When a backup was last found good with its keys",
    ),
    (
        DRILL_TIME,
        "When a backup was last restored into a throw-away etcd",
    ),
    (
        REVISION,
        "Revision of the newest snapshot that was verified",
    ),
];

const RUN_TIME: &str = "etcdbackup_last_run_timestamp_seconds";
const RUN_SUCCESS: &str = "etcdbackup_last_run_success";
const DURATION: &str = "etcdbackup_duration_seconds";
const SUCCESS_TIME: &str = "etcdbackup_last_success_timestamp_seconds";
const SNAPSHOT_SIZE: &str = "etcdbackup_snapshot_size_bytes";
const OBJECT_SIZE: &str = "etcdbackup_object_size_bytes";
const VERIFY_OK: &str = "etcdbackup_verify_ok";
const VERIFIED_TIME: &str = "etcdbackup_last_verified_timestamp_seconds";
const DRILL_TIME: &str = "etcdbackup_last_drill_timestamp_seconds";
const REVISION: &str = "etcdbackup_etcd_revision";

/// One value.
pub(super) struct Sample {
    name: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Sample {
    fn of_cluster(name: &'static str, cluster: &str, value: f64) -> Self {
        Self {
            name,
            labels: vec![("cluster", cluster.to_owned())],
            value,
        }
    }

    fn of_place(name: &'static str, cluster: &str, destination: &str, value: f64) -> Self {
        let mut sample = Self::of_cluster(name, cluster, value);
        sample.labels.push(("destination", destination.to_owned()));
        sample
    }
}

/// The samples as text, and of `before`, an earlier text, what they do not tell anew: the last
/// success after a failure, and a verification after a backup. Else an alert on the age of the
/// last success would fall silent.
pub(super) fn text(samples: &[Sample], before: &str) -> String {
    let lines: Vec<String> = samples.iter().map(line).collect();
    let key = |line: &str| line.rsplit_once(' ').map(|(key, _)| key.to_owned());
    let kept = before
        .lines()
        .filter(|line| !lines.iter().any(|new| key(new) == key(line)));
    let all: Vec<&str> = lines.iter().map(String::as_str).chain(kept).collect();
    let mut text = String::new();
    for (name, help) in HELP {
        let own: Vec<&&str> = all
            .iter()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .collect();
        if !own.is_empty() {
            text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
            own.iter().for_each(|line| text += &format!("{line}\n"));
        }
    }
    text
}

/// Of a run.
pub(super) fn of_run(report: &RunReport, cluster: &str) -> Vec<Sample> {
    let ended = seconds(&report.ended_at);
    let success = f64::from(u8::from(report.success));
    let mut took = Sample::of_cluster(DURATION, cluster, report.duration_seconds);
    took.labels.push(("stage", "run".to_owned()));
    let mut all = vec![
        Sample::of_cluster(RUN_TIME, cluster, ended),
        Sample::of_cluster(RUN_SUCCESS, cluster, success),
        took,
    ];
    let Some(receipt) = &report.receipt else {
        return all;
    };
    let bytes = receipt.snapshot.bytes as f64;
    all.push(Sample::of_cluster(SNAPSHOT_SIZE, cluster, bytes));
    for copy in receipt.copies.iter().filter(|copy| copy.error.is_none()) {
        let destination = folder(&copy.url);
        let stored = receipt.stored.bytes as f64;
        all.push(Sample::of_place(SUCCESS_TIME, cluster, destination, ended));
        all.push(Sample::of_place(OBJECT_SIZE, cluster, destination, stored));
    }
    all
}

/// Of verifications, by cluster. Of each destination: whether all are good, and when the last
/// good one was.
pub(super) fn of_verifications(found: &[Verification]) -> BTreeMap<String, Vec<Sample>> {
    let mut places: BTreeMap<(String, &str), Vec<&Verification>> = BTreeMap::new();
    for one in found {
        let cluster = ObjectName::parse(&one.object).map(|name| name.cluster);
        let place = (cluster.unwrap_or_default(), folder(&one.url));
        places.entry(place).or_default().push(one);
    }
    let mut all: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for ((cluster, destination), own) in places {
        let of_place = |name, value: f64| Sample::of_place(name, &cluster, destination, value);
        let ok = own.iter().all(|one| one.verdict == Verdict::Good);
        let last = |depths: &[&str]| {
            let good = own.iter().filter(|one| one.verdict == Verdict::Good);
            let deep = good.filter(|one| depths.contains(&one.depth));
            deep.map(|one| one.verified_at_seconds).max()
        };
        let mut samples = vec![of_place(VERIFY_OK, f64::from(u8::from(ok)))];
        if let Some(at) = last(&["deep", "drill"]) {
            samples.push(of_place(VERIFIED_TIME, at as f64));
        }
        if let Some(at) = last(&["drill"]) {
            samples.push(of_place(DRILL_TIME, at as f64));
        }
        // The newest comes first.
        if let Some(revision) = own.iter().find_map(|one| one.revision) {
            samples.push(of_place(REVISION, revision as f64));
        }
        all.entry(cluster.clone()).or_default().extend(samples);
    }
    all
}

fn folder(url: &str) -> &str {
    url.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn seconds(time: &str) -> f64 {
    let time = time.parse::<jiff::Timestamp>().ok();
    time.map_or(0.0, |time| time.as_second() as f64)
}

fn line(sample: &Sample) -> String {
    let labels: Vec<String> = sample
        .labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{}{{{}}} {}", sample.name, labels.join(","), sample.value)
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
pub(super) mod tests {
    use crate::backup::Receipt;
    use crate::failure::Exit;

    use super::*;

    pub(in crate::report) fn report(success: bool) -> RunReport {
        let exit = if success {
            Exit::Done
        } else {
            Exit::Unreachable
        };
        let mut report = RunReport::new("2026-01-02T03:04:05Z".parse().unwrap(), exit);
        report.ended_at = "2026-01-02T03:05:05Z".to_owned();
        report.duration_seconds = 60.0;
        let receipt: Receipt = serde_json::from_value(serde_json::json!({
            "cluster": "prod", "taken_at": "2026-01-02T03:04:05Z",
            "snapshot": {"bytes": 1000, "sha256": "a"}, "stored": {"bytes": 100, "sha256": "b"},
            "compression": "zstd:3", "encrypted": true, "raw": false,
            "copies": [{"url": "s3://b/p/x.snap", "key": "p/x.snap"}, {"url": "file:///nas/x.snap", "key": "x.snap", "error": "full"}],
        }))
        .unwrap();
        report.receipt = success.then_some(receipt);
        report
    }

    #[test]
    fn what_a_success_tells_outlives_a_failure() {
        let render = |report: &RunReport, before: &str| text(&of_run(report, "prod"), before);
        let first = render(&report(true), "");
        let success = "etcdbackup_last_success_timestamp_seconds{cluster=\"prod\",destination=\"s3://b/p\"} 1767323105";
        assert!(first.contains(success), "{first}");
        assert!(!first.contains("nas"), "{first}");
        assert!(first.contains("etcdbackup_last_run_success{cluster=\"prod\"} 1\n"));
        let second = render(&report(false), &first);
        assert!(second.contains(success), "{second}");
        assert!(second.contains("etcdbackup_last_run_success{cluster=\"prod\"} 0\n"));
        assert!(second.contains("etcdbackup_object_size_bytes"));
        let third = render(&report(true), &second);
        assert_eq!(third, first, "nothing doubles");
    }

    #[test]
    fn every_name_has_help_once_and_labels_are_escaped() {
        let text = text(&of_run(&report(true), "a\"b\\c\nd"), "");
        for (name, _) in &HELP[..6] {
            assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1);
        }
        assert!(text.contains(r#"{cluster="a\"b\\c\nd"}"#), "{text}");
    }
}
