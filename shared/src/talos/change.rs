//! The calls that change a node. Each goes to the one machine that was reached, and none is
//! ever repeated by itself: whoever calls decides by the answer.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::{
    BootstrapRequest, ResetPartitionSpec, ResetRequest, ServiceRestartRequest,
};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::client::Via;
use super::error::TalosError;
use super::node::Node;

/// Bytes of one message of an upload.
const MESSAGE: usize = 64 * 1024;
/// Messages that wait for the network.
const QUEUE: usize = 8;
/// Bootstrap stops the running etcd service before it answers.
const BOOTSTRAP: Duration = Duration::from_secs(60);

/// Why an upload ended.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Talos, or the way to it.
    #[error(transparent)]
    Talos(#[from] TalosError),
    /// The file here.
    #[error("the snapshot cannot be read: {0}")]
    File(#[from] io::Error),
}

/// What wipes an etcd. There is always at least one: an empty list would wipe the whole disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtcdPlace {
    /// A directory on EPHEMERAL.
    Ephemeral,
    /// A partition of its own (Talos 1.14 and later).
    OwnPartition,
}

impl EtcdPlace {
    /// The label of the partition that is wiped.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ephemeral => "EPHEMERAL",
            Self::OwnPartition => "ETCD",
        }
    }
}

/// A refusal of Bootstrap, as Talos 1.6 to 1.14 word it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Worth asking again in a moment: containerd, time.
    NotYet,
    /// The data directory is not empty: somebody was faster, or a restore failed half way.
    HasData,
    /// Anything else.
    Final,
}

impl Refusal {
    /// Of a failed Bootstrap; none: it is not known whether it was refused.
    pub fn of(error: &TalosError) -> Option<Self> {
        let text = error.answer()?;
        let says = |words: &str| text.contains(words);
        Some(
            if says("not available yet") || says("time is not in sync") {
                Self::NotYet
            } else if says("data directory is not empty") {
                Self::HasData
            } else {
                Self::Final
            },
        )
    }
}

impl Node<'_> {
    /// Sends a snapshot to where Bootstrap looks for one, in at most `limit`; `sent` hears of
    /// every message. It replaces an earlier upload, and Talos proves nothing about it: compare
    /// its size afterwards. A file that cannot be read breaks the call off, and Talos removes
    /// what came.
    ///
    /// # Errors
    /// The file could not be read, or the call failed.
    pub async fn upload_snapshot(
        &self,
        file: File,
        limit: Duration,
        sent: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<(), UploadError> {
        let (send, receive) = mpsc::channel(QUEUE);
        let mut reading = tokio::task::spawn_blocking(move || read(file, send));
        let call = self.ask_within("EtcdRecover", limit, async |mut via: Via| {
            let request = via.request(messages(receive, sent));
            via.client.etcd_recover(request).await
        });
        tokio::pin!(call);
        tokio::select! {
            answer = &mut call => {
                answer?;
            }
            // The channel stays open until the file is known to be whole: an early end of it
            // would look like the end of the snapshot.
            read = &mut reading => {
                let (send, read) = read.map_err(io::Error::other)?;
                read?;
                drop(send);
                call.await?;
            }
        }
        Ok(())
    }

    /// Bootstraps etcd on this node from the uploaded snapshot. Success means that it was
    /// begun: the restore runs afterwards.
    ///
    /// # Errors
    /// The call failed; [`Refusal`] tells how.
    pub async fn bootstrap_from_upload(&self, skip_hash_check: bool) -> Result<(), TalosError> {
        self.ask_within("Bootstrap", BOOTSTRAP, async |mut via: Via| {
            let request = via.request(BootstrapRequest {
                recover_etcd: true,
                recover_skip_hash_check: skip_hash_check,
            });
            via.client.bootstrap(request).await
        })
        .await?;
        Ok(())
    }

    /// Wipes what holds etcd and reboots, without asking etcd or Kubernetes to take leave;
    /// returns the id of the sequence, which its events carry.
    ///
    /// # Errors
    /// The call failed.
    pub async fn wipe_etcd(&self, place: EtcdPlace) -> Result<String, TalosError> {
        let answer = self
            .ask("Reset", async |mut via: Via| {
                let request = via.request(wipe_request(place));
                Ok(via.client.reset(request).await?.into_inner())
            })
            .await?;
        let first = answer.messages.into_iter().next();
        Ok(first.map(|reset| reset.actor_id).unwrap_or_default())
    }

    /// Restarts a service: of those that matter here Talos allows it for `kubelet` only.
    ///
    /// # Errors
    /// The call failed.
    pub async fn restart_service(&self, id: &str) -> Result<(), TalosError> {
        self.ask("ServiceRestart", async |mut via: Via| {
            let request = via.request(ServiceRestartRequest { id: id.to_owned() });
            via.client.service_restart(request).await
        })
        .await?;
        Ok(())
    }
}

fn wipe_request(place: EtcdPlace) -> ResetRequest {
    ResetRequest {
        graceful: false,
        reboot: true,
        system_partitions_to_wipe: vec![ResetPartitionSpec {
            label: place.label().to_owned(),
            wipe: true,
        }],
        ..ResetRequest::default()
    }
}

/// Reads the whole file into the channel, and gives the channel back, still open.
fn read(mut file: File, send: Sender<Bytes>) -> (Sender<Bytes>, io::Result<()>) {
    let read = pour(&mut file, &send);
    (send, read)
}

fn pour(file: &mut File, send: &Sender<Bytes>) -> io::Result<()> {
    loop {
        let mut message = vec![0; MESSAGE];
        let mut filled = 0;
        while filled < MESSAGE {
            match file.read(&mut message[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        message.truncate(filled);
        // Nobody takes it any more: the call has ended, and says why.
        if filled == 0 || send.blocking_send(message.into()).is_err() {
            return Ok(());
        }
    }
}

fn messages(
    mut receive: Receiver<Bytes>,
    sent: impl Fn(usize) + Send + Sync + 'static,
) -> impl futures::Stream<Item = Data> + Send + 'static {
    futures::stream::poll_fn(move |context| {
        receive.poll_recv(context).map(|bytes| {
            bytes.map(|bytes| {
                sent(bytes.len());
                Data {
                    bytes,
                    ..Data::default()
                }
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wipe_names_one_partition_reboots_and_takes_no_leave() {
        for place in [EtcdPlace::Ephemeral, EtcdPlace::OwnPartition] {
            let request = wipe_request(place);
            assert_eq!(request.system_partitions_to_wipe.len(), 1);
            assert!(request.system_partitions_to_wipe[0].wipe);
            assert_eq!(request.system_partitions_to_wipe[0].label, place.label());
            assert!(request.reboot && !request.graceful && request.mode == 0);
            assert!(request.user_disks_to_wipe.is_empty());
        }
    }
}
