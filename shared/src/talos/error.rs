//! What a Talos call failed with, told apart for people and for the next step.

use std::error::Error;

use tonic::{Code, Status};

use crate::failure::{Exit, Failure};

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{method} on node {node}: {kind}")]
pub struct TalosError {
    pub(super) method: &'static str,
    pub(super) node: String,
    pub(super) roles: Vec<String>,
    pub(super) kind: Kind,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No endpoint could be reached, or the endpoint cannot reach the node.
    Unreachable,
    /// TLS was refused by either side.
    Distrusted,
    /// The role may not ask.
    Denied,
    /// The endpoint is a worker, which forwards nothing.
    Worker,
    /// The node is no control plane.
    NotControlPlane,
    /// No endpoint takes this for a node.
    NoNode,
    /// No answer in time.
    Timeout,
    /// The node answered with an error.
    Answer,
}

/// What came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Kind {
    /// No endpoint could be reached.
    #[error("no endpoint answered: {0}")]
    Unreachable(String),
    /// TLS was refused by either side.
    #[error("the TLS connection was refused: {0}")]
    Tls(String),
    /// The role may not call this.
    #[error("not authorized")]
    Denied,
    /// The endpoint is a worker: it forwards nothing.
    #[error("the endpoint forwards no requests: it is a worker")]
    Worker,
    /// The node is no control plane.
    #[error("it is not a control plane node: {0}")]
    NotControlPlane(String),
    /// The endpoint answered, and cannot reach the node.
    #[error("the endpoint cannot reach it: {0}")]
    NodeAway(String),
    /// No endpoint takes this for a node.
    #[error("it is no node: {0}")]
    NoNode(String),
    /// One of our limits was hit: seconds, and which.
    #[error("no answer within {0} s {1}")]
    Timeout(u64, &'static str),
    /// Any other answer.
    #[error("{0}")]
    Answer(String),
}

impl TalosError {
    /// Whether another member may do better: the node or its stream failed, not the caller.
    pub fn retryable_elsewhere(&self) -> bool {
        matches!(
            self.kind,
            Kind::Timeout(..)
                | Kind::Answer(_)
                | Kind::Unreachable(_)
                | Kind::NodeAway(_)
                | Kind::NotControlPlane(_)
        )
    }

    /// What kind of error it is, for who decides by it.
    pub fn cause(&self) -> Cause {
        match &self.kind {
            Kind::Unreachable(_) | Kind::NodeAway(_) => Cause::Unreachable,
            Kind::Tls(_) => Cause::Distrusted,
            Kind::Denied => Cause::Denied,
            Kind::Worker => Cause::Worker,
            Kind::NotControlPlane(_) => Cause::NotControlPlane,
            Kind::NoNode(_) => Cause::NoNode,
            Kind::Timeout(..) => Cause::Timeout,
            Kind::Answer(_) => Cause::Answer,
        }
    }

