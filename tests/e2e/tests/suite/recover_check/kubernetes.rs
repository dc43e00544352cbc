//! `recovered` against a Talos control plane with a Kubernetes API at each node's own address.

use e2e::kubernetes::{fixture, mend, plant, serve};
use kube_sim::{ADMIN_GROUP, Fault, KubeSim};

use super::*;
use crate::support::ok;

/// The three control planes of the fixtures, their two workers, and their Kubernetes.
struct Cluster {
    world: World,
    kubernetes: KubeSim,
}

/// A cluster that serves the objects of `after`, whose administrator's kubeconfig Talos makes.
fn after() -> Cluster {
    let talos = Simulator::builder().workers(2).snapshot_bytes(sample(SIZE));
    let world = world_with(talos.start().unwrap(), &["os:admin"]);
    serving(world, &fixture("after"))
}

/// A world whose control planes serve the objects of this snapshot.
fn serving(world: World, snapshot: &[u8]) -> Cluster {
    let kubernetes = serve(&world.talos, snapshot);
    Cluster { world, kubernetes }
}

fn healthy() -> Cluster {
    mended(after())
}

fn mended(cluster: Cluster) -> Cluster {
    mend(&cluster.kubernetes);
    cluster
}

/// Findings that are not ok: `check severity`.
fn odd(value: &Value) -> Vec<String> {
    let findings = value["findings"].as_array().unwrap().iter();
    let odd = findings.filter(|one| one["severity"] != "ok");
    odd.map(|one| {
        format!(
            "{} {}",
            one["check"].as_str().unwrap(),
            one["severity"].as_str().unwrap()
        )
    })
    .collect()
}

#[test]
fn a_cluster_that_is_back_is_called_so() {
    let cluster = healthy();
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(odd(&value), [""; 0], "{value:#}");
    assert_eq!(exit, 0);
    assert_eq!(value["holds"], true);
    let requests = cluster.kubernetes.requests();
    assert!(requests.iter().all(|line| line.starts_with("GET ")));
    assert!(
        !requests.iter().any(|line| line.contains("secrets")),
        "{requests:?}"
    );
    ok(&check(&cluster.world, &["recovered"]));
}

/// `what` of the findings of one check that are not ok, with their hints.
fn told(value: &Value, check: &str) -> Vec<(String, String)> {
    let findings = value["findings"].as_array().unwrap().iter();
    let these = findings.filter(|one| one["check"] == check && one["severity"] != "ok");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    these
        .map(|one| (text(&one["what"]), text(&one["hint"])))
        .collect()
}

#[test]
fn what_the_snapshot_from_before_had_is_named_with_its_way_back() {
    let cluster = healthy();
    std::fs::write(cluster.world.path("before.snapshot"), fixture("before")).unwrap();
    let arguments = ["recovered", "--against", "before.snapshot"];
    let (exit, value) = json(&cluster.world, &arguments);
    // What is missing may be missing on purpose.
    assert_eq!(exit, 0, "{value:#}");
    let missing = told(&value, "against");
    let of = |word: &str| {
        let found = missing.iter().find(|(what, _)| what.contains(word));
        found.unwrap_or_else(|| panic!("`{word}` is not in {missing:?}"))
    };
    let (what, hint) = of("namespace web is missing");
    assert!(what.contains("8 deployments.apps"), "{what}");
    assert!(
        hint.contains("get before.snapshot --all -n web |"),
        "{hint}"
    );
    assert!(
        of("widgets.example.org (w0, w1")
            .0
            .contains("does not serve")
    );
    of("1 customresourcedefinitions.apiextensions.k8s.io (widgets.example.org)");
    // All of it is in the JSON, and what was made since.
    let compared = &value["kubernetes"]["compared"];
    let groups = compared["missing"].as_array().unwrap();
    let widgets = groups
        .iter()
        .find(|one| one["resource"] == "widgets.example.org");
    assert_eq!(widgets.unwrap()["names"].as_array().unwrap().len(), 12);
    let extra = compared["extra"].as_array().unwrap();
    assert!(
        extra.iter().any(|one| one["names"][0] == "late"),
        "{extra:?}"
    );
    // The contents of Secrets are not fetched.
    let requests = cluster.kubernetes.requests().into_iter();
    let secrets: Vec<String> = requests.filter(|one| one.contains("/secrets")).collect();
    assert_eq!(secrets, ["GET /api/v1/secrets metadata"]);
    // The command that is printed brings the objects back.
    let shown = cluster
        .world
        .shell("talosctl-snapshot-inspect get before.snapshot --all -n web");
    assert!(text(&shown.stdout).contains("kind: Deployment"));
}

