//! docs/recovery/deleted-namespace.md, old-state.md and access.md, with an API server over the
//! cluster in which that namespace is gone: the fixtures were taken before and after.

use std::collections::BTreeSet;

use e2e::{World, repository};

use super::api_server::ApiServers;
use super::*;
use crate::process::ours;
use crate::support::ok;

const PAGE: &str = "docs/recovery/deleted-namespace.md";

/// One control plane without the namespace `web`, and a backup from before.
fn world() -> (World, ApiServers) {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("after.snapshot");
    std::fs::write(&snapshot, e2e::kubernetes::fixture("after")).unwrap();
    let world = admin(
        cluster()
            .control_planes(1)
            .workers(0)
            .restored_from(&snapshot),
    );
    fixture(&world, "before", "before.snapshot");
    let place = ["s3://backups/prod", "-R", "recipients.txt"];
    let push = [
        &["-f", "before.snapshot", "--cluster-name", "prod"],
        &place[..],
    ]
    .concat();
    ok(&ours(&world, "talosctl-snapshot-push")
        .args(push)
        .output()
        .unwrap());
    let config = repository().join("tests/fixtures/controlplane-v1alpha1.yaml");
    std::fs::copy(config, world.path("controlplane.yaml")).unwrap();
    let servers = ApiServers::over(&world);
    let access = of(
        "docs/recovery/access.md",
        "talosctl -e 10.0.0.2 -n 10.0.0.2 kubeconfig",
    );
    tells(&world, &access, &["cp-1", "worker-2"]);
    (world, servers)
}

/// With the kubeconfig at hand, and the backup's time for the example's.
fn with(block: &str) -> String {
    // The moment of the example is long before this backup.
    let now = "$(date -u -d '+1 minute' +%Y-%m-%dT%H:%M:%SZ)";
    let block = block.replace("2026-11-24T02:00:00Z", now);
    format!("export KUBECONFIG=$PWD/prod.kubeconfig\n{block}")
}

/// Names of a kind that the namespace has.
fn live(world: &World, kind: &str) -> BTreeSet<String> {
    let list = format!("kubectl get {kind} -n web -o name");
    let said = tells(world, &with(&list), &[]);
    said.lines()
        .map(|line| line.rsplit('/').next().unwrap().to_owned())
        .collect()
}

/// The same of the snapshot.
fn kept(world: &World, kind: &str) -> BTreeSet<String> {
    let list = format!("talosctl-snapshot-inspect ls db.snapshot {kind} -n web -o name");
    let said = tells(world, &list, &[]);
    let names = said.lines().filter(|line| line.contains('/'));
    names
        .map(|line| line.rsplit('/').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_deleted_namespace_comes_back_by_hand() {
    let (world, _servers) = world();
    tells(
        &world,
        &with(&of(PAGE, "talosctl-snapshot-pull")),
        &["deployments/alpha"],
    );
    tells(&world, &of(PAGE, "umask 077"), &[]);
    let claims = of(PAGE, "kubectl patch pv NAME");
    // The claim that a volume remembers is gone with the namespace.
    std::fs::write(world.path("pv.yaml"), VOLUME).unwrap();
    let claim = format!(
        "kubectl create -f pv.yaml && {}",
        claims.replace("NAME", "kept")
    );
    tells(&world, &with(&claim), &["persistentvolume/kept patched"]);
    let apply = of(PAGE, "kubectl create namespace web");
    let said = tells(
        &world,
        &with(&apply),
        &["deployment.apps/alpha", "service/hotel"],
    );
    assert!(!said.contains("invalid"), "{said}");
    for kind in [
        "configmaps",
        "secrets",
        "deployments",
        "services",
        "ingresses",
        "serviceaccounts",
    ] {
        // What controllers make again by themselves, and none runs here, is not brought back.
        let mut kept = kept(&world, kind);
        kept.remove("kube-root-ca.crt");
        let live = live(&world, kind);
        let gone: Vec<_> = kept.difference(&live).collect();
        assert!(gone.is_empty(), "{kind}: {gone:?}");
        assert!(
            kept.len() > usize::from(kind == "configmaps"),
            "{kind}: {kept:?}"
        );
    }
    // A Secret that was encrypted has its value again.
    let secret = with("kubectl get secret secret-10 -n web -o json | yq -p json '.data'");
    let live = tells(&world, &secret, &[]);
    let kept = "talosctl-snapshot-inspect get db.snapshot secrets/secret-10 -n web --machine-config controlplane.yaml --show-secrets | yq .data";
    assert_eq!(live, tells(&world, kept, &[]));
    assert!(live.contains(": "), "{live}");
    // A single thing.
    let one = of(
        PAGE,
        "talosctl-snapshot-inspect get db.snapshot deploy/shop",
    );
    tells(
        &world,
        &with("kubectl delete deploy alpha -n web"),
        &["deleted"],
    );
    tells(
        &world,
        &with(&one.replace("shop", "alpha")),
        &["deployment.apps/alpha serverside-applied"],
    );
}

const VOLUME: &str = "\
apiVersion: v1
kind: PersistentVolume
metadata:
  name: kept
spec:
  capacity:
    storage: 1Gi
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath:
    path: /var/kept
  claimRef:
    namespace: web
    name: data
    uid: 00000000-0000-0000-0000-000000000001
";

#[test]
fn what_acts_at_once_is_scaled_away_by_hand() {
    let (world, _servers) = world();
    let deploy = |namespace: &str, name: &str| {
        format!(
            "kubectl -n {namespace} create deploy {name} --image=registry.example.org/{name} --replicas=2\n"
        )
    };
    let setup = ["flux-system", "argocd", "external-dns"]
        .map(|name| format!("kubectl create namespace {name}\n"))
        .concat()
        + &deploy("flux-system", "source-controller")
        + &deploy("flux-system", "kustomize-controller")
        + &deploy("kube-system", "cluster-autoscaler")
        + &deploy("external-dns", "external-dns")
        + "cat > sts.yaml <<END\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: argocd-application-controller\n  namespace: argocd\nspec:\n  replicas: 1\n  serviceName: x\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: x, image: x}]}\nEND\nkubectl create -f sts.yaml\n";
    tells(
        &world,
        &with(&setup),
        &[
            "source-controller created",
            "argocd-application-controller created",
        ],
    );
    let block = of("docs/recovery/old-state.md", "K=");
    tells(
        &world,
        &with(&block),
        &[
            "cluster-autoscaler scaled",
            "external-dns scaled",
            "argocd-application-controller scaled",
        ],
    );
    let replicas = "kubectl get deploy,sts -A -o jsonpath='{range .items[*]}{.metadata.name}={.spec.replicas} {end}'";
    tells(
        &world,
        &with(replicas),
        &[
            "source-controller=0",
            "kustomize-controller=0",
            "cluster-autoscaler=0",
            "external-dns=0",
            "argocd-application-controller=0",
        ],
    );
}
