//! One damaged file and what the check says of it.

use std::iter::Sum;

use aws_lc_rs::digest::{SHA256, digest};
use etcdbackup::failure::Exit;
use etcdbackup::snapshot::check;

const TRAILER: usize = 32;

/// A file in memory.
pub(crate) struct Case {
    bytes: Vec<u8>,
}

/// What the check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Clean,
    Suspicious,
    Damaged,
}

impl Case {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
        }
    }

    pub(crate) fn check(&self) -> Outcome {
        // A file that does not even open is refused with the same exit code.
        let exit = check(&*self.bytes).map_or(Exit::Data, |checked| checked.survey.findings.exit());
        match exit {
            Exit::Done => Outcome::Clean,
            Exit::No => Outcome::Suspicious,
            Exit::Data => Outcome::Damaged,
            other => panic!("exit {other:?}"),
        }
    }

    /// Puts a right digest where the old one was.
    pub(crate) fn make_digest_anew(&mut self) {
        self.bytes.truncate(self.bytes.len() - TRAILER);
        self.append_digest();
    }

    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes
    }

    pub(crate) fn lacks_only_the_digest_of(&self, bytes: &[u8]) -> bool {
        self.bytes.len() + TRAILER == bytes.len() && bytes.starts_with(&self.bytes)
    }

    pub(crate) fn append_digest(&mut self) {
        let trailer = digest(&SHA256, &self.bytes);
        self.bytes.extend_from_slice(trailer.as_ref());
    }
}

/// How many cases ended in which way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    pub(crate) by_digest: u64,
    pub(crate) damaged: u64,
    pub(crate) suspicious: u64,
    pub(crate) unseen: u64,
}

impl Tally {
    /// A case that the digest refused, and that structure alone found to be so.
    pub(crate) fn of(outcome: Outcome) -> Self {
        let one = |which| u64::from(outcome == which);
        Self {
            total: 1,
            by_digest: 1,
            damaged: one(Outcome::Damaged),
            suspicious: one(Outcome::Suspicious),
            unseen: one(Outcome::Clean),
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            total: sum.total + tally.total,
            by_digest: sum.by_digest + tally.by_digest,
            damaged: sum.damaged + tally.damaged,
            suspicious: sum.suspicious + tally.suspicious,
            unseen: sum.unseen + tally.unseen,
        })
    }
}
