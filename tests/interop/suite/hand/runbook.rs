//! docs/runbook.md by hand, from a dead cluster to what runs in it.

use e2e::documents::blocks;
use e2e::{BUCKET, World};

use super::api_server::ApiServers;
use super::*;
use crate::process::{back_up, ours};

/// Quorum is lost for good: two nodes are empty, and the third one's etcd waits for them.
fn dead() -> (World, (u32, i64)) {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("after.snapshot");
    std::fs::write(&snapshot, e2e::kubernetes::fixture("after")).unwrap();
    let world = admin(cluster().restored_from(&snapshot));
    world.revoke_short_leases();
    back_up(&world);
    let before = world.talos.hash_kv(0).unwrap();
    for node in [1, 2] {
        world.talos.wipe(node).unwrap();
    }
    for node in [1, 2] {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    (world, before)
}

/// Blocks of the runbook that need a program of somebody else.
fn by_hand() -> Vec<String> {
    let words = [
        "talosctl -",
        "alias t=",
        "t -n ",
        "kubectl ",
        "aws ",
        "etcdutl ",
    ];
    let all = blocks("docs/runbook.md").into_iter();
    all.filter(|block| words.iter().any(|word| block.contains(word)))
        .collect()
}

/// Runs the next block, which must begin so, with what it needs beforehand.
struct Runbook {
    world: World,
    left: std::vec::IntoIter<String>,
}

impl Runbook {
    fn next(&mut self, start: &str) -> String {
        let block = self.left.next().unwrap();
        assert!(block.starts_with(start), "not `{start}`:\n{block}");
        block
    }

    fn tells(&mut self, start: &str, words: &[&str]) -> String {
        let block = self.next(start);
        tells(&self.world, &block, words)
    }
}

#[test]
fn a_dead_cluster_comes_back_by_hand() {
    let (world, before) = dead();
    let left = by_hand().into_iter();
    let mut book = Runbook { world, left };
    reached_and_dead(&mut book);
    fetched_and_proven(&mut book);
    book.tells(
        "t -n 10.0.0.2,10.0.0.3,10.0.0.4 get machinetype",
        &[
            "controlplane",
            "booting",
            "SYNCED",
            "advertisedAddresses",
            "/var",
        ],
    );
    wiped(&mut book);
    bootstrapped(&mut book);
    for node in 0..3 {
        book.world.talos.await_healthy(node).unwrap();
        assert_eq!(
            book.world.talos.hash_kv(node).unwrap(),
            before,
            "node {node}"
        );
    }
    book.tells(
        "t -n 10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.11",
        &["10.0.0.12", "restarted"],
    );
    let _servers = ApiServers::over(&book.world);
    kubernetes(&mut book);
    assert_eq!(book.left.next(), None);
}

fn reached_and_dead(book: &mut Runbook) {
    book.tells(
        "alias t=",
        &["Tag:", "10.0.0.4", "os:admin", "Certificate expires"],
    );
    // Its last command ends well; those of a member that is none do not.
    let block = book.next("t -n 10.0.0.2,10.0.0.3,10.0.0.4 service etcd");
    // Nobody has to wait so long for what does not come.
    let block = block.replace("timeout 20", "timeout 4");
    let said = says(
        &book.world,
        &block,
        &[
            "STATE    Preparing",
            "0000000000000000",
            "member/snap/db",
            "member/wal/",
        ],
    );
    // A quorum would be a list of members.
    assert!(!said.contains("PEER URLS"), "{said}");
}

fn fetched_and_proven(book: &mut Runbook) {
    let block = book.next("aws s3 ls s3://backups/prod/");
    let (list, fetch) = block.split_once('\n').unwrap();
    let listed = tells(&book.world, list, &[".snap.zst.age"]);
    let object = listed
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap();
    assert!(object.ends_with(".snap.zst.age"), "{object}");
    assert!(
        book.world
            .s3
            .all_keys(BUCKET)
            .contains(&format!("prod/{object}"))
    );
    tells(&book.world, &fetch.replace("OBJECT", object), &[]);
    let said = book.tells("echo $(( $(stat -c %s db.snapshot)", &["32\n", "HASH"]);
    let digests: Vec<&str> = said.lines().filter(|line| line.len() >= 64).collect();
    assert_eq!(digests[0][..64], digests[1][..64], "{said}");
}

fn wiped(book: &mut Runbook) {
    let block = book.next("t -n 10.0.0.2 get volumestatus ETCD -o yaml");
    let said = tells(
        &book.world,
        &block,
        &["type: directory", "post check passed"],
    );
    assert!(!said.contains("member/snap"), "{said}");
    for node in 0..3 {
        book.world.talos.await_etcd(node, "Preparing").unwrap();
    }
}

fn bootstrapped(book: &mut Runbook) {
    let block = book.next("talosctl -e 10.0.0.2 -n 10.0.0.2 bootstrap");
    let lines: Vec<&str> = block.lines().collect();
    let [bootstrap, log, service, members] = lines[..] else {
        panic!("{block}");
    };
    tells(&book.world, bootstrap, &["recovering from snapshot"]);
    // Who follows has to stop it.
    let log = format!("timeout 20 {log}");
    says(&book.world, &log, &["recovering etcd from snapshot"]);
    comes_to_tell(&book.world, service, &["STATE    Running", "HEALTH   OK"]);
    wait_for("three members that vote", || {
        let said = both(&typed(&book.world, members));
        (said.matches("false").count() == 3).then_some(())
    });
}

fn kubernetes(book: &mut Runbook) {
    let block = book.next("talosctl -e 10.0.0.2 -n 10.0.0.2 kubeconfig");
    let said = tells(&book.world, &block, &[]);
    assert_eq!(said.matches("ok\n").count(), 3, "{said}");
    let with = |block: &str| format!("export KUBECONFIG=$PWD/prod.kubeconfig\n{block}");
    let nodes = book.next("kubectl get nodes -o wide");
    tells(
        &book.world,
        &with(&nodes),
        &["control-plane", "worker-2", "MACHINE TYPE"],
    );
    // Nobody ever complained of a webhook here, and what filters finds nothing.
    let webhooks = book.next("kubectl get validatingwebhookconfigurations");
    says(
        &book.world,
        &with(&webhooks),
        &["validatingwebhookconfiguration", "ADDRESSTYPE"],
    );
    let workloads = book.next("kubectl get deploy,sts,ds -A");
    says(
        &book.world,
        &with(&workloads),
        &[
            "deployment.apps/",
            "statefulset.apps/",
            "daemonset.apps/",
            "RECLAIM POLICY",
        ],
    );
    let servers = book.next("kubectl get endpointslices -n default");
    tells(&book.world, &with(&servers), &["kubernetes"]);
    // Step 7 of it, in a sentence.
    let write = with(
        "kubectl create configmap back -n default && kubectl delete configmap back -n default",
    );
    tells(&book.world, &write, &["created", "deleted"]);
    // And what our own program makes of real API servers: all of them answer.
    let own = ours(&book.world, "talosctl-recover-check")
        .args(["recovered", "-o", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&own.stdout).unwrap();
    assert_eq!(own.status.code(), Some(1), "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let ready = findings.iter().filter(|one| {
        let what = one["what"].as_str().unwrap();
        one["check"] == "api" && one["severity"] == "ok" && what == "its API server is ready"
    });
    assert_eq!(ready.count(), 3, "{report:#}");
}
