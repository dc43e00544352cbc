//! The Kubernetes view of real snapshots, against answers of the API server, of Kubernetes' own
//! decoder, and of the machine configs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod changes;
mod fixture;
mod hostile;
mod keys;
mod objects;
