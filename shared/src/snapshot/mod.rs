//! What a snapshot is: its header, its digest, the proof that a stream is whole, and the
//! Kubernetes objects in it.

pub mod bolt;
pub mod check;
pub mod encryption;
pub mod etcd;
pub mod finding;
pub mod kubernetes;
pub mod meta;
pub mod protobuf;
pub mod report;
pub mod retrace;
pub mod spool;
pub mod stream;

pub use check::{Checked, Digest, Proof, Sound, check};
pub use meta::{Meta, MetaError};
pub use stream::{Proven, SnapshotError, Verifier};
