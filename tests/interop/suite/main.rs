//! Our programs and simulators against what others made: the official Talos client library and
//! server stubs, MinIO, age, etcd's own tools. One module per counterpart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod age;
mod cargo;
mod etcd;
mod etcd_tools;
mod github;
mod hand;
mod inspect;
mod krew;
mod kubernetes;
mod minio;
mod process;
mod prometheus;
mod recovery;
mod sealed_secrets;
mod stubs;
#[allow(
    dead_code,
    reason = "shared with the end-to-end suite, which uses all of it"
)]
#[path = "../../e2e/tests/suite/support.rs"]
mod support;
mod talos_client;
mod talos_server;
mod workflows;
