//! promtool: Prometheus reads our rules, and each alert fires when it shall and not before.

use std::fmt::Write as _;
use std::fs;

use e2e::{World, tool};

use crate::process::{manifests, other, printed};
use crate::support::serving;

/// What kube-state-metrics tells of a CronJob that does what it should.
const CRON_JOB: &str = "{namespace=\"etcdbackup\",cronjob=\"etcdbackup\"}";
const JOB: &str = "namespace=\"etcdbackup\",job_name=\"etcdbackup-1\"";
const STORED: &str = "{cluster=\"prod\",destination=\"s3://b/p\"}";

/// Series, and which alerts fire at which time.
struct Case {
    name: &'static str,
    series: Vec<(String, &'static str)>,
    fires: &'static [(&'static str, &'static [&'static str])],
}

fn case(
    name: &'static str,
    series: Vec<(String, &'static str)>,
    fires: &'static [(&'static str, &'static [&'static str])],
) -> Case {
    Case {
        name,
        series,
        fires,
    }
}

fn of_cron_job(metric: &str) -> String {
    format!("kube_cronjob_{metric}{CRON_JOB}")
}

/// A CronJob that is there and succeeds all the time, with more.
fn healthy(more: Vec<(String, &'static str)>) -> Vec<(String, &'static str)> {
    let mut series = vec![
        (of_cron_job("info"), "1x1000"),
        (of_cron_job("created"), "0x1000"),
        (of_cron_job("spec_suspend"), "0x1000"),
        (of_cron_job("status_last_successful_time"), "0+60x1000"),
    ];
    series.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    series.extend(more);
    series
}

/// Every six hours, half an hour for a run: two intervals and a run are 12 h 30 min.
fn cases() -> Vec<Case> {
    let last = || of_cron_job("status_last_successful_time");
    let stored = |metric: &str| format!("etcdbackup_{metric}{STORED}");
    let mut never = healthy(Vec::new());
    never.retain(|(name, _)| *name != last());
    vec![
        case("all is well", healthy(Vec::new()), &[("1m", &[]), ("16h", &[])]),
        case(
            "no success any more",
            healthy(vec![(last(), "0x1000")]),
            &[("12h30m", &[]), ("12h40m", &["EtcdBackupStale"])],
        ),
        case("no success ever", never, &[("12h30m", &[]), ("12h40m", &["EtcdBackupNeverSucceeded"])]),
        case("nothing is there", vec![("up".to_owned(), "1x1000")], &[("29m", &[]), ("31m", &["EtcdBackupAbsent"])]),
        case(
            "suspended",
            healthy(vec![(of_cron_job("spec_suspend"), "1x1000")]),
            &[("5h59m", &[]), ("6h1m", &["EtcdBackupSuspended"])],
        ),
        case(
            "a failure, until the next success",
            healthy(vec![
                (last(), "1800x119 7300x400"),
                (format!("kube_job_created{{{JOB}}}"), "3600x1000"),
                (format!("kube_job_failed{{{JOB},condition=\"true\"}}"), "0x60 1x1000"),
            ]),
            &[("60m", &[]), ("63m", &["EtcdBackupFailed"]), ("121m", &[])],
        ),
        case(
            "a pod that does not start",
            healthy(vec![(
                "kube_pod_status_phase{namespace=\"etcdbackup\",pod=\"etcdbackup-1-x\",phase=\"Pending\"}".to_owned(),
                "1x15 0x1000",
            )]),
            &[("9m", &[]), ("11m", &["EtcdBackupWaiting"]), ("20m", &[])],
        ),
        case(
            "a run that takes long, and its end",
            healthy(vec![
                (format!("kube_job_status_start_time{{{JOB}}}"), "0x1000"),
                (format!("kube_job_status_active{{{JOB}}}"), "1x28 0x1000"),
            ]),
            &[("24m", &[]), ("27m", &["EtcdBackupSlow"]), ("30m", &[])],
        ),
        case(
            "a destination that is behind",
            healthy(vec![(stored("last_success_timestamp_seconds"), "0x1000")]),
            &[("12h30m", &[]), ("12h40m", &["EtcdBackupStoreStale"])],
        ),
        case(
            "half a snapshot",
            healthy(vec![(stored("snapshot_size_bytes"), "100x600 60x60 40x300")]),
            &[("10h30m", &[]), ("11h20m", &["EtcdBackupShrunk"])],
        ),
        case(
            "a damaged backup",
            healthy(vec![(stored("verify_ok"), "1x10 0x1000")]),
            &[("10m", &[]), ("13m", &["EtcdBackupDamaged"])],
        ),
        // Two hours before three days, and before thirty-five, are over.
        case(
            "not verified",
            healthy(vec![(stored("last_verified_timestamp_seconds"), "-252000x1000")]),
            &[("1h55m", &[]), ("2h10m", &["EtcdBackupUnverified"])],
        ),
        case(
            "not drilled",
            healthy(vec![(stored("last_drill_timestamp_seconds"), "-3016800x1000")]),
            &[("1h55m", &[]), ("2h10m", &["EtcdBackupUndrilled"])],
        ),
    ]
}

/// As promtool reads it: exactly these alerts fire.
fn unit_tests(cases: &[Case]) -> String {
    let mut text = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n".to_owned();
    for case in cases {
        write!(
            text,
            "- name: {}\n  interval: 1m\n  input_series:\n",
            case.name
        )
        .unwrap();
        for (series, values) in &case.series {
            write!(text, "  - series: '{series}'\n    values: '{values}'\n").unwrap();
        }
        text += "  promql_expr_test:\n";
        for (time, alerts) in case.fires {
            write!(text, "  - expr: count by (alertname) (ALERTS{{alertstate=\"firing\"}})\n    eval_time: {time}\n    exp_samples:\n").unwrap();
            for alert in *alerts {
                write!(
                    text,
                    "    - labels: '{{alertname=\"{alert}\"}}'\n      value: 1\n"
                )
                .unwrap();
            }
            if alerts.is_empty() {
                text.truncate(text.trim_end().len());
                text += " []\n";
            }
        }
    }
    text
}

/// The rules of the object, as Prometheus' operator hands them on.
fn rules(world: &World) -> String {
    manifests(world, "set", &["--monitoring"]);
    let object = fs::read_to_string(world.path("set/prometheusrule.yaml")).unwrap();
    let (_, spec) = object.split_once("\nspec:\n").unwrap();
    spec.lines()
        .map(|line| line[2..].to_owned() + "\n")
        .collect()
}

#[test]
fn every_alert_fires_when_it_shall_and_not_before() {
    let world = serving();
    let rules = rules(&world);
    fs::write(world.path("rules.yml"), &rules).unwrap();
    let cases = cases();
    fs::write(world.path("tests.yml"), unit_tests(&cases)).unwrap();
    let promtool = || {
        let mut command = other(&tool("prometheus/promtool"));
        command.current_dir(world.folder.path());
        command
    };
    printed(promtool().args(["check", "rules", "rules.yml"]));
    let tested = printed(promtool().args(["test", "rules", "tests.yml"]));
    assert!(tested.contains("SUCCESS"), "{tested}");
    // No rule is without a case in which it fires.
    for rule in rules
        .lines()
        .filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("alert: "))
    {
        let fires = cases
            .iter()
            .flat_map(|case| case.fires)
            .any(|(_, alerts)| alerts.contains(&rule));
        assert!(fires, "{rule} never fires");
    }
}
