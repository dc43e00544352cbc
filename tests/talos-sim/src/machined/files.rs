//! What a client reads from a machine's disk: List, Read, Copy, DiskUsage, Mounts. Errors are
//! Go's: `stat PATH: no such file or directory`, code `Unknown`, but `NotFound` from Read.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use etcdbackup_proto::common::{self, Data};
use etcdbackup_proto::machine::list_request::Type;
use etcdbackup_proto::machine::{
    CopyRequest, DiskUsageInfo, DiskUsageRequest, FileInfo, ListRequest, MountStat, Mounts,
    MountsResponse, ReadRequest,
};
use futures::StreamExt as _;
use tonic::Status;

use super::{Machined, tar};
use crate::disk::{DATA, KUBECONFIG};
use crate::routing::{Messages, Struck};
use crate::snapshot::{SnapshotStream, Source};
use crate::state::HeldUp;

/// The user that etcd runs as.
const ETCD_USER: u32 = 60;
/// Bits of Go's file modes.
const GO_DIRECTORY: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;

/// A file of the machine.
pub(super) struct Entry {
    /// Its path there.
    pub(super) path: String,
    /// From where the walk began; a folder where it began is `.`.
    pub(super) relative: String,
    pub(super) metadata: Metadata,
}

impl Entry {
    fn info(&self, link: String) -> FileInfo {
        let is_dir = self.metadata.is_dir();
        let mut mode = self.metadata.permissions().mode() & 0o777;
        if is_dir {
            mode |= GO_DIRECTORY;
        } else if self.metadata.is_symlink() {
            mode |= GO_SYMLINK;
        }
        let owner = if self.path.starts_with(DATA) && !self.path.starts_with("/var/lib/etcd.") {
            ETCD_USER
        } else {
            0
        };
        FileInfo {
            name: self.path.clone(),
            relative_name: self.relative.clone(),
            size: i64::try_from(self.metadata.len()).unwrap_or(i64::MAX),
            mode,
            modified: self.metadata.mtime(),
            is_dir,
            link,
            uid: owner,
            gid: owner,
            ..FileInfo::default()
        }
    }

    fn is_of(&self, types: &[i32]) -> bool {
        let own = if self.metadata.is_dir() {
            Type::Directory
        } else if self.metadata.is_symlink() {
            Type::Symlink
        } else {
            Type::Regular
        };
        types.is_empty() || types.contains(&(own as i32))
    }
}

