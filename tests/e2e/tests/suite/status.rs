//! `status`: one screen, from wherever something can be seen.

use e2e::golden::{compare, filtered, replaced};
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text};
use s3_sim::{Effect, Fault, Operation, Policy};
use serde_json::Value;

use crate::in_cluster::{Cluster, empty, installed, installed_around};
use crate::support::{IN_PARTS, backed_up, code, ok, refused};

fn json(cluster: &Cluster, arguments: &[&str]) -> (i32, Value) {
    let run = cluster.run(&[&["status", "-o", "json"], arguments].concat());
    let code = code(&run);
    (code, serde_json::from_slice(&run.stdout).unwrap())
}

/// What differs from run to run.
fn screen(cluster: &Cluster, shown: &str) -> String {
    let text = filtered(&cluster.world, shown);
    let text = replaced(&text, r"\b\d+\.\ds\b", "$$TOOK");
    let text = replaced(&text, r"\b\d+(s|m|h|d)(\d+(m|h))?\b", "$$AGE");
    let text = replaced(&text, r"\d+\.\d [KMG]iB", "$$SIZE");
    let text = replaced(&text, r"age:[0-9a-f]{16}", "$$RECIPIENT");
    let text = replaced(&text, r"127\.\d+\.\d+\.\d+:6443", "$$API");
    // Columns are as wide as what was replaced.
    replaced(&text, r" {2,}", "  ")
}

#[test]
fn after_a_backup_and_its_verification_everything_is_fresh() {
    let cluster = installed_around(World::with_etcd());
    ok(&cluster.run(&["now", "-q"]));
    let verify = ["verify", "s3://backups/prod", "--deep", "-i", "key.txt"];
    ok(&cluster.run(&verify));
    let run = cluster.run(&["status"]);
    ok(&run);
    compare("status/fresh.txt", &screen(&cluster, &text(&run.stdout)));
    let (code, found) = json(&cluster, &[]);
    assert_eq!(code, 0);
    assert_eq!(found["schedule"]["intervalSeconds"], 3600);
    assert_eq!(found["runs"][0]["state"], "succeeded");
    assert_eq!(found["runs"][0]["report"]["receipt"]["cluster"], "prod");
    let place = &found["destinations"][0];
    assert_eq!(place["destination"], "s3://backups/prod");
    assert_eq!(
        (&place["snapshots"], &place["verified"]["verdict"]),
        (&1.into(), &"good".into())
    );
    assert!(place["drilled"].is_null());
    assert_eq!(place["newest"]["encrypted"], true);
}

#[test]
fn no_backup_is_stale_and_the_last_failure_is_told() {
    let cluster = installed();
    let wrong =
        |one: &mut Value| one["data"]["ETCDBACKUP_DESTINATION"] = "s3://nobodys/prod".into();
    let settings = ("etcdbackup", "etcdbackup");
    cluster
        .kubernetes
        .edit("configmaps", settings, wrong)
        .unwrap();
    assert_eq!(code(&cluster.run(&["now", "-q"])), 78);
    let run = cluster.run(&["status", "s3://backups/prod"]);
    assert_eq!(code(&run), 1);
    let said = text(&run.stdout);
    assert!(
        said.contains("warning: the last run failed: PutObject of `s3://nobodys/"),
        "{said}"
    );
    assert!(
        said.contains("stale: s3://backups/prod holds no good snapshot"),
        "{said}"
    );
    assert!(said.ends_with("\nSTALE\n"), "{said}");
}

#[test]
fn the_store_is_shown_without_a_cluster_and_the_cluster_without_a_store() {
    let cluster = installed();
    ok(&cluster.run(&["now", "-q"]));
    let config = cluster.world.path(".kube/config");
    std::fs::remove_file(&config).unwrap();
    let run = cluster.run(&["status", "s3://backups/prod", "--max-age", "1h"]);
    ok(&run);
    let said = text(&run.stdout);
    assert!(
        said.contains("not seen: the cluster: no kubeconfig") && said.contains("FRESH"),
        "{said}"
    );
    // Without an age nothing is judged, and that is said.
    let run = cluster.run(&["status", "s3://backups/prod"]);
    ok(&run);
    assert!(text(&run.stdout).contains("--max-age"));
    refused(&cluster.run(&["status"]), 78, "no kubeconfig");
    let other = installed();
    let mut blind = other.command(&["status"]);
    let run = blind
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .output()
        .unwrap();
    assert_eq!(code(&run), 69);
    let said = text(&run.stdout);
    assert!(
        said.contains("CronJob etcdbackup/etcdbackup: 17 * * * * (Etc/UTC), next run in"),
        "{said}"
    );
    assert!(
        said.contains("not seen: s3://backups/prod: ListObjectsV2"),
        "{said}"
    );
}

