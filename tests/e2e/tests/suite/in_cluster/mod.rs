//! `now` in the cluster: a Job of the CronJob, whose container is the program itself.

mod obstacles;
mod reports;
mod trouble;

use std::process::Output;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use e2e::{ACCESS_KEY, BUCKET, Run, SECRET_KEY, World, text};
use kube_sim::{ADMIN_GROUP, KubeSim, Runner};
use serde_json::{Value, json};

use crate::support::{code, ok, refused, serving};

pub(crate) const NAMESPACE: &str = "etcdbackup";
const CRON_JOB: (&str, &str) = (NAMESPACE, "etcdbackup");
const CRON_JOBS: &str = "cronjobs.batch";
const JOBS: &str = "jobs.batch";

/// A cluster with the CronJob installed.
pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) kubernetes: KubeSim,
}

/// A snapshot of the fixtures.
fn fixture() -> Vec<u8> {
    let packed = e2e::repository().join("tests/fixtures/after.snap.zst");
    zstd::decode_all(&*std::fs::read(packed).unwrap()).unwrap()
}

/// A cluster whose kubeconfig lies where kubectl looks.
pub(crate) fn empty() -> Cluster {
    around(serving())
}

fn around(world: World) -> Cluster {
    let addresses: Vec<_> = world.talos.nodes()[..1]
        .iter()
        .map(|node| node.address)
        .collect();
    let kubernetes = KubeSim::start(&fixture(), &addresses).unwrap();
    let kubeconfig = kubernetes.kubeconfig_to_server(&[ADMIN_GROUP]).unwrap();
    let keys = kubeconfig.lines();
    keys.filter_map(|line| line.trim().strip_prefix("client-key-data: "))
        .for_each(e2e::secrets::plant);
    std::fs::create_dir(world.path(".kube")).unwrap();
    std::fs::write(world.path(".kube/config"), kubeconfig).unwrap();
    kubernetes.run_jobs(Runner {
        program: e2e::programs().join("kubectl-etcdbackup"),
        environment: vec![
            (
                "TALOSCONFIG".to_owned(),
                world.path("talosconfig").display().to_string(),
            ),
            (
                "AWS_ENDPOINT_URL_S3".to_owned(),
                e2e::S3Server::endpoint(&world.s3),
            ),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ],
        mounts: vec![(
            "/var/run/secrets/etcdbackup/s3".to_owned(),
            world.folder.path().to_owned(),
        )],
    });
    Cluster { world, kubernetes }
}

/// The same with the CronJob, its ConfigMap and its Secret.
pub(crate) fn installed() -> Cluster {
    installed_around(serving())
}

pub(crate) fn installed_around(world: World) -> Cluster {
    let cluster = around(world);
    let recipients = std::fs::read_to_string(cluster.world.path("recipients.txt")).unwrap();
    let settings = json!({"kind": "ConfigMap", "metadata": {}, "data": {
        "ETCDBACKUP_DESTINATION": format!("s3://{BUCKET}/prod"),
        "ETCDBACKUP_RECIPIENTS": recipients.trim(),
        "ETCDBACKUP_CLUSTER_NAME": "prod",
    }});
    let packed = |text: &str| BASE64_STANDARD.encode(text);
    let secret = json!({"kind": "Secret", "metadata": {}, "data": {
        "AWS_ACCESS_KEY_ID": packed(ACCESS_KEY), "AWS_SECRET_ACCESS_KEY": packed(SECRET_KEY),
    }});
    let kubernetes = &cluster.kubernetes;
    kubernetes.put("configmaps", CRON_JOB, settings);
    kubernetes.put("secrets", (NAMESPACE, "etcdbackup-s3"), secret);
    kubernetes.put(CRON_JOBS, CRON_JOB, cron_job());
    cluster
}

fn cron_job() -> Value {
    let container = json!({
        "name": "etcdbackup", "image": "registry.example/etcdbackup:1",
        "args": ["now", "--direct", "-o", "name"],
        "env": [{"name": "ETCDBACKUP_REPORT_FILE", "value": "/dev/termination-log"}],
        "envFrom": [{"configMapRef": {"name": "etcdbackup"}}, {"secretRef": {"name": "etcdbackup-s3"}}],
    });
    let policy = json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2, 65, 77, 78]}}]});
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"labels": {"app.kubernetes.io/name": "etcdbackup"}},
        "spec": {"schedule": "17 * * * *", "timeZone": "Etc/UTC", "jobTemplate": {"spec": {
            "backoffLimit": 1, "podFailurePolicy": policy,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        }}},
    })
}

impl Cluster {
    pub(crate) fn command(&self, arguments: &[&str]) -> Run {
        let program = e2e::programs().join("kubectl-etcdbackup");
        let mut command = self.world.command(program);
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Changes the container of the CronJob.
    pub(crate) fn edit_container(&self, change: impl FnOnce(&mut Value)) {
        let edited = self.kubernetes.edit(CRON_JOBS, CRON_JOB, |one| {
            change(&mut one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]);
        });
        edited.unwrap();
    }

