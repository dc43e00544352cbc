//! Files and mounts of a node.

use std::time::Duration;

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::{DiskUsageRequest, FileInfo, ListRequest, ReadRequest};
use serde::Serialize;
use tonic::{Status, Streaming};

use super::client::Via;
use super::error::{Kind, TalosError};
use super::node::Node;

/// A walk over a large partition takes its time.
const WALK: Duration = Duration::from_secs(30);
/// Entries of a listing that are kept: a data directory holds dozens.
const ENTRIES: usize = 10_000;
/// Bytes of a small file.
const SMALL: usize = 64 * 1024;

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Its path below what was listed; `.`: that itself.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// How much lies below a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The path.
    pub path: String,
    /// Bytes, directories included.
    pub bytes: u64,
}

/// A mounted filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where.
    pub at: String,
    /// Bytes of it.
    pub bytes: u64,
    /// Bytes that are free.
    pub available: u64,
}

impl Node<'_> {
    /// What lies below `root`, at most `depth` levels; none: there is no such path.
    ///
    /// # Errors
    /// The call failed, or an entry could not be read.
    pub async fn list(&self, root: &str, depth: i32) -> Result<Option<Vec<FileEntry>>, TalosError> {
        let asked = self
            .ask_within("List", WALK, async |mut via: Via| {
                let request = via.request(ListRequest {
                    root: root.to_owned(),
                    recurse: true,
                    recursion_depth: depth,
                    ..ListRequest::default()
                });
                let stream = via.client.list(request).await?.into_inner();
                gathered(stream, ENTRIES).await
            })
            .await;
        let infos = match asked {
            Ok(infos) => infos,
            Err(error) if is_absent(error.answer()) => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = infos.iter().find(|info| !info.error.is_empty());
        match failed {
            Some(info) if is_absent(Some(&info.error)) && is_root(info) => return Ok(None),
            // It vanished between two looks, or is not to be read: the list is not whole.
            Some(info) => {
                let what = format!("{}: {}", info.name, info.error);
                return Err(self.error("List", Kind::Answer(what)));
            }
            None => {}
        }
        Ok(Some(infos.into_iter().map(entry).collect()))
    }

    /// A small file, as text. Role os:admin only.
    ///
    /// # Errors
    /// The call failed, or it is no small text.
    pub async fn read_small(&self, path: &str) -> Result<String, TalosError> {
        let bytes = self
            .ask("Read", async |mut via: Via| {
                let request = via.request(ReadRequest {
                    path: path.to_owned(),
                });
                small(via.client.read(request).await?.into_inner(), SMALL).await
            })
            .await?;
        String::from_utf8(bytes)
            .map_err(|_| self.error("Read", Kind::Answer(format!("{path} is not text"))))
    }

    /// Bytes below `path`; none: it is not there. Talos looks at the first path of a request
    /// only, and says nothing of the others: so each has a call of its own.
    ///
    /// # Errors
    /// The call failed, or took longer than a walk may.
    pub async fn disk_usage(&self, path: &str) -> Result<Option<Usage>, TalosError> {
        let infos = self
            .ask_within("DiskUsage", WALK, async |mut via: Via| {
                let request = via.request(DiskUsageRequest {
                    paths: vec![path.to_owned()],
                    ..DiskUsageRequest::default()
                });
                gathered(via.client.disk_usage(request).await?.into_inner(), ENTRIES).await
            })
            .await?;
        let info = infos.into_iter().find(|info| info.name == path);
        let info = info.ok_or_else(|| self.empty("DiskUsage"))?;
        match info.error.as_str() {
            "" => Ok(Some(Usage {
                bytes: u64::try_from(info.size).unwrap_or(0),
                path: info.name,
            })),
            error if is_absent(Some(error)) => Ok(None),
            error => Err(self.error("DiskUsage", Kind::Answer(format!("{path}: {error}")))),
        }
    }

    /// What is mounted.
    ///
    /// # Errors
    /// The call failed.
    pub async fn mounts(&self) -> Result<Vec<Mount>, TalosError> {
        let answer = self
            .ask("Mounts", async |mut via: Via| {
                let request = via.request(());
                Ok(via.client.mounts(request).await?.into_inner())
            })
            .await?;
        if answer.messages.is_empty() {
            return Err(self.empty("Mounts"));
        }
        let stats = answer.messages.into_iter().flat_map(|one| one.stats);
        Ok(stats
            .map(|stat| Mount {
                at: stat.mounted_on,
                bytes: stat.size,
                available: stat.available,
            })
            .collect())
    }
}

/// All bytes of a stream, of which there are not too many.
pub(super) async fn small(mut stream: Streaming<Data>, most: usize) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    while let Some(data) = stream.message().await? {
        if let Some(error) = data.metadata.filter(|one| !one.error.is_empty()) {
            return Err(Status::unknown(error.error));
        }
        bytes.extend_from_slice(&data.bytes);
        if bytes.len() > most {
            return Err(Status::out_of_range("it is larger than it should be"));
        }
    }
    Ok(bytes)
}

/// All messages of a stream, of which there are not too many.
pub(super) async fn gathered<T>(mut stream: Streaming<T>, most: usize) -> Result<Vec<T>, Status> {
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.push(message);
        if all.len() > most {
            return Err(Status::out_of_range("more entries than there should be"));
        }
    }
    Ok(all)
}

/// Talos passes the kernel's words on, under code Unknown.
fn is_absent(answer: Option<&str>) -> bool {
    answer.is_some_and(|text| text.contains("no such file or directory"))
}

fn is_root(info: &FileInfo) -> bool {
    matches!(info.relative_name.as_str(), "" | ".")
}

fn entry(info: FileInfo) -> FileEntry {
    FileEntry {
        path: if info.relative_name.is_empty() {
            info.name
        } else {
            info.relative_name
        },
        bytes: u64::try_from(info.size).unwrap_or(0),
        is_directory: info.is_dir,
    }
}
