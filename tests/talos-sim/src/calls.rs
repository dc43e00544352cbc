//! What every node saw, for tests to assert on.

use std::sync::{Mutex, PoisonError};

/// Which part of a node saw a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The endpoint's apid, which routes.
    Apid,
    /// The machined of the node that was meant.
    Machined,
}

/// Where a call's metadata sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Neither `node` nor `nodes`: the endpoint answers itself.
    Local,
    /// `node`: one-to-one.
    Node(String),
    /// `nodes`: one-to-many.
    Nodes(Vec<String>),
}

/// One call as one node saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Host name of the node.
    pub node: String,
    /// Which part of it.
    pub layer: Layer,
    /// Bare method name, as `EtcdSnapshot`.
    pub method: String,
    /// As the client asked.
    pub route: Route,
    /// The roles it came with.
    pub roles: Vec<String>,
    /// The `grpc-timeout` header, verbatim.
    pub timeout: Option<String>,
}

/// Every call since the start or the last `take`, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: Mutex<Vec<Call>>,
}

impl CallLog {
    pub(crate) fn push(&self, call: Call) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
