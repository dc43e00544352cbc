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
//! # Disasters
//!
//! Every machine lives: it boots, waits for a cluster, runs etcd, obeys Reset, Reboot and
//! Bootstrap, and goes down. A test makes the disaster behind the API's back, and lets a program
//! under test find its way through the API alone.
//!
//! | disaster | how |
//! |---|---|
//! | one or two of three down, disks good | [`Simulator::stop_node`]; [`Simulator::start_node`] ends it |
//! | a power cut, and etcd held up by time, image, disk, ... | [`Simulator::power_cut`], [`Simulator::hold_up`], [`Simulator::power_back`] |
//! | a damaged member | [`Simulator::corrupt_database`] |
//! | etcd killed once, or for good | [`Simulator::kill_etcd`], [`Simulator::stop_etcd`] |
//! | everything wiped | [`Simulator::wipe`] on each, or [`Builder::unbootstrapped`] |
//! | nodes replaced, also by ones with other secrets or in maintenance mode | [`Simulator::replace_node`], [`Simulator::apply_config`] |
//! | NOSPACE or CORRUPT | [`Simulator::raise_alarm`]; a database that is really full: [`Builder::quota`] |
//! | a learner that nobody promotes | [`Simulator::keep_learner`] |
//! | a member that does not exist | [`Simulator::add_phantom_member`] |
//! | the machine type `init` | [`Builder::init_node`] |
//! | etcd on a partition of its own | [`Builder::etcd_partition`] |
//! | two clusters out of one | Bootstrap on two nodes, or a restore beside nodes with old data |
//! | a restore that fails clean or dirty, hangs, or is forgotten | [`Simulator::script_restore`] |
//! | a call that hangs, fails, or is done with its answer lost | [`Simulator::inject_on`] |
//! | 30 and 70 minutes gone | [`Simulator::let_pass`], [`Builder::hurry`] |
//! | a reset that wipes nothing, a node that stays away | [`Simulator::keep_disk`], [`Simulator::stay_down`] |
//! | local volumes on EPHEMERAL, a disk without room | [`Simulator::add_file`], [`Builder::ephemeral_size`] |
//!
//! [`Simulator::record`] keeps every call that changes anything together with the whole cluster as
//! it was then, and [`Record::offences`] is the judge over it: what no recovery may ever do.
//!
//! [`Simulator::calls`] tells what was sent, and [`Call::is_mutating`] which of it changes
//! anything. Without an etcd program the same machines live with a scripted etcd: fast, and
//! enough for everything but Bootstrap and what changes members.
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
mod judge;
pub mod kubernetes;
mod labels;
mod life;
mod listener;
mod machine;
mod machined;
mod network;
mod protobuf;
mod questions;
mod record;
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
pub use certificates::{Authority, Identity, Purpose, ServerIdentity, Validity};
pub use cluster::Kind;
pub use controls::Replacement;
pub use error::Error;
pub use etcd::read_snapshot;
pub use faults::Fault;
pub use fill::{Fill, Filled};
pub use judge::offences;
pub use network::{APID_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT};
pub use record::{Change, Intent, Machine, Record, Uploaded, Using};
pub use script::{Alarm, EtcdScript};
pub use simulator::{NodeInfo, Simulator};
pub use snapshot::{MESSAGE, Source};
pub use state::{HeldUp, Restore};
pub use talosconfig::Talosconfig;
pub use version::TalosVersion;
