//! apid: sends each call where its metadata says, and merges the answers of several nodes.

use std::sync::Arc;

use etcdbackup_proto::{common, google, machine};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, StreamExt as _};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

use crate::calls::{Call, Layer, Route};
use crate::cluster::{Cluster, Node};
use crate::faults::Fault;
use crate::listener::Peer;
use crate::machined::Machined;
use crate::network::APID_PORT;
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

    pub(crate) fn call(&self, node: &Node, layer: Layer, method: &str) -> Call {
        Call {
            node: node.name.clone(),
            layer,
            method: method.to_owned(),
            route: self.route.clone(),
            roles: self.roles.to_vec(),
            timeout: self.timeout.clone(),
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

/// A status code as Go writes it.
fn in_go(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}

/// A message that can say which node it is from.
pub(crate) trait Labelled: Default + Send + 'static {
    fn metadata(&mut self) -> &mut Option<common::Metadata>;

    /// The message that stands for a node's failure.
    fn failure(target: &str, status: &Status) -> Self {
        let code = in_go(status.code());
        let mut message = Self::default();
        *message.metadata() = Some(common::Metadata {
            hostname: target.to_owned(),
            error: format!("rpc error: code = {code} desc = {}", status.message()),
            status: Some(google::rpc::Status {
                code: status.code() as i32,
                message: status.message().to_owned(),
                details: Vec::new(),
            }),
        });
        message
    }

    fn label(mut self, target: &str) -> Self {
        let metadata = common::Metadata {
            hostname: target.to_owned(),
            ..common::Metadata::default()
        };
        self.metadata().get_or_insert(metadata);
        self
    }
}

/// A unary answer: one repeated field of labelled messages.
pub(crate) trait Wrapper: Default + Send + 'static {
    type Message: Labelled;
    fn messages(&mut self) -> &mut Vec<Self::Message>;
}

macro_rules! wrappers {
    ($($wrapper:ident of $message:ident),* $(,)?) => {$(
        impl Labelled for machine::$message {
            fn metadata(&mut self) -> &mut Option<common::Metadata> {
                &mut self.metadata
            }
        }
        impl Wrapper for machine::$wrapper {
            type Message = machine::$message;
            fn messages(&mut self) -> &mut Vec<Self::Message> {
                &mut self.messages
            }
        }
    )*};
}

wrappers! {
    BootstrapResponse of Bootstrap,
    EtcdAlarmDisarmResponse of EtcdAlarmDisarm,
    EtcdAlarmListResponse of EtcdAlarm,
    EtcdDefragmentResponse of EtcdDefragment,
    EtcdMemberListResponse of EtcdMembers,
    EtcdRecoverResponse of EtcdRecover,
    EtcdRemoveMemberByIdResponse of EtcdRemoveMemberById,
    EtcdStatusResponse of EtcdStatus,
    MountsResponse of Mounts,
    RebootResponse of Reboot,
    ResetResponse of Reset,
    ServiceListResponse of ServiceList,
    ServiceRestartResponse of ServiceRestart,
    VersionResponse of Version,
}

macro_rules! streamed {
    ($($message:path),* $(,)?) => {$(
        impl Labelled for $message {
            fn metadata(&mut self) -> &mut Option<common::Metadata> {
                &mut self.metadata
            }
        }
    )*};
}

streamed!(
    common::Data,
    machine::Event,
    machine::DiskUsageInfo,
    machine::FileInfo
);

/// Messages on their way to a client.
pub(crate) type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// The answers of several targets, as they come.
type Answers<A> = FuturesUnordered<BoxFuture<'static, (String, Result<A, Status>)>>;

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
        Q: Clone + Send + 'static,
        A: Wrapper,
    {
        let caller = self.admit(method, &request)?;
        let question = request.into_inner();
        let route = caller.route.clone();
        let ask = |machined: Machined| {
            let (caller, question) = (caller.clone(), question.clone());
            async move {
                machined.enter(method, &caller).await?;
                answer(machined, question).await
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
        Q: Clone + Send + 'static,
        T: Labelled,
    {
        let caller = self.admit(method, &request)?;
        let question = request.into_inner();
        let route = caller.route.clone();
        let ask = |machined: Machined| {
            let (caller, question) = (caller.clone(), question.clone());
            async move {
                let fault = machined.enter(method, &caller).await?;
                answer(
                    machined,
                    question,
                    Struck {
                        fault,
                        peer: caller.peer,
                    },
                )
                .await
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
    ) -> Result<Caller, Status> {
        let mut caller = Caller::of(request)?;
        self.cluster
            .calls
            .push(caller.call(&self.node, Layer::Apid, method));
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
    fn forward_one(&self, target: &str) -> Result<Result<Machined, Status>, Status> {
        if !self.node.is_control_plane() {
            return Err(Status::permission_denied("no request forwarding"));
        }
        if target.is_empty() || target.contains(':') {
            return Err(Status::internal(format!("invalid target \"{target}\"")));
        }
        let failure = match self.cluster.find(target) {
            Some(node) if node.door.is_open() => return Ok(Ok(self.machined(node))),
            Some(_) => "connect: connection refused",
            None => "connect: no route to host",
        };
        Ok(Err(Status::unavailable(format!(
            "connection error: desc = \"transport: Error while dialing: dial tcp {target}:{APID_PORT}: {failure}\""
        ))))
    }
}

/// Answers in the order in which they come; a failed node is a message that says so.
async fn merge<A: Wrapper>(mut answers: Answers<A>) -> A {
    let mut merged = A::default();
    while let Some((target, answer)) = answers.next().await {
        match answer {
            Ok(mut answer) => {
                let labelled = answer
                    .messages()
                    .drain(..)
                    .map(|message| message.label(&target));
                merged.messages().extend(labelled);
            }
            Err(status) => merged
                .messages()
                .push(A::Message::failure(&target, &status)),
        }
    }
    merged
}

/// One node's messages among those of others: labelled, and ending with success whatever happens.
fn labelled<T: Labelled>(target: String, messages: Result<Messages<T>, Status>) -> Messages<T> {
    match messages {
        Ok(messages) => Box::pin(messages.map(move |message| match message {
            Ok(message) => Ok(message.label(&target)),
            Err(status) => Ok(T::failure(&target, &status)),
        })),
        Err(status) => {
            let failure = T::failure(&target, &status);
            Box::pin(futures::stream::once(async { Ok(failure) }))
        }
    }
}

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
