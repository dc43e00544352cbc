//! A Kubernetes API at the control planes of a simulated Talos, with the objects of a snapshot.

use std::net::Ipv4Addr;

use kube_sim::{ADMIN_GROUP, KubeSim};
use serde_json::{Value, json};
use talos_sim::{Kind, Simulator};

use crate::{repository, secrets};

/// A snapshot of the fixtures: `before` or `after`, of a cluster of three control planes and two
/// workers.
pub fn fixture(name: &str) -> Vec<u8> {
    let packed = repository().join(format!("tests/fixtures/{name}.snap.zst"));
    let packed = std::fs::read(packed).expect("a fixture");
    zstd::decode_all(&packed[..]).expect("a whole fixture")
}

/// Serves the objects of a snapshot at every control plane; its administrator's kubeconfig is the
/// one that Talos makes.
pub fn serve(talos: &Simulator, snapshot: &[u8]) -> KubeSim {
    let nodes = talos.nodes().into_iter();
    let control_planes = nodes.filter(|node| node.kind != Kind::Worker);
    let addresses: Vec<Ipv4Addr> = control_planes.map(|node| node.address).collect();
    let kubernetes = KubeSim::start(snapshot, &addresses).expect("a Kubernetes API");
    let admin = kubernetes.kubeconfig(&[ADMIN_GROUP]).expect("a kubeconfig");
    plant(&admin);
    talos.set_kubeconfig(&admin).expect("a given kubeconfig");
    kubernetes
}

/// No program may say what is in a kubeconfig.
pub fn plant(kubeconfig: &str) {
    let keys = kubeconfig
        .lines()
        .filter_map(|line| line.trim().strip_prefix("client-key-data: "));
    keys.for_each(secrets::plant);
}

/// All that a cluster should have: the fixtures were taken a moment too early, and nobody is
/// behind their webhook.
pub fn mend(kubernetes: &KubeSim) {
    kubernetes.bring_up();
    for slice in kubernetes.slices("cert-manager", "webhook") {
        let ready = json!([{"addresses": ["10.244.1.9"], "conditions": {"ready": true}}]);
        let slices = "endpointslices.discovery.k8s.io";
        let put = |slice: &mut Value| slice["endpoints"] = ready;
        kubernetes
            .edit(slices, ("cert-manager", &slice), put)
            .expect("a slice behind the webhook");
    }
}
