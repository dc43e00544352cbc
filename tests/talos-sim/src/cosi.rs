//! `cosi.resource.State` for the few resources a backup looks at: the machine's type, the
//! cluster's identity, its members. Reading one that is not there is `NotFound`.

use std::sync::Arc;

use etcdbackup_proto::common::NetIp;
use etcdbackup_proto::cosi::resource::state_server::State;
use etcdbackup_proto::cosi::resource::{
    GetRequest, GetResponse, ListRequest, ListResponse, Metadata, Resource, Spec, WatchRequest,
    WatchResponse,
};
use etcdbackup_proto::talos::specs::{
    ClusterInfoSpec, ClusterMemberSpec, MachineConfigSpec, MachineType, MachineTypeSpec,
    cluster_member_spec,
};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use crate::calls::Route;
use crate::cluster::{Cluster, Node};
use crate::machined::Machined;
use crate::roles::ADMIN;
use crate::routing::{Apid, Messages, refuse_many};

const MACHINE_TYPE: &str = "MachineTypes.config.talos.dev";
const MACHINE_CONFIG: &str = "MachineConfigs.config.talos.dev";
const INFO: &str = "Infos.cluster.talos.dev";
const MEMBER: &str = "Members.cluster.talos.dev";
/// The id of every simulated cluster: 32 bytes, base64url, as Talos makes them.
const CLUSTER_ID: &str = "c2ltdWxhdGVkIGNsdXN0ZXIgb2YgZXRjZGJhY2t1cCE=";

impl Apid {
    /// COSI goes to one node; `nodes` is refused. What holds secrets is for admins.
    async fn one<Q>(
        &self,
        method: &'static str,
        request: &Request<Q>,
        kind: &str,
    ) -> Result<Machined, Status> {
        let caller = self.admit(method, request)?;
        if kind == MACHINE_CONFIG && !caller.roles.iter().any(|role| role == ADMIN) {
            return Err(Status::permission_denied("not authorized"));
        }
        let machined = match &caller.route {
            Route::Local => self.machined(&self.node),
            Route::Node(target) => self.forward(target)?,
            Route::Nodes(_) => return Err(refuse_many(method, self.cluster.version)),
        };
        machined.enter(method, &caller).await?;
        Ok(machined)
    }
}

