//! Whether two snapshots of the same objects are of one history, and one file.

use serde::Serialize;

use super::text::line;
use crate::snapshot::Checked;
use crate::snapshot::report::{HashKvReport, StatusReport};

/// What tells two snapshots apart that hold the same objects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fingerprints {
    /// Whether all records are the same: members of one cluster at one revision.
    pub same_hash_kv: bool,
    /// Whether everything is, leases, members and Raft's index included.
    pub same_hash: bool,
    /// Of the first.
    pub first: Fingerprint,
    /// Of the second.
    pub second: Fingerprint,
}

/// Of one snapshot.
#[derive(Debug, Serialize)]
pub struct Fingerprint {
    /// CRC-32C over everything.
    pub hash: u32,
    /// Over the records only.
    pub hashkv: HashKvReport,
}

impl Fingerprints {
    /// Of two checks.
    pub fn of(first: &Checked, second: &Checked) -> Self {
        let (first, second) = (Fingerprint::of(first), Fingerprint::of(second));
        Self {
            same_hash_kv: first.hashkv == second.hashkv,
            same_hash: first.hash == second.hash,
            first,
            second,
        }
    }

    /// Two lines for people.
    pub fn text(&self) -> String {
        let Self { first, second, .. } = self;
        let (one, other) = (first.hashkv, second.hashkv);
        let hash_kv = if self.same_hash_kv {
            format!("the same, {} at revision {}", one.hash, one.hash_revision)
        } else {
            format!(
                "{} at revision {} and {} at revision {}: what they hold is the same, how it came to be is not",
                one.hash, one.hash_revision, other.hash, other.hash_revision
            )
        };
        let hash = if self.same_hash {
            format!("the same, {:x}", first.hash)
        } else {
            format!(
                "{:x} and {:x}: it also covers leases, members and Raft's index",
                first.hash, second.hash
            )
        };
        line("HashKV", &hash_kv) + &line("Hash", &hash)
    }
}

impl Fingerprint {
    fn of(checked: &Checked) -> Self {
        let report = StatusReport::from(checked);
        Self {
            hash: report.hash,
            hashkv: report.hashkv,
        }
    }
}
