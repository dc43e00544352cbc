//! Channels to the endpoints, and calls routed to one node.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcdbackup_proto::cosi::resource::state_client::StateClient;
use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use etcdbackup_proto::machine::{EtcdMember, EtcdMemberListRequest};
use jiff::Timestamp;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::certificate;
use super::config::{self, Selection};
use super::connections::Current;
use super::endpoint::Endpoint;
use super::error::{Kind, TalosError, connection_ended, is_expired, kind_of};
use super::probe::Probe;
use super::route::{self, Try};
use crate::failure::{Exit, Failure};

const CALL: Duration = Duration::from_secs(10);
/// Talos' own limit, both directions.
const MESSAGE: usize = 32 * 1024 * 1024;

/// A cluster, through one talosconfig context.
pub struct Talos {
    context: String,
    nodes: Vec<String>,
    context_hosts: Vec<String>,
    certificate_end: Timestamp,
    /// As they were written.
    endpoints: Vec<String>,
    connections: Current,
    /// The endpoint that answered last is asked first.
    preferred: AtomicUsize,
    roles: Vec<String>,
    authority: String,
    notes: Vec<String>,
}

type Client = MachineServiceClient<Channel>;

/// One try of a call: through which endpoint, for which node, how long.
pub(super) struct Via {
    pub(super) client: Client,
    channel: Channel,
    node: Option<MetadataValue<Ascii>>,
    limit: Duration,
}

impl Via {
    /// A request for the node, with its deadline for the server.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(node) = &self.node {
            request.metadata_mut().insert("node", node.clone());
        }
        request.set_timeout(self.limit);
        request
    }

    /// The node's resources.
    pub(super) fn state(&self) -> StateClient<Channel> {
        StateClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE)
    }
}

impl Talos {
    /// Reads the talosconfig and prepares the channels; nothing is dialled yet.
    ///
    /// # Errors
    /// 78: no usable talosconfig; 77: its certificate is expired; 2: a node with a port.
    pub fn connect(selection: &Selection) -> Result<Self, Failure> {
        let context = config::load(selection)?;
        let facts = certificate::read(&context, Timestamp::now())?;
        if let Some(wrong) = context
            .nodes
            .iter()
            .find(|node| !route::is_node_value(node))
        {
            return Err(Failure::new(Exit::Usage, format!("`{wrong}` is not a node"))
                .hint("name nodes by address or host, without port; ports belong to endpoints (`-e HOST:PORT`)"));
        }
        let connections = Current::new(&context, selection)?;
        let own = context.own_endpoints.iter();
        let own = own.map(|endpoint| super::endpoint::host(endpoint));
        let context_hosts = context.own_nodes.iter().cloned().chain(own).collect();
        Ok(Self {
            context: context.name,
            nodes: context.nodes,
            context_hosts,
            certificate_end: facts.end,
            endpoints: context.endpoints,
            connections,
            preferred: AtomicUsize::new(0),
            roles: facts.roles,
            authority: facts.authority,
            notes: facts.note.into_iter().collect(),
        })
    }

    /// Name of the talosconfig context.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// SHA-256 of the cluster's CA certificate, in hex: the same for all its talosconfigs.
    pub fn authority_fingerprint(&self) -> &str {
        &self.authority
    }

    /// Nodes that were named, by flag or context.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// Nodes and endpoints of the context itself, whatever flags put in their place: hosts
    /// without port, as a node value wants them.
    pub fn context_hosts(&self) -> &[String] {
        &self.context_hosts
    }

    /// Roles of the client certificate.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// When the client certificate ends.
    pub fn certificate_end(&self) -> Timestamp {
        self.certificate_end
    }

    /// Hosts of the endpoints, without port: as a node value wants them.
    pub fn endpoint_hosts(&self) -> Vec<String> {
        let connections = self.connections.get();
        let endpoints = connections.endpoints.iter();
        endpoints.map(|endpoint| endpoint.host.clone()).collect()
    }

