//! Whether two snapshots of the same objects are of one history, and one file.

use etcdbackup::failure::Failure;
use etcdbackup::snapshot::report::{HashKvReport, StatusReport};
use serde::Serialize;

use crate::input::Input;
use crate::output::line;

/// What tells two snapshots apart that hold the same objects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fingerprints {
    /// Whether all records are the same: members of one cluster at one revision.
    pub(crate) same_hash_kv: bool,
    /// Whether everything is, leases, members and Raft's index included.
    pub(crate) same_hash: bool,
    pub(crate) first: Fingerprint,
    pub(crate) second: Fingerprint,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fingerprint {
    pub(crate) hash: u32,
    pub(crate) hashkv: HashKvReport,
}

impl Fingerprints {
    /// Reads all of both.
    pub(crate) fn of([first, second]: [Input; 2]) -> Result<Self, Failure> {
        let (first, second) = (Fingerprint::of(&first)?, Fingerprint::of(&second)?);
        Ok(Self {
            same_hash_kv: first.hashkv == second.hashkv,
            same_hash: first.hash == second.hash,
            first,
            second,
        })
    }

    pub(crate) fn text(&self) -> String {
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
    fn of(input: &Input) -> Result<Self, Failure> {
        let report = StatusReport::from(&input.checked()?);
        Ok(Self {
            hash: report.hash,
            hashkv: report.hashkv,
        })
    }
}
