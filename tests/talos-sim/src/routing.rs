//! apid: sends each call where its metadata says, and merges the answers of several nodes.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, StreamExt as _};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

use crate::calls::{Arguments, Call, Layer, Route};
use crate::cluster::{Cluster, Node};
use crate::faults::Fault;
use crate::gone::{unless, until};
use crate::labels::{Labelled, Wrapper, labelled, merge};
use crate::listener::Peer;
use crate::machined::Machined;
use crate::network::APID_PORT;
use crate::questions::Question;
use crate::roles::IMPERSONATOR;

/// Who calls, and how.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) roles: Arc<Vec<String>>,
    pub(crate) route: Route,
    pub(crate) timeout: Option<String>,
    pub(crate) peer: Peer,
}

impl Caller {
    fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Status::internal("a request without a connection"))?;
        let metadata = request.metadata();
        Ok(Self {
            roles: roles(metadata, &peer),
            route: route(metadata)?,
            timeout: values(metadata, "grpc-timeout").pop(),
            peer,
        })
    }

    pub(crate) fn call(
        &self,
        node: &Node,
        layer: Layer,
        method: &str,
        arguments: Arguments,
    ) -> Call {
        Call {
            node: node.name.clone(),
            layer,
            method: method.to_owned(),
            route: self.route.clone(),
            roles: self.roles.to_vec(),
            timeout: self.timeout.clone(),
            arguments,
        }
    }
}

fn values(metadata: &MetadataMap, key: &str) -> Vec<String> {
    metadata
        .get_all(key)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect()
}

/// Roles in metadata count only from an impersonator, which is another apid.
fn roles(metadata: &MetadataMap, peer: &Peer) -> Arc<Vec<String>> {
    let claimed = values(metadata, "talos-role");
    if !claimed.is_empty() && peer.roles.iter().any(|role| role == IMPERSONATOR) {
        return Arc::new(claimed);
    }
    peer.roles.clone()
}

fn route(metadata: &MetadataMap) -> Result<Route, Status> {
    if metadata.contains_key("proxyfrom") {
        return Ok(Route::Local);
    }
    let nodes = values(metadata, "nodes");
    let mut node = values(metadata, "node");
    if node.len() > 1 {
        return Err(Status::invalid_argument(
            "node metadata must be single-valued",
        ));
    }
    if !nodes.is_empty() {
        return Ok(Route::Nodes(nodes));
    }
    Ok(node.pop().map_or(Route::Local, Route::Node))
}

/// Messages on their way to a client.
pub(crate) type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// The answers of several targets, as they come.
pub(crate) type Answers<A> = FuturesUnordered<BoxFuture<'static, (String, Result<A, Status>)>>;

/// The fault that a stream shall meet, and the connection it may take down.
pub(crate) struct Struck {
    pub(crate) fault: Option<Fault>,
    pub(crate) peer: Peer,
}

/// The apid of one node.
#[derive(Clone)]
pub(crate) struct Apid {
    pub(crate) node: Arc<Node>,
    pub(crate) cluster: Arc<Cluster>,
}

impl Apid {
    /// A unary call: `answer` is what a machined says.
    pub(crate) async fn unary<Q, A>(
        &self,
        method: &'static str,
        request: Request<Q>,
        answer: impl Fn(Machined, Q) -> BoxFuture<'static, Result<A, Status>> + Copy + Send + 'static,
    ) -> Result<Response<A>, Status>
    where
        Q: Question,
        A: Wrapper,
    {
        let arguments = request.get_ref().arguments();
        let caller = self.admit(method, &request, arguments)?;
        let question = request.into_inner();
        let route = caller.route.clone();
        let ask = |machined: Machined| {
            let (caller, question) = (caller.clone(), question.clone());
            async move {
                let gone = machined.gone();
                let arguments = question.arguments();
                let answer = async move {
                    let fault = machined.enter(method, &caller, arguments).await?;
                    let answer = answer(machined, question).await;
                    lose(fault, &caller.peer).await;
                    answer
                };
                unless(gone, answer).await
            }
            .boxed()
        };
        let answer = match route {
            Route::Local => ask(self.machined(&self.node)).await?,
            Route::Node(target) => ask(self.forward(&target)?).await?,
            Route::Nodes(targets) => merge(self.ask_all(targets, ask)?).await,
        };
        Ok(Response::new(answer))
    }

