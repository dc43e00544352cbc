//! The API server of a Kubernetes cluster, small enough for a test: it serves the objects of an
//! etcd snapshot, over TLS with client certificates, at every address it is given. It knows
//! `/readyz`, `/version`, discovery, lists in pages, whole or as metadata only, single objects,
//! watches, logs, and creating and deleting objects. With a [`Runner`] it runs Jobs: their
//! containers are real processes.
//!
//! What a living cluster does by itself, it does too: kubelets renew their leases (until they are
//! [silenced](KubeSim::silence)), and the servers that run are the addresses of
//! `default/kubernetes`. Everything else is as the snapshot has it, or as a test
//! [edits](KubeSim::edit) it. [`KubeSim::inject`] makes requests meet a [`Fault`].

// A simulator is test code: its own tests may panic.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod changes;
mod fault;
mod kubelet;
mod objects;
mod pod;
mod selector;
mod server;
mod simulator;
mod stream;
mod write;

pub use fault::Fault;
pub use kubelet::Runner;
pub use server::PORT;
pub use simulator::{ADMIN_GROUP, KubeSim, kubeconfig};
