//! End-to-end tests through the built programs, one module per subject in one binary: builds
//! stay bearable.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod archive;
mod certificates;
mod completion;
mod configs;
mod configuration;
mod destinations;
mod documents;
mod foreign;
mod generated;
mod hashkv;
mod help;
mod image;
mod in_cluster;
mod inside;
mod inspect;
mod kill;
mod life;
mod listing;
mod locked;
mod looks;
mod manifests;
mod manners;
mod names;
mod official;
mod path;
mod progress;
mod prune;
mod pulling;
mod raw;
mod recover;
mod recover_check;
mod recover_guide;
mod routing;
mod runbook;
mod screen;
mod secrets;
mod shells;
mod status;
mod store_faults;
mod support;
mod talos_backup;
mod talos_faults;
mod transfer;
mod verify;
mod write_only;
mod wrong_input;