    /// What a person should know before the first call.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The members as `node` knows them.
    ///
    /// # Errors
    /// The call failed everywhere.
    pub async fn members(&self, node: &str) -> Result<Vec<EtcdMember>, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(EtcdMemberListRequest::default());
            Ok(via.client.etcd_member_list(request).await?.into_inner())
        };
        let answer = self.brief_call("EtcdMemberList", node, ask).await?;
        Ok(answer
            .messages
            .into_iter()
            .flat_map(|message| message.members)
            .collect())
    }

    pub(super) fn error(&self, method: &'static str, node: &str, kind: Kind) -> TalosError {
        TalosError {
            method,
            node: node.to_owned(),
            roles: self.roles.clone(),
            kind,
        }
    }

    /// A connection that ended without an answer may have been refused by TLS.
    async fn look_closer(probe: &Probe, endpoint: &Endpoint, status: &Status) -> Kind {
        if connection_ended(status)
            && let Some(refusal) = probe.refusal(&endpoint.host, endpoint.port).await
        {
            return Kind::Tls(refusal);
        }
        kind_of(status)
    }

    /// A call that is answered at once or not at all.
    pub(super) async fn brief_call<T, Ask, Work>(
        &self,
        method: &'static str,
        node: &str,
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: Fn(Via) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        self.call(method, node, (CALL, CALL), ask).await
    }

    /// Asks one endpoint after the other until one could be reached. `within` is the deadline
    /// the server is told, `limit` how long one endpoint may take to answer.
    pub(super) async fn call<T, Ask, Work>(
        &self,
        method: &'static str,
        node: &str,
        (limit, within): (Duration, Duration),
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: Fn(Via) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        let connections = self.connections.get();
        let (endpoints, probe) = (&connections.endpoints, &connections.probe);
        let hosts: Vec<&str> = endpoints.iter().map(|one| one.host.as_str()).collect();
        let tries = route::tries(&hosts, node, self.preferred.load(Ordering::Relaxed));
        let mut reasons = Vec::new();
        for (turn, one) in tries.iter().enumerate() {
            let endpoint = &endpoints[one.endpoint];
            let via = self.via(method, (node, endpoint), *one, within)?;
            tracing::debug!(method, node, endpoint = %endpoint.text, "call");
            let kind = match tokio::time::timeout(limit, ask(via)).await {
                Ok(Ok(answer)) => {
                    self.preferred.store(one.endpoint, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(status)) => Self::look_closer(probe, endpoint, &status).await,
                Err(_) => {
                    // It may be the endpoint that hangs: the next call asks another.
                    self.preferred.store(one.endpoint + 1, Ordering::Relaxed);
                    Kind::Timeout(limit.as_secs(), "of the call")
                }
            };
            let more = turn + 1 < tries.len();
            match kind {
                Kind::Tls(reason) if more => reasons.push(format!("{}: {reason}", endpoint.text)),
                Kind::Unreachable(reason) => reasons.push(format!("{}: {reason}", endpoint.text)),
                Kind::Worker if more => reasons.push(format!("{}: a worker", endpoint.text)),
                kind => return Err(self.error(method, node, kind)),
            }
        }
        Err(self.error(method, node, Kind::Unreachable(reasons.join("; "))))
    }

    /// One try through one endpoint, its answer within `limit`.
    pub(super) async fn once<T, Ask, Work>(
        &self,
        method: &'static str,
        node: &str,
        (way, limit): (Try, Duration),
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: FnOnce(Via) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        let connections = self.connections.get();
        let (endpoint, probe) = (&connections.endpoints[way.endpoint], &connections.probe);
        let via = self.via(method, (node, endpoint), way, limit)?;
        tracing::debug!(method, node, endpoint = %endpoint.text, "call");
        let kind = match tokio::time::timeout(limit, ask(via)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) if is_expired(&status) => Kind::Timeout(limit.as_secs(), "of the call"),
            Ok(Err(status)) => Self::look_closer(probe, endpoint, &status).await,
            Err(_) => Kind::Timeout(limit.as_secs(), "of the call"),
        };
        let kind = match kind {
            Kind::Unreachable(reason) => Kind::Unreachable(format!("{}: {reason}", endpoint.text)),
            kind => kind,
        };
        Err(self.error(method, node, kind))
    }

    pub(super) fn endpoint_text(&self, endpoint: usize) -> &str {
        &self.endpoints[endpoint]
    }

    fn via(
        &self,
        method: &'static str,
        (node, endpoint): (&str, &Endpoint),
        one: Try,
        limit: Duration,
    ) -> Result<Via, TalosError> {
        let value = MetadataValue::try_from(node).map_err(|_| {
            let why = format!("`{node}` is not a host");
            self.error(method, node, Kind::NoNode(why))
        })?;
        let channel = endpoint.channel.clone();
        Ok(Via {
            client: MachineServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE),
            channel,
            node: one.forwarded.then_some(value),
            limit,
        })
    }
}
