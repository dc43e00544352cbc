//! What is in the way of a pod is told, and the Job that cannot run is taken away.

use serde_json::json;

use super::*;

/// The run is refused so, and leaves no Job.
fn stuck(cluster: &Cluster, exit: i32, words: &[&str]) {
    let run = cluster.run(&["now"]);
    for word in words {
        refused(&run, exit, word);
    }
    assert!(cluster.jobs().is_empty(), "{:?}", cluster.jobs());
}

#[test]
fn an_image_that_nobody_has() {
    let cluster = installed();
    cluster.edit_container(|container| container["image"] = "registry.example/absent:1".into());
    stuck(
        &cluster,
        69,
        &["`registry.example/absent:1` cannot be pulled", "registry"],
    );
}

#[test]
fn a_namespace_that_wants_more() {
    let cluster = installed();
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let namespace = json!({"metadata": {"labels": labels}});
    cluster
        .kubernetes
        .put("namespaces", ("", NAMESPACE), namespace);
    stuck(
        &cluster,
        78,
        &["violates PodSecurity", "kubectl etcdbackup manifests"],
    );
}

#[test]
fn a_quota_that_is_used_up() {
    let cluster = installed();
    let quota = json!({"spec": {"hard": {"pods": "0"}}});
    cluster
        .kubernetes
        .put("resourcequotas", (NAMESPACE, "small"), quota);
    stuck(&cluster, 78, &["exceeded quota: small", "ResourceQuota"]);
}

#[test]
fn a_secret_that_is_missing() {
    let cluster = installed();
    cluster
        .kubernetes
        .remove("secrets", (NAMESPACE, "etcdbackup-s3"));
    stuck(&cluster, 78, &["secret \"etcdbackup-s3\" not found"]);
}

/// The CronJob mounts the talosconfig that Talos makes.
fn with_talos_account(cluster: &Cluster, reason: &str) {
    let kubernetes = &cluster.kubernetes;
    let volume = json!([{"name": "talos", "secret": {"secretName": "etcdbackup-talos"}}]);
    let edited = kubernetes.edit(CRON_JOBS, CRON_JOB, |one| {
        one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"] = volume;
    });
    edited.unwrap();
    kubernetes.serve("serviceaccounts.talos.dev", "v1alpha1", "ServiceAccount");
    let account =
        json!({"spec": {"roles": ["os:etcd:backup"]}, "status": {"failureReason": reason}});
    kubernetes.put(
        "serviceaccounts.talos.dev",
        (NAMESPACE, "etcdbackup-talos"),
        account,
    );
}

#[test]
fn talos_says_why_it_makes_no_talosconfig() {
    for (reason, hint) in [
        (
            "Namespace is not allowed: etcdbackup",
            "allowedKubernetesNamespaces",
        ),
        ("Roles not allowed: [os:etcd:backup]", "allowedRoles"),
    ] {
        let cluster = installed();
        with_talos_account(&cluster, reason);
        stuck(&cluster, 77, &[reason, hint]);
    }
}

#[test]
fn a_talosconfig_that_comes_late_is_waited_for() {
    let cluster = installed();
    with_talos_account(&cluster, "");
    let mut child = cluster
        .command(&["now"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("Talos has not made the Secret `etcdbackup-talos`") {
        let read = std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
        assert!(read > 0, "{said}");
    }
    let secret = json!({"kind": "Secret", "metadata": {}, "data": {}});
    cluster
        .kubernetes
        .put("secrets", (NAMESPACE, "etcdbackup-talos"), secret);
    std::io::Read::read_to_string(&mut lines, &mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(said.contains("pushed s3://"), "{said}");
}
