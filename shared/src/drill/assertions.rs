//! What a restored etcd must be able to do, one small assertion each.

use std::fmt;

use serde::Serialize;
use tonic::Status;

use super::Expected;
use super::server::{NAME, Server};

/// The key that is written, read and deleted; outside `/registry`.
const PROBE: &[u8] = b"etcdbackup-drill-probe";

/// How one assertion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It does not hold.
    Failed,
    /// It could not be tested, for a reason that is no fault of the snapshot.
    Skipped,
}

impl Outcome {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// One assertion and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assertion {
    /// Its name in reports.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen. One line.
    pub detail: String,
}

pub(super) async fn all(server: &Server, expected: &Expected) -> Vec<Assertion> {
    let client = &server.client;
    let Expected {
        revision,
        compacted,
        ..
    } = *expected;
    // Older releases refuse the revision of the compaction itself; the newest is the same then.
    let asked = if revision > compacted { revision } else { 0 };
    vec![
        judged("revision", told(client.revision().await), |at| {
            has_revision(*at, revision)
        }),
        judged("hash-kv", told(client.hash_kv(asked).await), |hash| {
            same(hash, &expected.hash_kv)
        }),
        guarded(expected, "health", client.reads().await, |()| {
            Ok("a linearizable read succeeds".to_owned())
        }),
        guarded(expected, "alarms", client.alarms().await, |alarms| {
            no_alarms(alarms)
        }),
        guarded(expected, "keys", client.count(asked).await, |count| {
            same(count, &expected.live_keys)
        }),
        guarded(expected, "members", client.members().await, |members| {
            same(&members.join(", "), &NAME.to_owned())
        }),
        guarded(
            expected,
            "write",
            client.probe(PROBE, b"1").await,
            |back| match back {
                (value, 1) if value == b"1" => Ok("a key was written, read and deleted".to_owned()),
                (value, deleted) => Err(format!(
                    "read back {} bytes, deleted {deleted}",
                    value.len()
                )),
            },
        ),
    ]
}

/// Leases that end after the start may add revisions, nothing may take any away.
fn has_revision(at: i64, expected: i64) -> Result<String, String> {
    match at - expected {
        0 => Ok(format!("{at}")),
        more if more > 0 => Ok(format!("{at}: {more} more since it runs, as leases ended")),
        _ => Err(format!("{at}, and the file has {expected}")),
    }
}

fn no_alarms(alarms: &[String]) -> Result<String, String> {
    if alarms.is_empty() {
        return Ok("none".to_owned());
    }
    Err(format!(
        "{} survived the restore; writes may fail until `talosctl etcd alarm disarm`",
        alarms.join(", ")
    ))
}

fn same<T: PartialEq + fmt::Display>(seen: &T, expected: &T) -> Result<String, String> {
    if seen == expected {
        Ok(format!("{seen}"))
    } else {
        Err(format!("{seen}, and the file has {expected}"))
    }
}

/// With authentication on these calls need a password that nobody has given.
fn guarded<T>(
    expected: &Expected,
    name: &'static str,
    seen: Result<T, Status>,
    judge: impl FnOnce(&T) -> Result<String, String>,
) -> Assertion {
    match seen {
        Err(status) if expected.auth => Assertion {
            name,
            outcome: Outcome::Skipped,
            detail: format!(
                "authentication is on in this snapshot: {}",
                status.message()
            ),
        },
        seen => judged(name, told(seen), judge),
    }
}

fn told<T>(answer: Result<T, Status>) -> Result<T, String> {
    answer.map_err(|status| status.message().to_owned())
}

fn judged<T>(
    name: &'static str,
    seen: Result<T, String>,
    judge: impl FnOnce(&T) -> Result<String, String>,
) -> Assertion {
    let (outcome, detail) = match seen.and_then(|seen| judge(&seen)) {
        Ok(detail) => (Outcome::Ok, detail),
        Err(detail) => (Outcome::Failed, detail),
    };
    Assertion {
        name,
        outcome,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_may_grow_and_never_shrink() {
        assert_eq!(has_revision(7, 7), Ok("7".to_owned()));
        assert!(has_revision(9, 7).unwrap().contains("2 more"));
        assert!(has_revision(6, 7).is_err());
    }

    #[test]
    fn what_needs_a_password_is_skipped_and_not_passed() {
        let expected = |auth| Expected {
            oldest: super::super::Version { major: 3, minor: 5 },
            revision: 1,
            compacted: -1,
            hash_kv: 0,
            live_keys: 0,
            auth,
            raw: false,
        };
        let denied = || Err::<u64, _>(Status::permission_denied("user name is empty"));
        let outcome = |auth| guarded(&expected(auth), "keys", denied(), |_| Ok(String::new()));
        assert_eq!(outcome(true).outcome, Outcome::Skipped);
        assert_eq!(outcome(false).outcome, Outcome::Failed);
        assert!(
            no_alarms(&["NOSPACE".to_owned()])
                .unwrap_err()
                .contains("disarm")
        );
    }
}
