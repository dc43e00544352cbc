//! The simulator through Amazon's own client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod client;
mod faults;
mod locks;
mod objects;
mod program;
mod uploads;
