//! One screen: is there a backup, is it good, does it grow.

use serde_json::{Value, json};

/// The dashboard, as Grafana imports it.
pub(super) fn dashboard() -> Value {
    let age = "time() - max by (cluster, destination) (etcdbackup_last_success_timestamp_seconds{cluster=~\"$cluster\"})";
    let verified = "time() - max by (cluster, destination) (etcdbackup_last_verified_timestamp_seconds{cluster=~\"$cluster\"})";
    let job = "time() - kube_cronjob_status_last_successful_time{cronjob=\"etcdbackup\"}";
    json!({
        "title": "etcd backups",
        "uid": "etcdbackup",
        "tags": ["etcd", "backup", "talos"],
        "schemaVersion": 39,
        "time": { "from": "now-7d", "to": "now" },
        "refresh": "5m",
        "templating": { "list": [datasource(), cluster()] },
        "panels": [
            panel(1, "stat", "Age of the newest backup", "s", age, (0, 0, 8)),
            panel(2, "stat", "Since the last verification", "s", verified, (8, 0, 8)),
            panel(3, "stat", "Since the last good Job", "s", job, (16, 0, 8)),
            panel(4, "timeseries", "Size of the snapshot", "bytes", "etcdbackup_snapshot_size_bytes{cluster=~\"$cluster\"}", (0, 6, 12)),
            panel(5, "timeseries", "Size of the stored object", "bytes", "etcdbackup_object_size_bytes{cluster=~\"$cluster\"}", (12, 6, 12)),
            panel(6, "timeseries", "Revision", "none", "etcdbackup_etcd_revision{cluster=~\"$cluster\"}", (0, 14, 12)),
            panel(7, "timeseries", "Duration", "s", "etcdbackup_duration_seconds{cluster=~\"$cluster\"}", (12, 14, 12)),
        ],
    })
}

fn datasource() -> Value {
    json!({ "name": "datasource", "type": "datasource", "query": "prometheus" })
}

fn cluster() -> Value {
    json!({
        "name": "cluster",
        "type": "query",
        "datasource": { "type": "prometheus", "uid": "$datasource" },
        "query": "label_values(etcdbackup_last_success_timestamp_seconds, cluster)",
        "includeAll": true,
        "multi": true,
        "refresh": 2,
    })
}

fn panel(
    id: u32,
    kind: &str,
    title: &str,
    unit: &str,
    expression: &str,
    (x, y, width): (u32, u32, u32),
) -> Value {
    let height = if kind == "stat" { 6 } else { 8 };
    json!({
        "id": id,
        "type": kind,
        "title": title,
        "datasource": { "type": "prometheus", "uid": "$datasource" },
        "fieldConfig": { "defaults": { "unit": unit }, "overrides": [] },
        "gridPos": { "x": x, "y": y, "w": width, "h": height },
        "targets": [{ "refId": "A", "expr": expression, "legendFormat": "{{cluster}} {{destination}}" }],
    })
}