#[test]
fn old_or_suspended_is_told() {
    let cluster = installed();
    ok(&cluster.run(&["now", "-q"]));
    let suspended = |one: &mut Value| one["spec"]["suspend"] = true.into();
    let cron_job = ("etcdbackup", "etcdbackup");
    cluster
        .kubernetes
        .edit("cronjobs.batch", cron_job, suspended)
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let (code, found) = json(&cluster, &["--max-age", "0s"]);
    assert_eq!(code, 1);
    assert!(
        found["stale"][0]
            .as_str()
            .unwrap()
            .contains("old, more than 0s")
    );
    assert!(found["warnings"].to_string().contains("is suspended"));
    assert!(found["schedule"]["nextRun"].is_null());
    let none = empty();
    let (code, found) = json(&none, &["s3://backups/prod"]);
    assert_eq!(code, 0);
    assert!(
        found["unseen"]
            .to_string()
            .contains("no CronJob that backs up is installed")
    );
}

/// A bucket with a backup, and beside it what a run left that could not take its upload back.
fn left_over() -> Cluster {
    let cluster = installed_around(World::serving(crate::support::sample(12 << 20)));
    ok(&cluster.run(&["now", "-q"]));
    let s3 = &cluster.world.s3;
    let denied = || Effect::Status(403, "AccessDenied".to_owned());
    s3.inject(Fault::new(Operation::UploadPart, denied()));
    s3.inject(Fault::new(Operation::AbortMultipartUpload, denied()).times(20));
    let broken = backed_up(&cluster.world, &["s3://backups/prod"], &IN_PARTS);
    assert_ne!(code(&broken), 0);
    s3.clear_faults();
    assert_eq!(s3.uploads(BUCKET).len(), 1);
    cluster
}

#[test]
fn an_open_upload_is_told_with_the_rule_that_clears_it() {
    let cluster = left_over();
    let upload = cluster.world.s3.uploads(BUCKET).remove(0);
    let (_, found) = json(&cluster, &[]);
    let place = &found["destinations"][0];
    let told = &place["openUploads"][0];
    assert_eq!(told["key"], upload.key.as_str());
    assert_eq!(told["uploadId"], upload.id.as_str());
    assert!(told["ageSeconds"].as_i64().unwrap() < 300, "{told}");
    assert_eq!(
        place["lifecycleRule"].to_string(),
        r#"{"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1},"Filter":{"Prefix":"prod/"},"ID":"etcdbackup-open-uploads","Status":"Enabled"}"#
    );
    // It may be of a run that goes on.
    assert!(!found["warnings"].to_string().contains("not ended"));
    let young = text(&cluster.run(&["status"]).stdout);
    assert!(
        young.contains("perhaps of a run that goes on") && !young.contains("lifecycle"),
        "{young}"
    );
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(75);
    let mut command = cluster.command(&["status", "--max-age", "7d"]);
    let run = command
        .env("ETCDBACKUP_TEST_CLOCK", later.to_string())
        .output()
        .unwrap();
    ok(&run);
    let shown = text(&run.stdout).replace(&upload.id, "$UPLOAD");
    compare("status/left-over.txt", &screen(&cluster, &shown));
}

#[test]
fn what_may_not_be_listed_is_not_seen_and_the_rest_is_told() {
    let cluster = left_over();
    let reading = Policy::read_only();
    let s3 = &cluster.world.s3;
    s3.allow(ACCESS_KEY, SECRET_KEY, reading);
    let (code, found) = json(&cluster, &[]);
    assert_eq!(code, 0);
    let place = &found["destinations"][0];
    assert!(place["openUploads"].is_null() && place["lifecycleRule"].is_null());
    let unseen = found["unseen"].to_string();
    assert!(
        unseen.contains("s3://backups/prod: open uploads: ListMultipartUploads"),
        "{unseen}"
    );
    assert_eq!(place["snapshots"], 1);
}