    /// What the node answered; none: it is no answer of the node.
    pub fn answer(&self) -> Option<&str> {
        match &self.kind {
            Kind::Answer(text) | Kind::NotControlPlane(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the role may not ask.
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, Kind::Denied)
    }

    /// The message of two lines, with its exit code.
    pub fn into_failure(self) -> Failure {
        let what = format!("{} on node {}: {}", self.method, self.node, self.kind);
        let (exit, hint) = match &self.kind {
            Kind::Unreachable(_) => (
                Exit::Unreachable,
                "check the endpoints (`-e`), the network and port 50000".to_owned(),
            ),
            Kind::NodeAway(_) => (
                Exit::Unreachable,
                "check that the node runs and the address is right, or name another with `-n`"
                    .to_owned(),
            ),
            Kind::NoNode(_) => (
                Exit::Usage,
                "name nodes by address or host, without port".to_owned(),
            ),
            Kind::Tls(_) => (
                Exit::NotPermitted,
                "check that the talosconfig belongs to this cluster and its certificates are valid"
                    .to_owned(),
            ),
            Kind::Denied => (
                Exit::NotPermitted,
                format!(
                    "the certificate has {}; a snapshot needs role os:etcd:backup, os:operator or os:admin",
                    roles(&self.roles)
                ),
            ),
            Kind::Worker => (
                Exit::Config,
                "use control planes as endpoints: `-e HOST` or `talosctl config endpoint`"
                    .to_owned(),
            ),
            Kind::NotControlPlane(_) => (Exit::Config, "name a control plane with `-n`".to_owned()),
            Kind::Timeout(..) | Kind::Answer(_) => (
                Exit::Temporary,
                "run again, or name another control plane with `-n`".to_owned(),
            ),
        };
        Failure::new(exit, what).hint(hint)
    }
}

fn roles(roles: &[String]) -> String {
    if roles.is_empty() {
        "no role".to_owned()
    } else {
        format!("role {}", roles.join(", "))
    }
}

/// Sorts a gRPC status.
pub(super) fn kind_of(status: &Status) -> Kind {
    let text = status.message().to_owned();
    let chain = transport(status);
    match status.code() {
        Code::PermissionDenied if text.contains("no request forwarding") => Kind::Worker,
        // A resource type that this Talos does not have yet is refused like one that is secret.
        Code::PermissionDenied if text.contains("is not supported") => Kind::Answer(text),
        Code::PermissionDenied | Code::Unauthenticated => Kind::Denied,
        Code::Unimplemented | Code::FailedPrecondition if text.contains("control plane") => {
            Kind::NotControlPlane(text)
        }
        Code::Internal if text.contains("invalid target") => Kind::NoNode(text),
        code => match chain {
            // Under TLS 1.3 a server refuses our certificate after the handshake: the alert
            // then ends the request under any code.
            Some(chain) if is_tls(&chain) => Kind::Tls(chain),
            Some(chain) if code == Code::Unavailable => Kind::Unreachable(chain),
            Some(chain) => Kind::Answer(format!("the connection broke: {chain}")),
            None if code == Code::Unavailable => Kind::NodeAway(text),
            None => Kind::Answer(format!("{code:?}: {text}")),
        },
    }
}

/// Whether a deadline passed: the server's, or the channel's own watch over what we told it.
pub(super) fn is_expired(status: &Status) -> bool {
    let by_channel = || transport(status).is_some_and(|chain| chain.contains("Timeout expired"));
    status.code() == Code::DeadlineExceeded || by_channel()
}

/// Whether the connection ended before the server answered, for a reason gRPC does not tell.
pub(super) fn connection_ended(status: &Status) -> bool {
    transport(status).is_some_and(|chain| !is_tls(&chain))
}

/// The chain of causes when the connection itself failed; none when a server answered.
fn transport(status: &Status) -> Option<String> {
    let mut cause = status.source();
    let mut words: Vec<String> = Vec::new();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.dedup();
    // Whether the request or the connection saw it first is chance, and tells nobody anything.
    let layers = ["transport error", "connection error"];
    if words.iter().any(|word| !layers.contains(&word.as_str())) {
        words.retain(|word| !layers.contains(&word.as_str()));
    }
    (!words.is_empty()).then(|| words.join(": "))
}

/// Whether one side refused the other's certificate. A connection that just ends in the
/// handshake is none of this: a load balancer without backends does so.
fn is_tls(chain: &str) -> bool {
    !chain.contains("handshake eof")
        && [
            "certificate",
            "AlertReceived",
            "fatal alert",
            "HandshakeFailure",
        ]
        .iter()
        .any(|word| chain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(status: &Status) -> Exit {
        TalosError {
            method: "EtcdSnapshot",
            node: "n".into(),
            roles: vec!["os:reader".into()],
            kind: kind_of(status),
        }
        .into_failure()
        .exit
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(
            exit(&Status::permission_denied("not authorized")),
            Exit::NotPermitted
        );
        assert_eq!(
            exit(&Status::permission_denied("no request forwarding")),
            Exit::Config
        );
        assert_eq!(
            exit(&Status::unimplemented(
                "etcd is only on control plane nodes"
            )),
            Exit::Config
        );
        assert_eq!(
            exit(&Status::permission_denied(
                "resource type \"X\" is not supported"
            )),
            Exit::Temporary
        );
        assert_eq!(
            exit(&Status::unknown("etcdserver: no leader")),
            Exit::Temporary
        );
        assert_eq!(
            exit(&Status::unavailable("dial tcp 10.0.0.9:50000: i/o timeout")),
            Exit::Unreachable
        );
        assert_eq!(
            exit(&Status::internal("invalid target \"cp:1\"")),
            Exit::Usage
        );
    }

    #[test]
    fn a_denied_snapshot_names_the_roles() {
        let error = TalosError {
            method: "EtcdSnapshot",
            node: "10.0.0.2".into(),
            roles: vec!["os:reader".into()],
            kind: Kind::Denied,
        };
        assert!(!error.retryable_elsewhere());
        let failure = error.into_failure();
        assert_eq!(
            failure.what,
            "EtcdSnapshot on node 10.0.0.2: not authorized"
        );
        assert!(failure.hint.unwrap().contains("role os:reader;"));
    }
}
