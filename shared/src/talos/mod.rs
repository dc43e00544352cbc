//! The Talos API: talosconfig, mTLS, node routing, the calls a backup makes.
//!
//! Every call is for one node (by its `node` value, or by asking the endpoint that is the
//! node) and carries a deadline: a stuck etcd would keep the caller for ever.

mod certificate;
mod choose;
mod client;
mod config;
mod connector;
mod endpoint;
mod error;
mod machine_config;
mod member;
mod probe;
mod proxy;
mod route;
mod snapshot;

pub use choose::{Candidate, Choice, choose};
pub use client::Talos;
pub use config::Selection;
pub use error::TalosError;
pub use member::MemberStatus;
pub use snapshot::{SnapshotStream, StreamTimeouts};
