//! A machine's disk: a folder that stands for `/`, of which `/var` is the partition EPHEMERAL and
//! `/var/lib/etcd` may be one of its own.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::sample;

/// Where etcd's data is.
pub(crate) const DATA: &str = "/var/lib/etcd";
/// Where an uploaded snapshot goes.
pub(crate) const SNAPSHOT: &str = "/var/lib/etcd.snapshot";
/// Where the kubeconfig lies that a test gave; machined makes its own anew for each call.
pub(crate) const KUBECONFIG: &str = "/run/kubeconfig";
/// What Talos itself puts on EPHEMERAL.
const FURNITURE: [&str; 5] = [
    "/var/lib/containerd",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/audit",
    "/var/log/containers",
];

/// Which partitions a reset wipes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wipe {
    pub(crate) ephemeral: bool,
    pub(crate) etcd: bool,
    /// With it the machine loses its config.
    pub(crate) state: bool,
}

/// One machine's disk.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// Whether etcd has a partition of its own.
    pub(crate) has_etcd_partition: bool,
    /// Bytes of EPHEMERAL.
    pub(crate) size: u64,
}

impl Disk {
    pub(crate) fn new(root: PathBuf, has_etcd_partition: bool, size: u64) -> Self {
        Self {
            root,
            has_etcd_partition,
            size,
        }
    }

    /// Where a path of the machine is on this one. `..` leads nowhere.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let names = Path::new(path)
            .components()
            .filter(|part| matches!(part, Component::Normal(_)));
        names.fold(self.root.clone(), |path, name| path.join(name))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path(DATA)
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.path(SNAPSHOT)
    }

    /// A text in which paths are this machine's and not the machine's that simulates it.
    pub(crate) fn in_own_words(&self, text: &str) -> String {
        text.replace(&self.root.display().to_string(), "")
    }

    /// Makes what is there after any boot.
    pub(crate) fn furnish(&self, for_etcd: bool) -> io::Result<()> {
        for path in FURNITURE {
            fs::create_dir_all(self.path(path))?;
        }
        if for_etcd {
            fs::create_dir_all(self.data())?;
        }
        Ok(())
    }

    /// Data as an etcd leaves it, for a node without a real one.
    pub(crate) fn pretend_data(&self) -> io::Result<()> {
        let database = sample::snapshot(16 * 1024);
        let log = self.data().join("member/wal");
        fs::create_dir_all(&log)?;
        fs::write(log.join("0000000000000000-0000000000000000.wal"), [0; 512])?;
        let folder = self.data().join("member/snap");
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join("db"),
            &database[..database.len() - sample::TRAILER],
        )
    }

    /// Whether etcd's directory has any entry: the only flag Talos has for "bootstrapped".
    pub(crate) fn has_data(&self) -> bool {
        fs::read_dir(self.data()).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Removes what is in etcd's directory.
    pub(crate) fn empty_data(&self) -> io::Result<()> {
        remove(&self.data())?;
        fs::create_dir_all(self.data())
    }

    /// Wipes partitions.
    pub(crate) fn wipe(&self, wipe: Wipe) -> io::Result<()> {
        if wipe.ephemeral {
            let aside = self.root.join("etcd-partition");
            let stays = self.has_etcd_partition && self.data().exists();
            if stays {
                fs::rename(self.data(), &aside)?;
            }
            remove(&self.path("/var"))?;
            if stays {
                fs::create_dir_all(self.path("/var/lib"))?;
                fs::rename(&aside, self.data())?;
            }
        }
        if wipe.etcd && self.has_etcd_partition {
            remove(&self.data())?;
        }
        Ok(())
    }

    /// Bytes in files under a path.
    pub(crate) fn used(&self, path: &str) -> u64 {
        used(&self.path(path))
    }

    /// Bytes still free on EPHEMERAL.
    pub(crate) fn available(&self) -> u64 {
        self.size.saturating_sub(self.used("/var"))
    }
}

fn used(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| used(&entry.path())).sum()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_ephemeral_spares_a_partition_of_etcd() {
        for own in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::new(folder.path().to_owned(), own, 1 << 30);
            disk.furnish(true).unwrap();
            disk.pretend_data().unwrap();
            assert!(disk.has_data());
            let ephemeral = Wipe {
                ephemeral: true,
                ..Wipe::default()
            };
            disk.wipe(ephemeral).unwrap();
            assert_eq!(disk.has_data(), own);
            assert!(!disk.path("/var/lib/kubelet").exists());
            let etcd = Wipe {
                etcd: true,
                ..Wipe::default()
            };
            disk.wipe(etcd).unwrap();
            assert!(!disk.has_data());
        }
    }

    #[test]
    fn no_path_leaves_the_disk() {
        let disk = Disk::new("/nowhere".into(), false, 0);
        assert_eq!(disk.path("/var/../../etc"), Path::new("/nowhere/var/etc"));
    }
}
