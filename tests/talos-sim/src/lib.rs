//! A simulated Talos control plane, small enough for a laptop: nodes with loopback addresses of
//! their own on Talos' real ports, real gRPC over mutual TLS with roles from certificates, apid's
//! routing, and behind every control plane a real etcd, or a ready snapshot.
//!
//! ```no_run
//! use talos_sim::{Fault, Simulator, roles};
//!
//! # fn main() -> Result<(), talos_sim::Error> {
//! let simulator = Simulator::builder().snapshot_bytes(talos_sim::sample::snapshot(64 * 1024)).start()?;
//! simulator.talosconfig(&[roles::ETCD_BACKUP])?.write("talosconfig".as_ref())?;
//! simulator.inject_times(0, Fault::CutWithOk(4096), 1)?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything listens on loopback only. What is not simulated is refused as `Unimplemented`.

// A simulator is test code: its own tests may panic.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod builder;
mod calls;
mod certificates;
mod cluster;
mod controls;
mod cosi;
mod disk;
mod engine;
mod error;
mod etcd;
mod events;
mod faults;
mod fill;
mod gone;
pub mod kubernetes;
mod labels;
mod life;
mod listener;
mod machine;
mod machined;
mod network;
mod protobuf;
mod questions;
pub mod roles;
mod routing;
pub mod sample;
mod script;
mod services;
mod simulator;
mod snapshot;
mod state;
mod talosconfig;
mod tls;
mod upload;
mod version;

pub use builder::Builder;
pub use calls::{Arguments, Call, Layer, Route};
pub use certificates::{Authority, Identity, Purpose, Validity};
pub use cluster::Kind;
pub use controls::Replacement;
pub use error::Error;
pub use etcd::read_snapshot;
pub use faults::Fault;
pub use fill::{Fill, Filled};
pub use network::{APID_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT};
pub use script::{Alarm, EtcdScript};
pub use simulator::{NodeInfo, Simulator};
pub use snapshot::{MESSAGE, Source};
pub use state::{HeldUp, Restore};
pub use talosconfig::Talosconfig;
pub use version::TalosVersion;
