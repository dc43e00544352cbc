//! The Talos API: talosconfig, mTLS, node routing, the calls a backup makes.
//!
//! Every call carries one `node` value and a deadline: without a value the endpoint answers
//! for itself, without a deadline a stuck etcd keeps the caller for ever.

mod certificate;
mod choose;
mod client;
mod config;
mod error;
mod probe;
mod snapshot;

pub use choose::{Choice, choose};
pub use client::Talos;
pub use config::Selection;
pub use error::TalosError;
pub use snapshot::{SnapshotStream, StreamTimeouts};