#[test]
fn against_the_snapshot_of_this_very_state_nothing_is_missing() {
    let cluster = healthy();
    std::fs::write(cluster.world.path("after.snapshot"), fixture("after")).unwrap();
    let (exit, value) = json(
        &cluster.world,
        &["recovered", "--against", "after.snapshot"],
    );
    assert_eq!((exit, told(&value, "against")), (0, vec![]), "{value:#}");
    let compared = of(&value, "against");
    assert!(compared[0].1.contains("all there"), "{compared:?}");
}

#[test]
fn a_webhook_without_endpoints_is_told_with_what_lets_the_rest_through() {
    let cluster = after();
    cluster.kubernetes.bring_up();
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 1);
    assert_eq!(odd(&value), ["webhooks fail"]);
    let (what, hint) = told(&value, "webhooks").remove(0);
    assert!(
        what.contains("behind service cert-manager/webhook"),
        "{what}"
    );
    let command = "kubectl patch validatingwebhookconfiguration cert-manager-webhook --type=json";
    assert!(hint.contains(command), "{hint}");
}

#[test]
fn the_screen_is_the_reviewed_one() {
    let cluster = after();
    std::fs::write(cluster.world.path("before.snapshot"), fixture("before")).unwrap();
    let output = check(
        &cluster.world,
        &["recovered", "--against", "before.snapshot"],
    );
    assert_eq!(code(&output), 1);
    let shown = steady(&cluster.world, &output);
    compare("recover-check/recovered-kubernetes.txt", &shown);
}

#[test]
fn an_api_that_is_down_is_unknown() {
    let mut cluster = healthy();
    for server in 0..3 {
        cluster.kubernetes.stop(server);
    }
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 69, "{value:#}");
    assert_eq!(value["holds"], Value::Null);
    let api = told(&value, "api");
    assert!(api[0].0.contains("refused"), "{api:?}");
    assert_eq!(told(&value, "pods").len(), 1);
}

#[test]
fn one_server_that_is_not_ready_is_a_no_and_the_others_are_read() {
    let cluster = healthy();
    let not_ready = Fault::NotReady(vec!["etcd".to_owned()]);
    cluster
        .kubernetes
        .inject(Some(0), "/readyz", not_ready, None);
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!((exit, odd(&value)), (1, vec!["api fail".to_owned()]));
    assert_eq!(
        value["kubernetes"]["read"]["host"],
        cluster.world.talos.address(1).as_str()
    );
}

#[test]
fn credentials_that_may_not_look_are_not_permitted() {
    let cluster = healthy();
    let viewer = cluster.kubernetes.kubeconfig(&["viewers"]).unwrap();
    plant(&viewer);
    std::fs::write(cluster.world.path("viewer"), viewer).unwrap();
    let (exit, value) = json(&cluster.world, &["recovered", "--kubeconfig", "viewer"]);
    assert_eq!(exit, 77, "{value:#}");
    let pods = told(&value, "pods");
    assert!(pods[0].0.contains("403"), "{pods:?}");
}

#[test]
fn a_kubeconfig_of_another_cluster_gives_way_to_the_one_that_talos_makes() {
    let cluster = healthy();
    let stranger = KubeSim::start(&fixture("after"), &[]).unwrap();
    let other = stranger.kubeconfig(&[ADMIN_GROUP]).unwrap();
    plant(&other);
    std::fs::write(cluster.world.path("other"), other).unwrap();
    let (exit, value) = json(&cluster.world, &["recovered", "--kubeconfig", "other"]);
    assert_eq!(exit, 0, "{value:#}");
    let source = value["kubernetes"]["read"]["source"].as_str().unwrap();
    assert!(source.contains("that node"), "{source}");
    let absent = check(&cluster.world, &["recovered", "--kubeconfig", "absent"]);
    refused(&absent, 78, "absent");
    let context = ["recovered", "--kubeconfig", "other", "--kube-context", "no"];
    refused(&check(&cluster.world, &context), 78, "admin@sim");
}

#[test]
fn without_a_kubeconfig_and_without_the_role_for_one_nothing_is_said() {
    let cluster = healthy();
    let reader = cluster.world.talos.talosconfig(&["os:reader"]).unwrap();
    reader.write(&cluster.world.path("talosconfig")).unwrap();
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 77, "{value:#}");
    let api = told(&value, "api");
    assert!(api[0].0.contains("Kubeconfig"), "{api:?}");
    assert_eq!(cluster.kubernetes.requests(), [""; 0]);
}