/// An absolute path without an end of `/`.
fn absolute(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn missing(path: &str) -> String {
    format!("stat {path}: no such file or directory")
}

impl Machined {
    /// What is at a path, if it is there and its volume mounted.
    fn entry(&self, path: &str) -> Option<Metadata> {
        let is_var = path == "/var" || path.starts_with("/var/");
        if is_var && self.node.machine().is_held_up(HeldUp::Disk) {
            return None;
        }
        fs::symlink_metadata(self.node.disk.path(path)).ok()
    }

    /// A path and what is below it, in the order of names, folders before their contents; below
    /// what is deeper than `depth` nothing.
    pub(super) fn walk(&self, root: &str, depth: Option<usize>) -> Result<Vec<Entry>, String> {
        let metadata = self.entry(root).ok_or_else(|| missing(root))?;
        let relative = match Path::new(root).file_name() {
            Some(name) if !metadata.is_dir() => name.to_string_lossy().into_owned(),
            _ => ".".to_owned(),
        };
        let mut entries = vec![Entry {
            path: root.to_owned(),
            relative,
            metadata,
        }];
        if entries[0].metadata.is_dir() {
            self.walk_folder(root, "", (1, depth), &mut entries);
        }
        Ok(entries)
    }

    fn walk_folder(
        &self,
        root: &str,
        folder: &str,
        (level, depth): (usize, Option<usize>),
        entries: &mut Vec<Entry>,
    ) {
        let path = format!("{}/{folder}", root.trim_end_matches('/'));
        let read = fs::read_dir(self.node.disk.path(&path));
        let names = read.into_iter().flatten().flatten();
        let mut names: Vec<_> = names
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        for name in names {
            let relative = match folder {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            let path = format!("{}/{relative}", root.trim_end_matches('/'));
            let Some(metadata) = self.entry(&path) else {
                continue;
            };
            let is_dir = metadata.is_dir();
            entries.push(Entry {
                path,
                relative: relative.clone(),
                metadata,
            });
            if is_dir && depth.is_none_or(|depth| level < depth) {
                self.walk_folder(root, &relative, (level + 1, depth), entries);
            }
        }
    }

    /// The root and its own entries; deeper only if asked.
    pub(crate) fn list(&self, request: &ListRequest) -> Result<Messages<FileInfo>, Status> {
        let root = match absolute(&request.root) {
            root if root.len() > 1 => root,
            _ => "/".to_owned(),
        };
        let depth = match (request.recurse, request.recursion_depth) {
            (false, _) => Some(0),
            (true, 0) => None,
            (true, depth) => usize::try_from(depth).ok(),
        };
        let entries = self.walk(&root, depth).map_err(Status::unknown)?;
        let infos: Vec<_> = entries
            .iter()
            .filter(|entry| entry.is_of(&request.types))
            .map(|entry| Ok(entry.info(self.link(entry))))
            .collect();
        Ok(futures::stream::iter(infos).boxed())
    }

    fn link(&self, entry: &Entry) -> String {
        if !entry.metadata.is_symlink() {
            return String::new();
        }
        let target = fs::read_link(self.node.disk.path(&entry.path));
        target.map_or_else(|_| String::new(), |target| target.display().to_string())
    }

    pub(crate) fn read(
        &self,
        request: &ReadRequest,
        struck: Struck,
    ) -> Result<Messages<Data>, Status> {
        let path = request.path.as_str();
        if let Some(text) = self.kernel_file(path) {
            let blocks = Source::Bytes(text.into()).blocks();
            return Ok(Box::pin(SnapshotStream::new(blocks, struck)));
        }
        let metadata = self.entry(path);
        let metadata = metadata.ok_or_else(|| Status::not_found(missing(path)))?;
        if !metadata.is_file() {
            return Err(Status::unknown("path must be a regular file"));
        }
        let blocks = Source::File(self.node.disk.path(path)).blocks();
        Ok(Box::pin(SnapshotStream::new(blocks, struck)))
    }

    /// The kubeconfig of an administrator, which a test gave: the simulator has no Kubernetes.
    pub(crate) fn kubeconfig(&self, struck: Struck) -> Result<Messages<Data>, Status> {
        self.control_plane_only("kubeconfig")?;
        let path = self.node.disk.path(KUBECONFIG);
        let metadata = fs::symlink_metadata(&path)
            .map_err(|_| Status::unimplemented("no kubeconfig was given to the simulator"))?;
        let entry = Entry {
            path: KUBECONFIG.to_owned(),
            relative: "kubeconfig".to_owned(),
            metadata,
        };
        let blocks = tar::blocks(vec![(path, entry)]);
        Ok(Box::pin(SnapshotStream::new(blocks, struck)))
    }

    /// Files that are not on any disk.
    fn kernel_file(&self, path: &str) -> Option<String> {
        let machine = self.node.machine();
        match path {
            "/proc/sys/kernel/random/boot_id" => Some(format!("{}\n", machine.boot_id)),
            "/proc/uptime" => {
                let up = machine.booted.elapsed().unwrap_or_default().as_secs_f64();
                Some(format!("{up:.2} {up:.2}\n"))
            }
            "/proc/stat" => {
                let booted = machine.booted + machine.clock_ahead;
                let booted = booted.duration_since(UNIX_EPOCH).unwrap_or_default();
                let seconds = booted.as_secs();
                Some(format!(
                    "cpu  1 0 1 1 0 0 0 0 0 0\nbtime {seconds}\nprocesses 1\n"
                ))
            }
            _ => None,
        }
    }

    /// A gzipped tar of what is below a folder, or of a file. What goes wrong is told by a last
    /// message.
    pub(crate) fn copy(
        &self,
        request: &CopyRequest,
        struck: Struck,
    ) -> Result<Messages<Data>, Status> {
        let root = &request.root_path;
        if !root.starts_with('/') {
            return Err(Status::unknown(format!("path is not absolute {root}")));
        }
        let walked = self.walk(&absolute(root), None);
        let entries = match walked {
            Ok(entries) => entries,
            Err(error) => {
                let metadata = common::Metadata {
                    error,
                    ..common::Metadata::default()
                };
                let failure = Data {
                    metadata: Some(metadata),
                    ..Data::default()
                };
                return Ok(futures::stream::once(async { Ok(failure) }).boxed());
            }
        };
        let files = entries
            .into_iter()
            .filter(|entry| entry.relative != ".")
            .map(|entry| (self.node.disk.path(&entry.path), entry))
            .collect();
        Ok(Box::pin(SnapshotStream::new(tar::blocks(files), struck)))
    }

    /// Of the first path only, as on real Talos, whatever was asked. Folders come after what is
    /// in them.
    pub(crate) fn disk_usage(
        &self,
        request: &DiskUsageRequest,
    ) -> Result<Messages<DiskUsageInfo>, Status> {
        let mut infos = Vec::new();
        if let Some(path) = request.paths.first() {
            let root = absolute(path);
            match self.walk(&root, None) {
                Ok(entries) => {
                    usage(&entries, 0, request, &mut infos);
                }
                Err(error) => infos.push(DiskUsageInfo {
                    name: root.clone(),
                    relative_name: root,
                    error,
                    ..DiskUsageInfo::default()
                }),
            }
        }
        Ok(futures::stream::iter(infos.into_iter().map(Ok)).boxed())
    }

    pub(crate) fn mounts(&self) -> MountsResponse {
        let disk = &self.node.disk;
        let mount = |filesystem: &str, mounted_on: &str, size, available| MountStat {
            filesystem: filesystem.to_owned(),
            size,
            available,
            mounted_on: mounted_on.to_owned(),
        };
        let mut stats = vec![
            mount("/dev/loop0", "/", 76 << 20, 0),
            mount("/dev/sda3", "/system/state", 100 << 20, 90 << 20),
        ];
        if !self.node.machine().is_held_up(HeldUp::Disk) {
            stats.push(mount("/dev/sda4", "/var", disk.size, disk.available()));
            if disk.has_etcd_partition {
                let used = disk.used(DATA);
                stats.push(mount(
                    "/dev/sda5",
                    DATA,
                    disk.size,
                    disk.size.saturating_sub(used),
                ));
            }
        }
        MountsResponse {
            messages: vec![Mounts {
                metadata: None,
                stats,
            }],
        }
    }
}

/// Reports the entry at the front and what is below it; returns its size and how many entries
/// that were.
fn usage(
    entries: &[Entry],
    level: i32,
    request: &DiskUsageRequest,
    infos: &mut Vec<DiskUsageInfo>,
) -> (i64, usize) {
    let Some((entry, below)) = entries.split_first() else {
        return (0, 0);
    };
    let is_dir = entry.metadata.is_dir();
    let mut size = i64::try_from(entry.metadata.len()).unwrap_or(i64::MAX);
    let mut count = 0;
    let prefix = format!("{}/", entry.path.trim_end_matches('/'));
    while is_dir
        && below
            .get(count)
            .is_some_and(|one| one.path.starts_with(&prefix))
    {
        let (more, seen) = usage(&below[count..], level + 1, request, infos);
        size = size.saturating_add(more);
        count += seen;
    }
    let threshold = request.threshold;
    let is_skipped = (request.recursion_depth > 0 && level >= request.recursion_depth)
        || (!is_dir && !request.all)
        || (threshold > 0 && size < threshold)
        || (threshold < 0 && size > -threshold);
    if !is_skipped {
        infos.push(DiskUsageInfo {
            name: entry.path.clone(),
            relative_name: entry.relative.clone(),
            size,
            ..DiskUsageInfo::default()
        });
    }
    (size, count + 1)
}