    fn jobs(&self) -> Vec<String> {
        self.kubernetes.names(JOBS, NAMESPACE)
    }
}

#[test]
fn a_job_of_the_cron_job_runs_and_stdout_is_what_the_pod_stored() {
    let cluster = installed();
    let run = cluster.run(&["now"]);
    ok(&run);
    let keys = cluster.world.s3.keys(BUCKET, "prod");
    let stored = format!("s3://{BUCKET}/{}", keys[0]);
    assert_eq!(text(&run.stdout).trim(), stored);
    // The pod's log is told as it comes.
    let said = text(&run.stderr);
    assert!(
        said.contains("started Job `etcdbackup/etcdbackup-manual-"),
        "{said}"
    );
    assert!(said.contains(&format!("pushed {stored}")), "{said}");
    // It goes with the CronJob, and by itself after a while.
    let jobs = cluster.jobs();
    let job = cluster.kubernetes.get(JOBS, (NAMESPACE, &jobs[0])).unwrap();
    let owner = cluster.kubernetes.get(CRON_JOBS, CRON_JOB).unwrap();
    assert_eq!(
        job["metadata"]["ownerReferences"][0]["uid"],
        owner["metadata"]["uid"]
    );
    assert!(job["spec"]["ttlSecondsAfterFinished"].is_u64());
    let pull = format!("talosctl-snapshot-pull {stored} -i key.txt -o back");
    ok(&cluster.world.shell(&pull));
}

#[test]
fn the_receipt_is_the_pods_own() {
    let cluster = installed();
    let run = cluster.run(&["now", "-q", "-o", "json"]);
    ok(&run);
    let receipt: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(receipt["cluster"], "prod");
    let key = receipt["copies"][0]["key"].as_str().unwrap();
    assert!(
        cluster
            .world
            .s3
            .keys(BUCKET, "prod")
            .contains(&key.to_owned())
    );
    assert_eq!(text(&run.stderr), "");
}

#[test]
fn without_a_report_the_log_has_the_url() {
    let cluster = installed();
    cluster.edit_container(|container| container["env"] = json!([]));
    let run = cluster.run(&["now", "-q"]);
    ok(&run);
    assert!(text(&run.stdout).starts_with(&format!("s3://{BUCKET}/prod/prod-")));
    let json = cluster.run(&["now", "-q", "-o", "json"]);
    ok(&json);
    assert!(text(&json.stderr).contains("ETCDBACKUP_REPORT_FILE=/dev/termination-log"));
}

#[test]
fn not_to_wait_gives_the_jobs_name() {
    let cluster = installed();
    let run = cluster.run(&["now", "--no-wait"]);
    ok(&run);
    let name = text(&run.stdout).trim().replace("job.batch/", "");
    assert_eq!(cluster.jobs(), [name]);
}

#[test]
fn real_kubectl_gives_flags_and_code_on() {
    let cluster = installed();
    let run = cluster
        .world
        .shell("kubectl etcdbackup now -n etcdbackup --as backup-admin -q");
    ok(&run);
    let requests = cluster.kubernetes.requests();
    let created = "POST /apis/batch/v1/namespaces/etcdbackup/jobs as backup-admin";
    assert!(requests.iter().any(|one| one == created), "{requests:#?}");
    let elsewhere = cluster
        .world
        .command("kubectl")
        .args(["etcdbackup", "now", "-n", "default"])
        .output()
        .unwrap();
    refused(&elsewhere, 78, "no CronJob that backs up is installed");
}

#[test]
fn which_cron_job_must_be_clear() {
    let cluster = installed();
    let second = (NAMESPACE, "etcdbackup-nas");
    cluster.kubernetes.put(CRON_JOBS, second, cron_job());
    let run = cluster.run(&["now"]);
    refused(&run, 2, "2 CronJobs back up here");
    assert!(text(&run.stderr).contains("`etcdbackup/etcdbackup-nas`"));
    ok(&cluster.run(&["now", "-q", "--cronjob", "etcdbackup-nas"]));
    refused(
        &cluster.run(&["now", "--cronjob", "other"]),
        78,
        "no CronJob `other`",
    );
}

#[test]
fn what_belongs_to_direct_is_not_passed_over() {
    let cluster = installed();
    let run = cluster.run(&["now", "s3://backups/elsewhere"]);
    refused(&run, 2, "is said by its CronJob");
    assert!(cluster.jobs().is_empty());
    let none = empty();
    let run = none.run(&["now"]);
    refused(&run, 78, "`kubectl etcdbackup now --direct`");
}

