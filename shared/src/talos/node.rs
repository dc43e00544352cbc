//! One node, through the endpoint that was seen to answer for it.
//!
//! A survey asks a node a dozen things, and an upload and the bootstrap behind it must reach the
//! same machine: so the way is found once, and every further call takes it, with a deadline of
//! its own.

use std::future::Future;
use std::time::Duration;

use tonic::Status;

use super::client::{Talos, Via};
use super::error::{Kind, TalosError};
use super::route::{self, Try};

/// How long one call may take: etcd's own calls hang for ever where no etcd listens.
const CALL: Duration = Duration::from_secs(10);

/// A node that answered, and the endpoint it answered through.
#[derive(Clone)]
pub struct Node<'a> {
    pub(super) talos: &'a Talos,
    name: String,
    way: Try,
    /// What the endpoints before it said, one sentence each.
    passed: Vec<String>,
    version: String,
}

impl Talos {
    /// Finds an endpoint through which `node` answers, trying all of them.
    ///
    /// # Errors
    /// None does: what the last one said, or that no endpoint could be reached.
    pub async fn reach(&self, node: &str) -> Result<Node<'_>, TalosError> {
        let hosts = self.endpoint_hosts();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let (mut passed, mut last) = (Vec::new(), None);
        for way in route::tries(&hosts, node, 0) {
            match self.version_through(node, way).await {
                Ok(version) => {
                    return Ok(Node {
                        talos: self,
                        name: node.to_owned(),
                        way,
                        passed,
                        version,
                    });
                }
                Err(error) => {
                    passed.push(format!(
                        "endpoint {}: {}",
                        self.endpoint_text(way.endpoint),
                        error.kind
                    ));
                    last = Some(better(last, error));
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            let none = Kind::Unreachable("there is none".to_owned());
            self.error("Version", node, none)
        }))
    }

    /// The endpoint at this place, as it was written.
    pub fn endpoint_shown(&self, endpoint: usize) -> &str {
        self.endpoint_text(endpoint)
    }

    /// Asks the endpoint at this place for itself: whose node value it is does not matter.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn endpoint_itself(&self, endpoint: usize) -> Result<Node<'_>, TalosError> {
        let name = self.endpoint_hosts().swap_remove(endpoint);
        let way = Try {
            endpoint,
            forwarded: false,
        };
        let version = self.version_through(&name, way).await?;
        Ok(Node {
            talos: self,
            name,
            way,
            passed: Vec::new(),
            version,
        })
    }

    async fn version_through(&self, node: &str, way: Try) -> Result<String, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(());
            Ok(via.client.version(request).await?.into_inner())
        };
        let answer = self.once("Version", node, (way, CALL), ask).await?;
        let version = answer.messages.into_iter().find_map(|one| one.version);
        let empty = || self.error("Version", node, Kind::Answer("an empty answer".to_owned()));
        version.map(|version| version.tag).ok_or_else(empty)
    }
}

/// The error that tells more about the node: its own answer before an endpoint's silence.
fn better(old: Option<TalosError>, new: TalosError) -> TalosError {
    let tells = |error: &TalosError| {
        !matches!(
            error.kind,
            Kind::Unreachable(_) | Kind::Worker | Kind::Tls(_)
        )
    };
    match old {
        Some(old) if tells(&old) || !tells(&new) => old,
        _ => new,
    }
}

impl Node<'_> {
    /// The node value.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The endpoint it answers through, as it was written.
    pub fn endpoint(&self) -> &str {
        self.talos.endpoint_text(self.way.endpoint)
    }

    /// Whether the endpoint answers for itself, without being told a node.
    pub fn is_endpoint(&self) -> bool {
        !self.way.forwarded || self.talos.endpoint_hosts()[self.way.endpoint] == self.name
    }

    /// Endpoints that were tried before, and what they said.
    pub fn passed(&self) -> &[String] {
        &self.passed
    }

    /// Its Talos version, as `v1.13.2`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// One call, with the usual deadline.
    pub(super) async fn ask<T, Ask, Work>(
        &self,
        method: &'static str,
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: FnOnce(Via) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        self.ask_within(method, CALL, ask).await
    }

    /// One call that may take `limit`.
    pub(super) async fn ask_within<T, Ask, Work>(
        &self,
        method: &'static str,
        limit: Duration,
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: FnOnce(Via) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        self.talos
            .once(method, &self.name, (self.way, limit), ask)
            .await
    }

    /// An answer that holds nothing.
    pub(super) fn empty(&self, method: &'static str) -> TalosError {
        self.error(method, Kind::Answer("an empty answer".to_owned()))
    }

    pub(super) fn error(&self, method: &'static str, kind: Kind) -> TalosError {
        self.talos.error(method, &self.name, kind)
    }
}
