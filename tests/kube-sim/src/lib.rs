//! The API server of a Kubernetes cluster, small enough for a test: it serves the objects of an
//! etcd snapshot, over TLS with client certificates, at every address it is given. It knows
//! `/readyz`, `/version`, discovery, and lists in pages, whole or as metadata only; nothing can be
//! changed through it.
//!
//! What a living cluster does by itself, it does too: kubelets renew their leases (until they are
//! [silenced](KubeSim::silence)), and the servers that run are the addresses of
//! `default/kubernetes`. Everything else is as the snapshot has it, or as a test
//! [edits](KubeSim::edit) it. [`KubeSim::inject`] makes requests meet a [`Fault`].

// A simulator is test code: its own tests may panic.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod fault;
mod objects;
mod server;
mod simulator;

pub use fault::Fault;
pub use server::PORT;
pub use simulator::{ADMIN_GROUP, KubeSim};
