//! The Talos API: talosconfig, mTLS, node routing, the calls a backup makes.
//!
//! Every call is for one node (by its `node` value, or by asking the endpoint that is the
//! node) and carries a deadline: a stuck etcd would keep the caller for ever.

mod certificate;
mod change;
mod choose;
mod client;
mod config;
mod connections;
mod connector;
mod endpoint;
mod error;
mod etcd;
mod events;
mod files;
mod kubeconfig;
mod machine_config;
mod member;
mod node;
mod probe;
mod proxy;
mod resources;
mod route;
mod services;
mod stream;

pub use change::{EtcdPlace, Refusal, UploadError};
pub use choose::{Candidate, Choice, choose};
pub use client::Talos;
pub use config::{NamedContext, Selection, contexts};
pub use error::{Cause, TalosError};
pub use etcd::{Alarm, AlarmKind, Member, hosts};
pub use events::{Event, Events};
pub use files::{FileEntry, Mount, Usage};
pub use member::MemberStatus;
pub use node::Node;
pub use resources::{ClusterMember, EtcdConfig, MachineStatus, MachineType, Volume};
pub use services::{Service, ServiceEvent};
pub use stream::{ByteStream, StreamTimeouts};