    /// A streamed call: `answer` is what a machined streams.
    pub(crate) async fn stream<Q, T>(
        &self,
        method: &'static str,
        request: Request<Q>,
        answer: impl Fn(Machined, Q, Struck) -> BoxFuture<'static, Result<Messages<T>, Status>>
        + Copy
        + Send
        + 'static,
    ) -> Result<Response<Messages<T>>, Status>
    where
        Q: Question,
        T: Labelled,
    {
        let arguments = request.get_ref().arguments();
        let caller = self.admit(method, &request, arguments)?;
        let question = request.into_inner();
        let route = caller.route.clone();
        let ask = |machined: Machined| {
            let (caller, question) = (caller.clone(), question.clone());
            async move {
                let (gone, lost) = (machined.gone(), machined.gone());
                let arguments = question.arguments();
                let messages = async move {
                    let fault = machined.enter(method, &caller, arguments).await?;
                    let peer = caller.peer;
                    answer(machined, question, Struck { fault, peer }).await
                };
                Ok(until(lost, unless(gone, messages).await?))
            }
            .boxed()
        };
        let messages = match route {
            Route::Local => ask(self.machined(&self.node)).await?,
            Route::Node(target) => ask(self.forward(&target)?).await?,
            Route::Nodes(targets) => {
                let streams = self.ask_all(targets, ask)?;
                Box::pin(
                    streams
                        .map(|(target, messages)| labelled(target, messages))
                        .flatten_unordered(None),
                )
            }
        };
        Ok(Response::new(messages))
    }

    /// Asks every target at once.
    fn ask_all<A: Send + 'static>(
        &self,
        targets: Vec<String>,
        ask: impl Fn(Machined) -> BoxFuture<'static, Result<A, Status>>,
    ) -> Result<Answers<A>, Status> {
        let answer = |target: String| {
            let answer = match self.forward_one(&target)? {
                Ok(machined) => ask(machined),
                Err(status) => futures::future::ready(Err(status)).boxed(),
            };
            Ok(answer.map(|answer| (target, answer)).boxed())
        };
        targets.into_iter().map(answer).collect()
    }

    /// Logs the call as this node's apid sees it, and says who makes it, and where it goes: a
    /// worker forwards nothing, but is no proxy for itself either.
    pub(crate) fn admit<Q>(
        &self,
        method: &'static str,
        request: &Request<Q>,
        arguments: Arguments,
    ) -> Result<Caller, Status> {
        let mut caller = Caller::of(request)?;
        let call = caller.call(&self.node, Layer::Apid, method, arguments);
        self.cluster.calls.push(call);
        let only = match &caller.route {
            Route::Node(target) => Some(target),
            Route::Nodes(targets) if targets.len() == 1 => targets.first(),
            _ => None,
        };
        if !self.node.is_control_plane() && only.is_some_and(|target| self.is_called(target)) {
            caller.route = Route::Local;
        }
        Ok(caller)
    }

    fn is_called(&self, target: &str) -> bool {
        let node = self.cluster.find(target);
        node.is_some_and(|node| Arc::ptr_eq(node, &self.node))
    }

    pub(crate) fn machined(&self, node: &Arc<Node>) -> Machined {
        Machined {
            node: node.clone(),
            cluster: self.cluster.clone(),
        }
    }

    pub(crate) fn forward(&self, target: &str) -> Result<Machined, Status> {
        self.forward_one(target)?
    }

    /// The machined of a target. The outer error is this apid's own, the inner one the target's.
    pub(crate) fn forward_one(&self, target: &str) -> Result<Result<Machined, Status>, Status> {
        if !self.node.is_control_plane() {
            return Err(Status::permission_denied("no request forwarding"));
        }
        if target.is_empty() || target.contains(':') {
            return Err(Status::internal(format!("invalid target \"{target}\"")));
        }
        let failure = match self.cluster.find(target) {
            Some(node) if node.door.is_open() && self.is_called(target) => {
                return Ok(Ok(self.machined(node)));
            }
            Some(node) if node.door.is_open() && node.door.trusts_peers() => {
                return Ok(Ok(self.machined(node)));
            }
            Some(node) if node.door.is_open() => {
                return Ok(Err(Status::unavailable(UNTRUSTED)));
            }
            Some(_) => "connect: connection refused",
            None => "connect: no route to host",
        };
        Ok(Err(Status::unavailable(format!(
            "connection error: desc = \"transport: Error while dialing: dial tcp {target}:{APID_PORT}: {failure}\""
        ))))
    }
}

/// Where a reset strikes behind the first byte, a call is done and its answer lost.
pub(crate) async fn lose(fault: Option<Fault>, peer: &Peer) {
    if let Some(Fault::Reset(_)) = fault {
        peer.reset.notify_one();
        std::future::pending::<()>().await;
    }
}

/// What is said about a node with other secrets, or with none.
const UNTRUSTED: &str = "connection error: desc = \"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority\"";

/// What COSI answers to `nodes`.
pub(crate) fn refuse_many(method: &str, version: crate::version::TalosVersion) -> Status {
    Status::new(
        Code::InvalidArgument,
        if version.at_least(1, 13) {
            format!("one-2-many proxying is not supported for method /cosi.resource.State/{method}")
        } else {
            "one-2-many proxying is not supported for COSI methods".to_owned()
        },
    )
}
