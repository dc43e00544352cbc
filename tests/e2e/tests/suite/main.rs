//! End-to-end tests through the built programs, one module per subject in one binary: builds
//! stay bearable.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod configuration;
mod help;
mod inside;
mod listing;
mod manners;
mod names;
mod path;
mod progress;
mod pulling;
mod routing;
mod secrets;
mod support;
mod talos_backup;
mod talos_faults;
mod verify;
mod wrong_input;
