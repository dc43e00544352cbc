//! The simulator as a client meets it, over real gRPC and real mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod bootstrap;
mod client;
mod cosi;
mod etcd;
mod faults;
mod files;
mod judge;
mod machines;
mod program;
mod quorum;
mod recovery;
mod routing;
mod rules;
mod tls;
mod tool;
mod uploads;