#[tonic::async_trait]
impl State for Apid {
    type ListStream = Messages<ListResponse>;
    type WatchStream = Messages<WatchResponse>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let machined = self.one("Get", &request, &request.get_ref().r#type).await?;
        let wanted = request.into_inner();
        let found = resources(&machined, &wanted.namespace, &wanted.r#type)?
            .into_iter()
            .find(|resource| {
                resource
                    .metadata
                    .as_ref()
                    .is_some_and(|metadata| metadata.id == wanted.id)
            });
        let resource = found.ok_or_else(|| {
            let kind = &wanted.r#type;
            Status::not_found(format!(
                "resource {kind}({}/{}) doesn't exist",
                wanted.namespace, wanted.id
            ))
        })?;
        Ok(Response::new(GetResponse {
            resource: Some(resource),
        }))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let machined = self
            .one("List", &request, &request.get_ref().r#type)
            .await?;
        let wanted = request.into_inner();
        let found = resources(&machined, &wanted.namespace, &wanted.r#type)?.into_iter();
        let responses: Vec<_> = found
            .map(|resource| {
                Ok(ListResponse {
                    resource: Some(resource),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(futures::stream::iter(responses))))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.one("Watch", &request, &request.get_ref().r#type)
            .await?;
        Err(Status::unimplemented("Watch is not simulated"))
    }
}

/// All resources of a kind in a namespace, as this node has them.
fn resources(machined: &Machined, namespace: &str, kind: &str) -> Result<Vec<Resource>, Status> {
    let (node, cluster) = (&machined.node, &machined.cluster);
    let home = match kind {
        MACHINE_TYPE | MACHINE_CONFIG => "config",
        INFO | MEMBER => "cluster",
        _ => {
            return Err(Status::permission_denied(format!(
                "resource type \"{kind}\" is not supported"
            )));
        }
    };
    if namespace != home {
        return Ok(Vec::new());
    }
    Ok(match kind {
        MACHINE_TYPE => vec![machine_type(node, cluster)],
        MACHINE_CONFIG => machine_config(node, cluster).into_iter().collect(),
        INFO => vec![info(cluster)],
        _ => cluster
            .nodes
            .iter()
            .map(|node| member(node, cluster))
            .collect(),
    })
}

fn resource(cluster: &Cluster, namespace: &str, kind: &str, id: &str, spec: Spec) -> Resource {
    let since = Timestamp::from(cluster.started);
    let metadata = Metadata {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.to_owned(),
        version: "1".to_owned(),
        phase: "running".to_owned(),
        created: Some(since),
        updated: Some(since),
        ..Metadata::default()
    };
    Resource {
        metadata: Some(metadata),
        spec: Some(spec),
    }
}

fn type_of(node: &Node) -> (MachineType, &'static str) {
    if node.is_control_plane() {
        (MachineType::ControlPlane, "controlplane")
    } else {
        (MachineType::Worker, "worker")
    }
}

fn machine_type(node: &Node, cluster: &Cluster) -> Resource {
    let (number, name) = type_of(node);
    let spec = Spec {
        proto_spec: MachineTypeSpec {
            machine_type: number as i32,
        }
        .encode_to_vec(),
        yaml_spec: format!("{name}\n"),
    };
    resource(cluster, "config", MACHINE_TYPE, "machine-type", spec)
}

fn machine_config(node: &Node, cluster: &Cluster) -> Option<Resource> {
    let text = cluster
        .machine_config
        .as_ref()
        .filter(|_| node.is_control_plane())?;
    let spec = Spec {
        proto_spec: MachineConfigSpec {
            yaml_marshalled: text.clone().into_bytes(),
        }
        .encode_to_vec(),
        yaml_spec: format!("|\n  {}\n", text.replace('\n', "\n  ")),
    };
    Some(resource(
        cluster,
        "config",
        MACHINE_CONFIG,
        "v1alpha1",
        spec,
    ))
}

fn info(cluster: &Cluster) -> Resource {
    let message = ClusterInfoSpec {
        cluster_id: CLUSTER_ID.to_owned(),
        cluster_name: cluster.name.clone(),
    };
    let yaml_spec = format!("clusterId: {CLUSTER_ID}\nclusterName: {}\n", cluster.name);
    resource(
        cluster,
        "cluster",
        INFO,
        "current",
        Spec {
            proto_spec: message.encode_to_vec(),
            yaml_spec,
        },
    )
}

fn member(node: &Arc<Node>, cluster: &Cluster) -> Resource {
    let (number, name) = type_of(node);
    let system = format!("Talos ({})", cluster.version);
    let control_plane = node
        .is_control_plane()
        .then_some(cluster_member_spec::ControlPlane {
            api_server_port: 6443,
        });
    let message = ClusterMemberSpec {
        node_id: node.name.clone(),
        addresses: vec![NetIp {
            ip: node.address.octets().to_vec(),
        }],
        hostname: node.name.clone(),
        machine_type: number as i32,
        operating_system: system.clone(),
        control_plane,
    };
    let mut yaml_spec = format!(
        "nodeId: {0}\naddresses:\n    - {1}\nhostname: {0}\nmachineType: {name}\noperatingSystem: {system}\n",
        node.name, node.address
    );
    if node.is_control_plane() {
        yaml_spec += "controlPlane:\n    port: 6443\n";
    }
    resource(
        cluster,
        "cluster",
        MEMBER,
        &node.name,
        Spec {
            proto_spec: message.encode_to_vec(),
            yaml_spec,
        },
    )
}
