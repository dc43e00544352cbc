//! etcd behind a control plane: the process, its API, and what machined makes of its answers.

pub(crate) mod answers;
mod client;
pub(crate) mod process;

pub(crate) use client::EtcdClient;

/// etcd's own messages.
pub(crate) mod api {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rust_2018_idioms,
        unreachable_pub,
        dead_code
    )]
    tonic::include_proto!("etcdserverpb");
}
