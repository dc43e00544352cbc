//! etcd behind a control plane: the process, its API, and what machined makes of its answers.

pub(crate) mod answers;
mod client;
mod membership;
pub(crate) mod process;

use std::net::Ipv4Addr;

use futures::TryStreamExt as _;

use crate::error::Error;

pub(crate) use client::EtcdClient;
pub(crate) use etcdbackup_proto::etcd as api;

/// Reads one member's snapshot from etcd itself, as machined does, and counts its bytes: how
/// fast etcd alone is.
///
/// # Errors
/// No etcd at that address, or it refuses.
pub async fn read_snapshot(member: Ipv4Addr) -> Result<u64, Error> {
    let reading = || Error::at("reading etcd's snapshot");
    let blocks = EtcdClient::new(member)?
        .snapshot()
        .await
        .map_err(reading())?;
    blocks
        .try_fold(0, |sum, block| async move { Ok(sum + block.len() as u64) })
        .await
        .map_err(Error::new)
}
