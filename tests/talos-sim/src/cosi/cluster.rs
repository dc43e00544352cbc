//! What discovery knows: the cluster and its members, also those that are down.

use etcdbackup_proto::common::NetIp;
use etcdbackup_proto::cosi::resource::Resource;
use etcdbackup_proto::talos::specs::{
    ClusterInfoSpec, ClusterMemberSpec, EndpointSpec, cluster_member_spec,
};

use super::Maker;
use super::machine::type_of;
use crate::cluster::Node;
use crate::state::Secrets;

/// The id of every simulated cluster: 32 bytes, base64url, as Talos makes them.
const CLUSTER_ID: &str = "c2ltdWxhdGVkIGNsdXN0ZXIgb2YgZXRjZGJhY2t1cCE=";

pub(super) fn info(maker: &Maker<'_>) -> Vec<Resource> {
    let name = &maker.cluster.name;
    let message = ClusterInfoSpec {
        cluster_id: CLUSTER_ID.to_owned(),
        cluster_name: name.clone(),
    };
    let yaml = format!("clusterId: {CLUSTER_ID}\nclusterName: {name}\n");
    vec![maker.make("current", &message, yaml)]
}

/// Whether the cluster's discovery has a node: one with other secrets is of another cluster.
fn is_known(node: &Node) -> bool {
    node.machine().secrets == Secrets::Own
}

pub(super) fn members(maker: &Maker<'_>) -> Vec<Resource> {
    let known = maker.cluster.nodes.iter().filter(|node| is_known(node));
    known.map(|node| member(maker, node)).collect()
}

fn member(maker: &Maker<'_>, node: &Node) -> Resource {
    let (number, name) = type_of(node);
    let system = format!("Talos ({})", maker.cluster.version);
    let control_plane = node
        .is_control_plane()
        .then_some(cluster_member_spec::ControlPlane {
            api_server_port: 6443,
        });
    let message = ClusterMemberSpec {
        node_id: node.name.clone(),
        addresses: vec![ip(node)],
        hostname: node.name.clone(),
        machine_type: number as i32,
        operating_system: system.clone(),
        control_plane,
    };
    let mut yaml = format!(
        "nodeId: {0}\naddresses:\n    - {1}\nhostname: {0}\nmachineType: {name}\noperatingSystem: {system}\n",
        node.name, node.address
    );
    if node.is_control_plane() {
        yaml += "controlPlane:\n    port: 6443\n";
    }
    maker.make(&node.name, &message, yaml)
}

pub(super) fn ip(node: &Node) -> NetIp {
    NetIp {
        ip: node.address.octets().to_vec(),
    }
}

/// The control planes as discovery has them.
pub(super) fn endpoints(maker: &Maker<'_>) -> Vec<Resource> {
    let known: Vec<_> = maker
        .cluster
        .control_planes()
        .filter(|node| is_known(node))
        .collect();
    let message = EndpointSpec {
        addresses: known.iter().map(|node| ip(node)).collect(),
        hosts: Vec::new(),
    };
    let list: String = known
        .iter()
        .map(|node| format!("    - {}\n", node.address))
        .collect();
    let yaml = format!("addresses:\n{list}hosts: []\n");
    vec![maker.make("discovery", &message, yaml)]
}
