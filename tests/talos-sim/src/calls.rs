//! What every node saw, for tests to assert on.

use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// What a call asked for, where it changes something or reads a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Nothing that matters.
    #[default]
    None,
    /// Of Bootstrap.
    Bootstrap {
        /// From an uploaded snapshot.
        recover: bool,
        /// Without comparing its digest.
        skip_hash_check: bool,
    },
    /// Of EtcdRecover: the bytes that have arrived so far.
    Upload(u64),
    /// Of Reset.
    Reset {
        /// Leave etcd first.
        graceful: bool,
        /// Rather than shut down.
        reboot: bool,
        /// The partitions to wipe. Empty means the whole system disk.
        wipe: Vec<String>,
        /// The partitions named and not to be wiped.
        keep: Vec<String>,
        /// The user disks to wipe.
        user_disks: Vec<String>,
        /// `WipeMode`.
        mode: i32,
    },
    /// Of EtcdRemoveMemberByID.
    Member(u64),
    /// Of ServiceRestart.
    Service(String),
    /// Of Copy, Read, List, DiskUsage: the paths.
    Paths(Vec<String>),
}

/// The methods that change a node or its cluster.
const MUTATING: [&str; 11] = [
    "ApplyConfiguration",
    "Bootstrap",
    "EtcdAlarmDisarm",
    "EtcdDefragment",
    "EtcdForfeitLeadership",
    "EtcdLeaveCluster",
    "EtcdRecover",
    "EtcdRemoveMemberByID",
    "Reboot",
    "Reset",
    "ServiceRestart",
];

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
    /// What it asked for.
    pub arguments: Arguments,
}

impl Call {
    /// Whether such a call changes a node or its cluster.
    #[must_use]
    pub fn is_mutating(&self) -> bool {
        MUTATING.contains(&self.method.as_str())
    }
}

/// Every call since the start or the last `take`, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: Mutex<Vec<(Ticket, Call)>>,
}

/// Finds a call again.
pub(crate) type Ticket = u64;

impl CallLog {
    fn lock(&self) -> MutexGuard<'_, Vec<(Ticket, Call)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, call: Call) -> Ticket {
        let ticket = rand::random();
        self.lock().push((ticket, call));
        ticket
    }

    /// So many bytes of an upload have arrived.
    pub(crate) fn uploaded(&self, ticket: Ticket, bytes: u64) {
        let mut calls = self.lock();
        if let Some((_, call)) = calls.iter_mut().rev().find(|(other, _)| *other == ticket) {
            call.arguments = Arguments::Upload(bytes);
        }
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.lock().iter().map(|(_, call)| call.clone()).collect()
    }

    pub(crate) fn take(&self) -> Vec<Call> {
        let calls = std::mem::take(&mut *self.lock());
        calls.into_iter().map(|(_, call)| call).collect()
    }
}
