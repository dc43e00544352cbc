//! End-to-end tests through the built programs, one module per subject in one binary: builds
//! stay bearable.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod destinations;
mod foreign;
mod hashkv;
mod kill;
mod path;
mod routing;
mod store_faults;
mod support;
mod talos_faults;
mod verify;
mod write_only;
