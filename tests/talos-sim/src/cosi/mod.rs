//! `cosi.resource.State`: the resources that backup and recovery look at, as each node has them.
//! Reading one that is not there is `NotFound`.

mod cluster;
mod definitions;
mod machine;
mod volumes;
mod watch;

use etcdbackup_proto::cosi::resource::state_server::State;
use etcdbackup_proto::cosi::resource::{
    GetRequest, GetResponse, ListRequest, ListResponse, Metadata, Resource, Spec, WatchRequest,
    WatchResponse,
};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use crate::calls::{Arguments, Route};
use crate::cluster::{Cluster, Node};
use crate::machined::Machined;
use crate::roles::ADMIN;
use crate::routing::{Apid, Messages, refuse_many};
use definitions::Definition;

impl Apid {
    /// COSI goes to one node; `nodes` is refused. What holds secrets is for admins.
    async fn one<Q>(
        &self,
        method: &'static str,
        request: &Request<Q>,
        kind: &str,
    ) -> Result<Machined, Status> {
        let caller = self.admit(method, request, Arguments::None)?;
        let is_sensitive =
            definitions::find(kind).is_some_and(|definition| definition.is_sensitive);
        if is_sensitive && !caller.roles.iter().any(|role| role == ADMIN) {
            return Err(Status::permission_denied("not authorized"));
        }
        let machined = match &caller.route {
            Route::Local => self.machined(&self.node),
            Route::Node(target) => self.forward(target)?,
            Route::Nodes(_) => return Err(refuse_many(method, self.cluster.version)),
        };
        let gone = machined.gone();
        let entered = machined.enter(method, &caller, Arguments::None);
        crate::gone::unless(gone, entered).await?;
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
        let found = resources(&machined, &wanted.namespace, &wanted.r#type)
            .await?
            .into_iter()
            .find(|resource| id(resource) == wanted.id);
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
        let found = resources(&machined, &wanted.namespace, &wanted.r#type).await?;
        let responses: Vec<_> = found
            .into_iter()
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
        let machined = self
            .one("Watch", &request, &request.get_ref().r#type)
            .await?;
        let gone = machined.gone();
        let messages = watch::watch(machined, request.into_inner()).await?;
        Ok(Response::new(crate::gone::until(gone, messages)))
    }
}

/// A resource's id.
fn id(resource: &Resource) -> &str {
    resource
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.id.as_str())
}

/// All resources of a kind in a namespace, as this node has them.
async fn resources(
    machined: &Machined,
    namespace: &str,
    kind: &str,
) -> Result<Vec<Resource>, Status> {
    let definition = definitions::find(kind).ok_or_else(|| {
        Status::permission_denied(format!("resource type \"{kind}\" is not supported"))
    })?;
    if namespace != definition.namespace {
        return Ok(Vec::new());
    }
    let (node, cluster) = (&machined.node, &machined.cluster);
    let maker = Maker {
        node,
        cluster,
        definition,
    };
    if kind == definitions::ETCD_MEMBER {
        return Ok(machine::etcd_member(&maker).await.into_iter().collect());
    }
    Ok((definition.resources)(&maker))
}

/// Makes resources of one kind for one node.
struct Maker<'a> {
    node: &'a Node,
    cluster: &'a Cluster,
    definition: &'static Definition,
}

impl Maker<'_> {
    /// Both encodings, as Talos always fills them.
    fn make(&self, id: &str, message: &impl prost::Message, yaml_spec: String) -> Resource {
        let spec = Spec {
            proto_spec: message.encode_to_vec(),
            yaml_spec,
        };
        let since = Timestamp::from(self.cluster.started);
        let metadata = Metadata {
            namespace: self.definition.namespace.to_owned(),
            r#type: self.definition.kind.to_owned(),
            id: id.to_owned(),
            version: self.node.events.count().to_string(),
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
}
