//! An S3 server on loopback for tests: strict where real stores are, with versions, locks and
//! open uploads, a log of every request, policies per access key, and scripted faults. s3s
//! speaks the protocol and checks the signatures; the store itself is ours, in memory.
//!
//! ```no_run
//! use s3_sim::{Effect, Fault, Operation, S3Sim};
//!
//! let s3 = S3Sim::builder().bucket("backups").credentials("AKID", "secret").start();
//! s3.inject(Fault::new(Operation::UploadPart, Effect::LostAnswer).part(2).times(1));
//! // ... a client at s3.endpoint() ...
//! assert!(s3.uploads("backups").is_empty());
//! assert!(s3.requests().iter().all(|request| request.operation != Operation::ListObjectsV2));
//! ```
//!
//! The demo's server, over a folder one can look into, is [`folder::FolderServer`].

// A simulator is test code: its own tests may panic.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backend;
mod fault;
pub mod folder;
mod front;
mod log;
mod policy;
mod request;
mod rules;
mod server;
mod simulator;
mod state;
mod wire;

pub use fault::{Effect, Fault, Gate};
pub use policy::Policy;
pub use request::{Operation, Request};
pub use rules::{Condition, Repeat, Rules};
pub use simulator::{Builder, ObjectVersion, OpenUpload, S3Sim};