#[test]
fn a_request_that_hangs_ends_by_its_limit_and_the_rest_is_told() {
    let cluster = healthy();
    cluster
        .kubernetes
        .inject(None, "/api/v1/pods", Fault::Hang, None);
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!((exit, odd(&value)), (69, vec!["pods unknown".to_owned()]));
    assert!(told(&value, "pods")[0].0.contains("no answer within 10 s"));
    cluster.kubernetes.inject(None, "/", Fault::Hang, None);
    assert_eq!(code(&check(&cluster.world, &["recovered"])), 69);
}

#[test]
fn an_answer_that_is_none_is_told_without_its_words() {
    let cluster = healthy();
    cluster
        .kubernetes
        .inject(None, "/apis/apps/v1/deployments", Fault::Garbage, None);
    cluster.kubernetes.inject(
        None,
        "/api/v1/persistentvolumeclaims",
        Fault::Status(500),
        None,
    );
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 69);
    assert_eq!(odd(&value), ["workloads unknown", "volumes unknown"]);
    assert!(told(&value, "workloads")[0].0.contains("not the JSON"));
}

#[test]
fn long_lists_come_in_pages_and_are_begun_anew_when_etcd_compacted_them() {
    let cluster = healthy();
    for number in 0..600 {
        let name = format!("many-{number}");
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "data"},
            "spec": {"nodeName": "worker-1"}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        cluster.kubernetes.put("pods", ("data", &name), pod);
    }
    cluster
        .kubernetes
        .inject(None, "/api/v1/pods", Fault::Expire, Some(1));
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 0, "{value:#}");
    assert_eq!(value["kubernetes"]["pods"]["count"], 620);
    let pages = cluster.kubernetes.requests();
    let pages = pages.iter().filter(|line| *line == "GET /api/v1/pods");
    // Two of a list that expired, three of the whole.
    assert_eq!(pages.count(), 5);
}

#[test]
fn what_only_the_snapshot_remembers_is_found() {
    let cluster = healthy();
    let kubernetes = &cluster.kubernetes;
    kubernetes.silence("worker-2");
    kubernetes
        .edit("nodes", ("", "worker-1"), |node| {
            node["metadata"]["name"] = "old-1".into();
        })
        .unwrap();
    kubernetes
        .edit(
            "endpointslices.discovery.k8s.io",
            ("default", "kubernetes"),
            |slice| {
                let all = slice["endpoints"].as_array_mut().unwrap();
                all.push(
                    serde_json::json!({"addresses": ["10.0.0.99"], "conditions": {"ready": true}}),
                );
            },
        )
        .unwrap();
    let (exit, value) = json(&cluster.world, &["recovered"]);
    assert_eq!(exit, 1);
    let nodes = told(&value, "nodes");
    let said = |word: &str| nodes.iter().any(|(what, _)| what.contains(word));
    assert!(
        said("without a heartbeat for a minute: worker-2"),
        "{nodes:?}"
    );
    assert!(
        said("Talos does not know and nobody hears of: old-1"),
        "{nodes:?}"
    );
    assert!(
        said("known to Talos and not to Kubernetes: worker-1"),
        "{nodes:?}"
    );
    assert!(
        told(&value, "pods")[0]
            .0
            .contains("on nodes that do not exist")
    );
    let addresses = told(&value, "api-addresses");
    assert!(
        addresses[0].1.contains("/registry/masterleases/10.0.0.99"),
        "{addresses:?}"
    );
}

#[test]
fn after_a_real_restore_the_kubelets_of_all_nodes_are_to_be_restarted() {
    // Three real members that were restored from `after`, as Talos does it: with few entries in
    // their logs, and all the revisions of the snapshot.
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("after.snapshot");
    std::fs::write(&snapshot, fixture("after")).unwrap();
    let talos = Simulator::builder()
        .workers(2)
        .etcd(&e2e::tool("etcd-3.5/etcd"))
        .restored_from(&snapshot);
    let world = world_with(talos.start().unwrap(), &["os:admin"]);
    // The API serves what lives in that etcd.
    let taken = world.ours("talosctl-snapshot-take", &["-o", "live.snapshot"]);
    ok(&taken);
    let live = std::fs::read(world.path("live.snapshot")).unwrap();
    let cluster = mended(serving(world, &live));
    let (exit, value) = json(&cluster.world, &["recovered", "--against", "live.snapshot"]);
    assert_eq!(exit, 0, "{value:#}");
    assert!(odd(&value).iter().all(|one| one == "kubelets warn"));
    let told = told(&value, "kubelets");
    let (what, hint) = &told[0];
    assert!(
        what.starts_with("restored at an earlier revision"),
        "{what}"
    );
    for node in cluster.world.talos.nodes() {
        assert!(hint.contains(&node.address.to_string()), "{hint}");
    }
    let next = value["next"]["what"].as_str().unwrap();
    assert!(next.contains("service kubelet restart"), "{next}");
}
