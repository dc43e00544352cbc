//! What changed anything, with every machine as it was when the call arrived: for a judge that
//! looks at a scenario as a whole. Unlike the log of calls, nobody can make it forget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::calls::Call;
use crate::cluster::{Cluster, Kind, Node};
use crate::disk::SNAPSHOT;
use crate::sample::TRAILER;

/// etcd's files and snapshots are of whole sectors; a snapshot has its digest behind them.
const SECTOR: usize = 512;

/// A machine when a call arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Host name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Control plane or worker.
    pub kind: Kind,
    /// Whether an administrator of the cluster gets an answer from it.
    pub answers: bool,
    /// Whether an etcd runs on it.
    pub runs_etcd: bool,
    /// Whether etcd's directory has any entry.
    pub has_data: bool,
    /// Whether a Bootstrap was asked of it whose end is not known yet.
    pub bootstraps: bool,
}

/// The snapshot that waits on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its size.
    pub bytes: usize,
    /// Whether its SHA-256 holds; none: it has the size of a database without one.
    pub digest_holds: Option<bool>,
}

impl Uploaded {
    fn of(bytes: &[u8]) -> Self {
        let digest_holds = match bytes.len() % SECTOR {
            TRAILER => {
                let (content, trailer) = bytes.split_at(bytes.len() - TRAILER);
                Some(digest(&SHA256, content).as_ref() == trailer)
            }
            0 => None,
            _ => Some(false),
        };
        Self {
            bytes: bytes.len(),
            digest_holds,
        }
    }
}

/// What somebody who uses the API has said beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intent {
    /// Nodes that are gone for good.
    pub lost: Vec<String>,
    /// That nothing shall be changed.
    pub dry_run: bool,
}

/// A call that changes something, as it arrived at the machined that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The call.
    pub call: Call,
    /// All machines at that moment.
    pub machines: Vec<Machine>,
    /// The snapshot that waits on the node that was called.
    pub uploaded: Option<Uploaded>,
    /// What those had said who were using the API then.
    pub intents: Vec<Intent>,
}

/// Everything that was recorded. Clones are the same record.
#[derive(Debug, Clone, Default)]
pub struct Record(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    changes: Vec<Change>,
    /// Snapshots that etcd's own tool refused to restore.
    refused: Vec<String>,
    intents: Vec<(u64, Intent)>,
    next: u64,
}

/// As long as it lives, its intent counts.
#[derive(Debug)]
pub struct Using {
    record: Record,
    number: u64,
}

impl Drop for Using {
    fn drop(&mut self) {
        let mut kept = self.record.lock();
        kept.intents.retain(|(number, _)| *number != self.number);
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody begins to use the API.
    #[must_use]
    pub fn using(&self, intent: Intent) -> Using {
        let mut kept = self.lock();
        let number = kept.next;
        kept.next += 1;
        kept.intents.push((number, intent));
        Using {
            record: self.clone(),
            number,
        }
    }

    /// Every change, in order of arrival.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.lock().changes.clone()
    }

    /// What etcd's own tool said of snapshots that were bootstrapped from, and refused.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    pub(crate) fn refuse(&self, what: String) {
        self.lock().refused.push(what);
    }

    /// Records a call, if it changes anything. Machines are looked at under the record's lock, so
    /// that of two calls at once one is the first.
    pub(crate) fn push(&self, call: Call, node: &Node, cluster: &Cluster) {
        if !call.is_mutating() {
            return;
        }
        let mut kept = self.lock();
        let asks = call.method == "Bootstrap";
        let change = Change {
            call,
            machines: cluster.nodes.iter().map(|node| machine(node)).collect(),
            uploaded: std::fs::read(node.disk.path(SNAPSHOT))
                .ok()
                .map(|bytes| Uploaded::of(&bytes)),
            intents: kept.intents.iter().map(|(_, one)| one.clone()).collect(),
        };
        kept.changes.push(change);
        if asks {
            node.machine().bootstraps = true;
        }
    }
}

fn machine(node: &Node) -> Machine {
    let state = node.machine();
    let running = |service: &crate::services::Service| service.last().0 == "Running";
    Machine {
        name: node.name.clone(),
        address: node.address.to_string(),
        kind: node.kind,
        answers: state.is_on && node.door.is_open() && node.door.trusts_peers(),
        runs_etcd: state.etcd.as_ref().is_some_and(running),
        has_data: node.disk.has_data(),
        bootstraps: state.bootstraps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_proven_and_its_absence_told_from_its_loss() {
        let whole = crate::sample::snapshot(64 * 1024);
        assert_eq!(Uploaded::of(&whole).digest_holds, Some(true));
        let mut flipped = whole.clone();
        flipped[1000] ^= 1;
        assert_eq!(Uploaded::of(&flipped).digest_holds, Some(false));
        let raw = &whole[..whole.len() - TRAILER];
        assert_eq!(Uploaded::of(raw).digest_holds, None);
        assert_eq!(Uploaded::of(&whole[..1000]).digest_holds, Some(false));
    }
}
