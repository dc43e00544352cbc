//! Credentials sealed to a controller's certificate: of a file, or of the controller itself.

use std::net::Ipv4Addr;

use e2e::{World, repository, text};
use kube_sim::{ADMIN_GROUP, Fault, KubeSim};

use super::{manifests, rendered};
use crate::support::{ok, refused, serving};

const SERVICE: &str = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller";
const PROXY: &str =
    "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/cert.pem";
const GIVEN: &str = "--s3-credentials-file credentials";

fn certificate() -> String {
    std::fs::read_to_string(repository().join("tests/fixtures/sealing/tls.crt")).unwrap()
}

fn world() -> World {
    let world = serving();
    let keys = "[default]\naws_access_key_id = a\naws_secret_access_key = sealed-and-never-shown\n";
    std::fs::write(world.path("credentials"), keys).unwrap();
    std::fs::write(world.path("cert.pem"), certificate()).unwrap();
    world
}

/// A cluster with a controller, and its kubeconfig in the world's folder.
fn cluster(world: &World, groups: &[&str]) -> KubeSim {
    let address: Ipv4Addr = world.talos.address(0).parse().unwrap();
    let snapshot = std::fs::read(repository().join("tests/fixtures/before.snap.zst")).unwrap();
    let snapshot = zstd::decode_all(&snapshot[..]).unwrap();
    let cluster = KubeSim::start(&snapshot, &[address]).unwrap();
    let service = r#"{"spec": {"ports": [{"name": "http", "port": 8080}, {"name": "metrics"}]}}"#;
    cluster.serve_text(SERVICE, service);
    cluster.serve_text(PROXY, &certificate());
    let kubeconfig = cluster.kubeconfig_to_server(groups).unwrap();
    std::fs::write(world.path("kubeconfig"), kubeconfig).unwrap();
    cluster
}

#[test]
fn what_is_sealed_shows_no_key() {
    let world = world();
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        let shown = rendered(
            &world,
            &format!("{GIVEN} --seal-cert cert.pem --seal-scope {scope}"),
        );
        assert!(shown.contains("kind: SealedSecret\n") && !shown.contains("kind: Secret\n"));
        assert!(!shown.contains("sealed-and-never-shown"));
        let annotated = shown.contains(&format!("sealedsecrets.bitnami.com/{scope}: \"true\""));
        assert_eq!(annotated, scope != "strict", "{shown}");
    }
    // Sealed, it may lie in a repository: the pod's Secret is among the objects.
    let output = manifests(&world, &format!("{GIVEN} --seal-cert cert.pem --out set"));
    ok(&output);
    assert!(
        !text(&output.stderr).contains("warning"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_controller_is_asked_for_its_certificate_as_kubectl_would_ask_it() {
    let world = world();
    let cluster = cluster(&world, &[ADMIN_GROUP]);
    let line = format!("{GIVEN} --seal-from-cluster --kubeconfig kubeconfig");
    let shown = rendered(&world, &line);
    assert!(shown.contains("kind: SealedSecret\n"));
    assert_eq!(
        cluster.requests(),
        [format!("GET {SERVICE}"), format!("GET {PROXY}")]
    );
    let elsewhere = format!("{line} --seal-controller sealing/other");
    refused(&manifests(&world, &elsewhere), 78, "--seal-controller");
    refused(
        &manifests(&world, &format!("{line} --seal-controller x/../y")),
        2,
        "names no Service",
    );
    cluster.serve_text(PROXY, "nonsense");
    refused(&manifests(&world, &line), 78, "no certificate in PEM");
    cluster.inject(None, PROXY, Fault::Status(503), None);
    refused(&manifests(&world, &line), 75, "503");
}

#[test]
fn who_may_not_ask_is_told_so() {
    let world = world();
    let _cluster = cluster(&world, &["nobody"]);
    let line = format!("{GIVEN} --seal-from-cluster --kubeconfig kubeconfig");
    refused(&manifests(&world, &line), 77, "forbidden");
    refused(
        &manifests(
            &world,
            &format!("{GIVEN} --seal-from-cluster --kubeconfig absent"),
        ),
        78,
        "absent",
    );
    refused(
        &manifests(&world, "--seal-cert cert.pem"),
        2,
        "nothing to seal",
    );
}
