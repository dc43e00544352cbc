//! The simulator as a client meets it, over real gRPC and real mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod client;
mod etcd;
mod faults;
mod program;
mod recovery;
mod routing;
mod rules;
mod tls;
mod tool;
