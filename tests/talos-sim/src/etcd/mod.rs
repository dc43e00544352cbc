//! etcd behind a control plane: the process, its API, and what machined makes of its answers.

pub(crate) mod answers;
mod client;
pub(crate) mod process;

pub(crate) use client::EtcdClient;
pub(crate) use etcdbackup_proto::etcd as api;
