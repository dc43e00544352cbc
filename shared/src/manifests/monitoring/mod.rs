//! Rules for Prometheus' operator and a dashboard for Grafana.

mod dashboard;
mod rules;

use serde_json::json;

use super::document::Document;
use super::{Installation, names};

/// Both.
pub(super) fn objects(installation: &Installation) -> [Document; 2] {
    [prometheus_rule(installation), grafana(installation)]
}

fn prometheus_rule(installation: &Installation) -> Document {
    let group = |name: &str, rules: Vec<rules::Rule>| {
        let rules: Vec<_> = rules.iter().map(rules::Rule::value).collect();
        json!({ "name": format!("{}-{name}", names::NAME), "rules": rules })
    };
    let groups = [
        group("cronjob", rules::of_kubernetes(installation)),
        group("reports", rules::of_reports(installation)),
    ];
    Document::object(
        "prometheusrule.yaml",
        "Alerts. The first group needs kube-state-metrics only; the second the metrics that runs\nreport when they are told where to. Each says what to do behind its runbook_url.",
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": names::metadata(installation, names::NAME),
            "spec": { "groups": groups },
        }),
    )
}

/// Grafana's sidecar looks for the label.
fn grafana(installation: &Installation) -> Document {
    let mut metadata = names::metadata(installation, "etcdbackup-dashboard");
    metadata["labels"]["grafana_dashboard"] = "1".into();
    let dashboard = serde_json::to_string_pretty(&dashboard::dashboard());
    Document::object(
        "grafana-dashboard.yaml",
        "A dashboard that Grafana's sidecar takes in by its label.",
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": { "etcdbackup.json": dashboard.unwrap_or_default() + "\n" },
        }),
    )
}
