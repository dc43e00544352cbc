//! What a wipe of EPHEMERAL would take besides etcd: local volumes and what pods keep in
//! folders of the host.
//!
//! EPHEMERAL is mounted at `/var`. What Talos, containerd, the kubelet and network plugins keep
//! there is made again by itself; everything else is somebody's data until they say otherwise.

use crate::talos::{FileEntry, Mount, Node, TalosError, Usage};

const ROOT: &str = "/var";
/// Folders of `/var` whose own folders are looked at one by one.
const LOOKED_INTO: [&str; 3] = ["lib", "mnt", "local"];
/// Made again by themselves, or without worth after a wipe.
const OWN: [&str; 24] = [
    "cache",
    "db",
    "empty",
    "etc",
    "lock",
    "log",
    "lost+found",
    "opt",
    "run",
    "spool",
    "system",
    "tmp",
    "lib/calico",
    "lib/cilium",
    "lib/cni",
    "lib/containerd",
    "lib/dockershim",
    "lib/etcd",
    "lib/etcd.snapshot",
    "lib/kubelet",
    "lib/misc",
    "lib/nfs",
    "lib/seccomp",
    "lib/udev",
];

/// Somebody's data on EPHEMERAL, with sizes.
///
/// # Errors
/// A call failed, or the walk took longer than it may.
pub(super) async fn on(node: &Node<'_>, mounts: &[Mount]) -> Result<Vec<Usage>, TalosError> {
    let listing = node.list(ROOT, 2).await?.unwrap_or_default();
    let mut found = Vec::new();
    for path in foreign(&listing, mounts) {
        found.extend(node.disk_usage(&path).await?);
    }
    Ok(found)
}

/// Paths of the listing that are nobody's whom we know, and lie on EPHEMERAL itself.
fn foreign(listing: &[FileEntry], mounts: &[Mount]) -> Vec<String> {
    let mounted = |path: &str| mounts.iter().any(|mount| mount.at == path);
    let entries = listing.iter().filter(|entry| entry.is_directory);
    let mut paths: Vec<String> = entries
        .map(|entry| {
            let path = entry.path.strip_prefix(ROOT).unwrap_or(&entry.path);
            path.trim_matches('/')
        })
        .filter(|path| {
            let depth = path.split('/').count();
            let parent = path.split('/').next().unwrap_or_default();
            let counts = match depth {
                1 => !LOOKED_INTO.contains(path),
                2 => LOOKED_INTO.contains(&parent),
                _ => false,
            };
            counts && !path.is_empty() && *path != "." && !OWN.contains(path)
        })
        .map(|path| format!("{ROOT}/{path}"))
        .filter(|path| !mounted(path))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_makes_again_is_named_and_other_disks_are_not() {
        let folder = |path: &str| FileEntry {
            path: path.to_owned(),
            bytes: 0,
            is_directory: true,
        };
        let listing = [
            ".",
            "lib",
            "lib/kubelet",
            "lib/longhorn",
            "lib/etcd",
            "mnt",
            "mnt/disk",
            "mnt/on-ephemeral",
            "openebs",
            "openebs/local",
            "log",
            "log/pods",
        ]
        .map(folder);
        let mounts = [Mount {
            at: "/var/mnt/disk".to_owned(),
            bytes: 1,
            available: 1,
        }];
        assert_eq!(
            foreign(&listing, &mounts),
            ["/var/lib/longhorn", "/var/mnt/on-ephemeral", "/var/openebs"]
        );
    }
}
