//! What a snapshot is: its header, its digest, and the proof that a stream is whole.

pub mod meta;
pub mod stream;

pub use meta::{Meta, MetaError};
pub use stream::{Proven, SnapshotError, Verifier};