#[test]
fn a_suspended_schedule_is_said_and_the_backup_made() {
    let cluster = installed();
    let suspended = |one: &mut Value| one["spec"]["suspend"] = true.into();
    cluster
        .kubernetes
        .edit(CRON_JOBS, CRON_JOB, suspended)
        .unwrap();
    let run = cluster.run(&["now"]);
    ok(&run);
    assert!(
        text(&run.stderr).contains("is suspended"),
        "{}",
        text(&run.stderr)
    );
    assert_eq!(code(&run), 0);
}

#[test]
fn what_manifests_renders_is_what_runs() {
    let cluster = empty();
    let (world, kubernetes) = (&cluster.world, &cluster.kubernetes);
    let credentials = format!(
        "[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    );
    std::fs::write(world.path("credentials"), credentials).unwrap();
    let render = "kubectl etcdbackup manifests s3://backups/prod -R recipients.txt --cluster-name prod --every 6h";
    let rendered = world.shell(render);
    ok(&rendered);
    for object in crate::manifests::objects(world, &text(&rendered.stdout)) {
        let (resource, namespace) = match object["kind"].as_str().unwrap() {
            "Namespace" => ("namespaces", ""),
            "ConfigMap" => ("configmaps", NAMESPACE),
            "CronJob" => (CRON_JOBS, NAMESPACE),
            _ => continue,
        };
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        kubernetes.put(resource, (namespace, &name), object);
    }
    // What the operator and Talos put beside it.
    let secret = json!({"kind": "Secret", "metadata": {}, "data": {}});
    for name in ["etcdbackup-s3", "etcdbackup-talos"] {
        kubernetes.put("secrets", (NAMESPACE, name), secret.clone());
    }
    let run = cluster.run(&["now", "-o", "json"]);
    ok(&run);
    let receipt: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(receipt["cluster"], "prod");
    // And where it lies is known without a word.
    let listed = cluster.run(&["list", "-o", "name"]);
    ok(&listed);
    assert_eq!(text(&listed.stdout).trim(), receipt["copies"][0]["url"]);
    ok(&cluster.run(&["verify"]));
    ok(&cluster.run(&["prune", "--keep-last", "3"]));
    let status = cluster.run(&["status"]);
    ok(&status);
    assert!(
        text(&status.stdout).contains("FRESH"),
        "{}",
        text(&status.stdout)
    );
}

#[test]
fn what_is_installed_is_copied_and_rekeyed_without_a_word_of_where_it_lies() {
    let cluster = installed();
    let world = &cluster.world;
    ok(&cluster.run(&["now", "-q"]));
    let copy = cluster.run(&["copy", "--all", "s3://backups/second", "-o", "name"]);
    ok(&copy);
    let said = text(&copy.stderr);
    assert!(
        said.contains("as the CronJob has it: s3://backups/prod"),
        "{said}"
    );
    assert_eq!(world.s3.keys(BUCKET, "second").len(), 1);
    // What is said comes first: typed, else the variable.
    let mut other = cluster.command(&["copy", "s3://backups/third"]);
    let other = other.env("ETCDBACKUP_DESTINATION", "s3://backups/second");
    let other = other.output().unwrap();
    ok(&other);
    assert!(!text(&other.stderr).contains("as the CronJob has it"));
    assert_eq!(world.s3.keys(BUCKET, "third").len(), 1);
    ok(&world
        .shell("age-keygen -o new.txt 2>/dev/null && age-keygen -y new.txt > new-recipients.txt"));
    let keys = ["-i", "key.txt", "-R", "new-recipients.txt", "--delete-old"];
    ok(&cluster.run(&[&["rekey"][..], &keys].concat()));
    let keys = world.s3.keys(BUCKET, "prod");
    let pull = format!(
        "talosctl-snapshot-pull s3://{BUCKET}/{} -i new.txt -o back",
        keys[0]
    );
    ok(&world.shell(&pull));
    // Which of several is meant, must be said.
    let two = |one: &mut Value| {
        one["data"]["ETCDBACKUP_DESTINATION"] = "s3://backups/prod s3://backups/second".into();
    };
    cluster
        .kubernetes
        .edit("configmaps", CRON_JOB, two)
        .unwrap();
    refused(
        &cluster.run(&["rekey", "-R", "new-recipients.txt"]),
        2,
        "s3://backups/prod, s3://backups/second",
    );
    let copy = cluster.run(&["copy", "s3://backups/fourth"]);
    refused(&copy, 2, "copy s3://BUCKET/PREFIX s3://backups/fourth`");
    refused(&cluster.run(&["copy"]), 2, "nowhere to copy to");
}

#[test]
fn without_a_cluster_a_destination_must_be_named() {
    let world = serving();
    let rekey = ["rekey", "-R", "recipients.txt"];
    let copy = ["copy", "s3://backups/second"];
    for verb in [
        &["list"][..],
        &["verify"],
        &["prune", "--keep-last", "3"],
        &rekey,
        &copy,
    ] {
        let run = world.ours("kubectl-etcdbackup", verb);
        refused(&run, 2, "no destination was named");
    }
}