#[test]
fn the_newest_saved_machine_configs_are_told_or_that_there_is_none() {
    let cluster = installed();
    ok(&cluster.run(&["now", "-q"]));
    let (_, none) = json(&cluster, &[]);
    let place = &none["destinations"][0];
    assert_eq!(place["machineConfigs"], serde_json::json!([]));
    let shown = text(&cluster.run(&["status"]).stdout);
    assert!(
        shown.contains("  no machine config is saved: `kubectl etcdbackup configs save`\n"),
        "{shown}"
    );
    assert!(shown.ends_with("\nFRESH\n"), "{shown}");
    for (cluster_name, node, day) in [
        ("prod", "cp-1", 1),
        ("prod", "cp-1", 3),
        ("prod", "cp-2", 2),
        ("other", "cp-9", 1),
    ] {
        let name = format!("{node}_10.0.0.1-2026-01-0{day}T00:00:00.000Z-0123456789abcdef");
        let key = format!("prod/.configs/{cluster_name}/{name}.yaml");
        cluster.world.s3.put(BUCKET, &key, b"x");
    }
    let (code, found) = json(&cluster, &[]);
    assert_eq!(code, 0, "it is no reason to call backups stale");
    let saved = found["destinations"][0]["machineConfigs"].as_array();
    let saved: Vec<(&str, &str)> = saved
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["node"].as_str().unwrap(),
                one["savedAt"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        saved,
        [
            ("cp-1", "2026-01-03T00:00:00Z"),
            ("cp-2", "2026-01-02T00:00:00Z")
        ]
    );
    let shown = text(&cluster.run(&["status"]).stdout);
    assert!(
        shown.contains("  machine configs of cp-1, cp-2 saved, "),
        "{shown}"
    );
}

/// A kubeconfig with two clusters, each with its own backup, and one that nobody reaches.
fn fleet() -> (Cluster, Cluster) {
    let (one, two) = (installed(), installed());
    let other = two
        .kubernetes
        .kubeconfig_to_server(&[kube_sim::ADMIN_GROUP])
        .unwrap();
    let dead = two.kubernetes.kubeconfig(&["nobody"]).unwrap();
    let dead = dead.replace("192.0.2.1:6443", "127.0.0.1:1");
    for (name, text) in [("two", other), ("dead", dead)] {
        e2e::secrets::plant_folder(one.world.folder.path());
        let named = text
            .replace("admin@sim", name)
            .replace("name: sim", &format!("name: {name}"))
            .replace("cluster: sim", &format!("cluster: {name}"))
            .replace("name: admin\n", &format!("name: {name}\n"))
            .replace("user: admin\n", &format!("user: {name}\n"));
        std::fs::write(one.world.path(name), named).unwrap();
    }
    (one, two)
}

#[test]
fn several_clusters_in_one_table_with_one_code() {
    let (one, two) = fleet();
    let files = [
        one.world.path(".kube/config"),
        one.world.path("two"),
        one.world.path("dead"),
    ];
    let kubeconfig = std::env::join_paths(files).unwrap();
    let run = |arguments: &[&str]| {
        one.command(arguments)
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .unwrap()
    };
    let now = run(&["now", "--contexts", "admin@sim,two"]);
    ok(&now);
    assert_eq!(
        text(&now.stdout).lines().count(),
        2,
        "{}",
        text(&now.stdout)
    );
    let said = text(&now.stderr);
    assert!(said.contains("two: started Job `etcdbackup/"), "{said}");
    // Each in its own bucket: the second cluster's Job has the second world's S3 server.
    assert_eq!(two.world.s3.keys(e2e::BUCKET, "prod").len(), 1);
    let status = run(&["status", "--contexts", "admin@sim,two", "-o", "json"]);
    let found: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(found[0]["context"], "admin@sim");
    assert_eq!(found[0]["status"]["destinations"][0]["snapshots"], 1);
    let all = run(&["status", "--all-contexts"]);
    assert_eq!(code(&all), 69);
    let table = text(&all.stdout);
    assert!(table.starts_with("CONTEXT     DESTINATION"), "{table}");
    assert!(
        table.contains("\ndead        -") && table.contains("\ndead: "),
        "{table}"
    );
    refused(
        &run(&["status", "--contexts", "nowhere"]),
        78,
        "it has: admin@sim, two, dead",
    );
    refused(
        &run(&["now", "--contexts", "two", "--context", "two"]),
        2,
        "--context",
    );
}
