//! What keeps objects in a store: locks and holds, and what is left of broken uploads.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::{StoreError, StoreErrorKind};
use crate::failure::{Exit, Failure};

/// How a lock can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// By whoever has the right to bypass it, and says so.
    Governance,
    /// By nobody, before its time.
    Compliance,
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        })
    }
}

/// The lock every object gets that is stored and never overwritten. Small things that may be
/// replaced (manifests, records) are not locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// How it can be lifted.
    pub mode: LockMode,
    /// Until when it holds.
    pub until: Timestamp,
}

/// A lock that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockFor {
    /// How it can be lifted.
    pub mode: LockMode,
    /// How long it holds.
    pub time: SignedDuration,
}

impl LockFor {
    /// The lock of what is stored at `from`: whole seconds, never shorter.
    pub fn from(self, from: Timestamp) -> ObjectLock {
        let until = from
            .as_second()
            .saturating_add(self.time.as_secs())
            .saturating_add(1);
        ObjectLock {
            mode: self.mode,
            until: Timestamp::from_second(until).unwrap_or(Timestamp::MAX),
        }
    }
}

/// What keeps an object from being deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hold {
    /// A lock; it may have ended.
    pub lock: Option<ObjectLock>,
    /// A legal hold, which has no end of its own.
    pub legal: bool,
}

impl Hold {
    /// Whether it refuses a delete at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.legal || self.lock.is_some_and(|lock| lock.until > now)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { legal: true, .. } => f.write_str("locked by a legal hold"),
            Self { lock: None, .. } => f.write_str("not locked"),
            Self {
                lock: Some(lock), ..
            } => write!(f, "locked until {:.0} ({})", lock.until, lock.mode),
        }
    }
}

/// An upload that was begun and neither published nor removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// Full key it would publish.
    pub key: String,
    /// What names it (S3: the upload id; a folder: the hidden file).
    pub id: String,
    /// When it was begun.
    pub begun: Option<Timestamp>,
}

impl OpenUpload {
    /// Whether it would publish an object of the destination whose keys begin with `base`, its
    /// `/` included: what lies deeper is another's.
    pub fn lies_in(&self, base: &str) -> bool {
        let below = self.key.strip_prefix(base);
        below.is_some_and(|name| !name.trim_start_matches('/').contains('/'))
    }
}

/// For stores that cannot do something; none of ours is one.
pub(super) fn unknown(what: &str) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Failed,
        failure: Failure::new(Exit::Bug, format!("this store cannot {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_said_with_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let lock = |mode| Hold {
            lock: Some(ObjectLock {
                mode,
                until: at("2026-02-01T00:00:00Z"),
            }),
            legal: false,
        };
        let hold = lock(LockMode::Compliance);
        assert_eq!(
            hold.to_string(),
            "locked until 2026-02-01T00:00:00Z (compliance)"
        );
        assert!(hold.holds(at("2026-01-31T23:59:59Z")));
        assert!(!hold.holds(at("2026-02-01T00:00:00Z")));
        let legal = Hold {
            legal: true,
            ..Hold::default()
        };
        assert!(legal.holds(at("2050-01-01T00:00:00Z")));
        assert!(!Hold::default().holds(at("2026-01-01T00:00:00Z")));
    }
}
