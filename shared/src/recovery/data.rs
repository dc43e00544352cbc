//! What a listing of etcd's data directory proves.
//!
//! etcd needs both its database and its write-ahead log. A restore writes the database first
//! and checks the hash of the snapshot after that: a refused hash leaves a database without a
//! log behind, and Bootstrap then says that the directory is not empty.

use serde::Serialize;

use crate::talos::FileEntry;

/// Where etcd keeps its data on every Talos node.
pub const DATA_DIRECTORY: &str = "/var/lib/etcd";
/// The database in it.
pub const DATABASE: &str = "/var/lib/etcd/member/snap/db";
/// Where an upload waits for Bootstrap.
pub const UPLOADED_SNAPSHOT: &str = "/var/lib/etcd.snapshot";

/// The entries of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataDirectory {
    /// Whether there is a directory at all.
    pub exists: bool,
    /// Everything below it.
    pub entries: Vec<FileEntry>,
}

/// What the directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataState {
    /// Nothing.
    Empty,
    /// A database and a write-ahead log: etcd can start from it.
    Intact,
    /// A database without a log: what a restore leaves when it is refused half way.
    DatabaseOnly,
    /// Something else, as a log without a database.
    Fragments,
}

impl DataState {
    /// For reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Intact => "database and log",
            Self::DatabaseOnly => "a database without a log",
            Self::Fragments => "fragments without a database",
        }
    }
}

impl DataDirectory {
    /// Of a listing of [`DATA_DIRECTORY`]; none: there is no such directory.
    pub fn new(listing: Option<Vec<FileEntry>>) -> Self {
        let exists = listing.is_some();
        let entries = listing.unwrap_or_default().into_iter();
        let below = |path: &str| {
            let path = path.strip_prefix(DATA_DIRECTORY).unwrap_or(path);
            path.trim_matches('/').to_owned()
        };
        let entries = entries.filter_map(|entry| {
            let path = below(&entry.path);
            (!matches!(path.as_str(), "" | ".")).then_some(FileEntry { path, ..entry })
        });
        Self {
            exists,
            entries: entries.collect(),
        }
    }

    /// Bytes of the database, if there is one.
    pub fn database_bytes(&self) -> Option<u64> {
        let mut files = self.entries.iter().filter(|entry| !entry.is_directory);
        let database = files.find(|entry| entry.path == "member/snap/db");
        database.map(|entry| entry.bytes).filter(|bytes| *bytes > 0)
    }

    /// What it holds.
    pub fn state(&self) -> DataState {
        let is_log = |entry: &&FileEntry| {
            entry.path.starts_with("member/wal/") && entry.path.ends_with(".wal") && entry.bytes > 0
        };
        let has_log = self.entries.iter().any(|entry| is_log(&entry));
        match (self.database_bytes(), has_log) {
            (Some(_), true) => DataState::Intact,
            (Some(_), false) => DataState::DatabaseOnly,
            // Bootstrap refuses a directory with any entry, so only none at all is empty.
            (None, _) if self.entries.is_empty() => DataState::Empty,
            (None, _) => DataState::Fragments,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[(&str, u64)]) -> DataDirectory {
        let entry = |(path, bytes): &(&str, u64)| FileEntry {
            path: (*path).to_owned(),
            bytes: *bytes,
            is_directory: !path.contains('.') && !path.ends_with("/db"),
        };
        DataDirectory::new(Some(paths.iter().map(entry).collect()))
    }

    #[test]
    fn a_listing_is_told_apart() {
        let log = ("member/wal/0000000000000000-0000000000000000.wal", 64);
        for (paths, state) in [
            (&[(".", 4096)][..], DataState::Empty),
            (&[(".", 0), ("member/snap/db", 9), log], DataState::Intact),
            (&[("member/snap/db", 9)], DataState::DatabaseOnly),
            (&[("member/snap/db", 0), log], DataState::Fragments),
            (&[("member", 0)], DataState::Fragments),
        ] {
            assert_eq!(listed(paths).state(), state, "{paths:?}");
        }
        let absent = DataDirectory::new(None);
        assert_eq!((absent.exists, absent.state()), (false, DataState::Empty));
    }
}
