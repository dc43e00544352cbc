//! A report as Prometheus reads it. Timestamps are values, never of the samples: neither the
//! textfile collector nor the Pushgateway takes those.

use super::model::RunReport;

/// What a metric is about, by its name; also the list of all there are.
const HELP: &[(&str, &str)] = &[
    (RUN_TIME, "When the last run ended"),
    (RUN_SUCCESS, "Whether the last run succeeded"),
    (DURATION, "How long the last run took"),
    (SUCCESS_TIME, "When a backup was last stored here"),
    (SNAPSHOT_SIZE, "Size of the last snapshot that was stored"),
    (OBJECT_SIZE, "Size of the last object that was stored here"),
];

const RUN_TIME: &str = "etcdbackup_last_run_timestamp_seconds";
const RUN_SUCCESS: &str = "etcdbackup_last_run_success";
const DURATION: &str = "etcdbackup_duration_seconds";
const SUCCESS_TIME: &str = "etcdbackup_last_success_timestamp_seconds";
const SNAPSHOT_SIZE: &str = "etcdbackup_snapshot_size_bytes";
const OBJECT_SIZE: &str = "etcdbackup_object_size_bytes";

/// One value.
struct Sample {
    name: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// The report of this cluster as text. What only a success can tell is taken from `before`, an
/// earlier text, after a failure: else an alert on the age of the last success would fall silent.
pub fn render(report: &RunReport, cluster: &str, before: &str) -> String {
    let lines: Vec<String> = samples(report, cluster).iter().map(line).collect();
    let key = |line: &str| line.rsplit_once(' ').map(|(key, _)| key.to_owned());
    let kept = before.lines().filter(|line| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        [SUCCESS_TIME, SNAPSHOT_SIZE, OBJECT_SIZE].contains(&name)
            && !lines.iter().any(|new| key(new) == key(line))
    });
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

fn samples(report: &RunReport, cluster: &str) -> Vec<Sample> {
    let ended = seconds(&report.ended_at);
    let of_cluster = |name, value| Sample {
        name,
        labels: vec![("cluster", cluster.to_owned())],
        value,
    };
    let mut all = vec![
        of_cluster(RUN_TIME, ended),
        of_cluster(RUN_SUCCESS, f64::from(u8::from(report.success))),
        Sample {
            name: DURATION,
            labels: vec![("cluster", cluster.to_owned()), ("stage", "run".to_owned())],
            value: report.duration_seconds,
        },
    ];
    let Some(receipt) = &report.receipt else {
        return all;
    };
    all.push(of_cluster(SNAPSHOT_SIZE, receipt.snapshot.bytes as f64));
    for copy in receipt.copies.iter().filter(|copy| copy.error.is_none()) {
        let destination = copy.url.rsplit_once('/').map_or("", |(parent, _)| parent);
        for (name, value) in [
            (SUCCESS_TIME, ended),
            (OBJECT_SIZE, receipt.stored.bytes as f64),
        ] {
            let labels = vec![
                ("cluster", cluster.to_owned()),
                ("destination", destination.to_owned()),
            ];
            all.push(Sample {
                name,
                labels,
                value,
            });
        }
    }
    all
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
        let first = render(&report(true), "prod", "");
        let success = "etcdbackup_last_success_timestamp_seconds{cluster=\"prod\",destination=\"s3://b/p\"} 1767323105";
        assert!(first.contains(success), "{first}");
        assert!(!first.contains("nas"), "{first}");
        assert!(first.contains("etcdbackup_last_run_success{cluster=\"prod\"} 1\n"));
        let second = render(&report(false), "prod", &first);
        assert!(second.contains(success), "{second}");
        assert!(second.contains("etcdbackup_last_run_success{cluster=\"prod\"} 0\n"));
        assert!(second.contains("etcdbackup_object_size_bytes"));
        let third = render(&report(true), "prod", &second);
        assert_eq!(third, first, "nothing doubles");
    }

    #[test]
    fn every_name_has_help_once_and_labels_are_escaped() {
        let text = render(&report(true), "a\"b\\c\nd", "");
        for (name, _) in HELP {
            assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1);
        }
        assert!(text.contains(r#"{cluster="a\"b\\c\nd"}"#), "{text}");
    }
}
