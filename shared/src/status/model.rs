//! What is told.

use serde::Serialize;

use crate::scheduled::Run;

/// How the backups are.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it was looked: RFC 3339, UTC.
    pub at: String,
    /// The CronJob.
    pub schedule: Option<Schedule>,
    /// Its last runs, the newest first.
    pub runs: Vec<Run>,
    /// Where backups lie.
    pub destinations: Vec<Place>,
    /// The talosconfig at hand.
    pub talos: Option<TalosAccess>,
    /// How old the newest backup may be, in seconds.
    pub limit_seconds: Option<i64>,
    /// What is not as it should be, a sentence each; empty: all is fresh.
    pub stale: Vec<String>,
    /// What a person should look at, a sentence each.
    pub warnings: Vec<String>,
    /// What could not be seen, a sentence each.
    pub unseen: Vec<String>,
}

/// A CronJob.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Five fields.
    pub schedule: String,
    /// Name of its time zone.
    pub time_zone: Option<String>,
    /// Whether nothing is started.
    pub suspended: bool,
    /// When it runs next: RFC 3339, UTC.
    pub next_run: Option<String>,
    /// Seconds from the next run to the one behind it.
    pub interval_seconds: Option<i64>,
}

/// A destination.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// As it is written.
    pub destination: String,
    /// Snapshots in it.
    pub snapshots: usize,
    /// Objects that are none: partial, foreign, undated, dated in the future.
    pub others: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The newest one that no verification called bad.
    pub newest: Option<Newest>,
    /// Stored sizes of the last ones, the oldest first.
    pub sizes: Vec<u64>,
    /// The last verification with the keys, drills included.
    pub verified: Option<Checked>,
    /// The last drill.
    pub drilled: Option<Checked>,
    /// Newer ones that a verification called bad.
    pub bad: Vec<String>,
    /// Why it cannot be seen.
    pub error: Option<String>,
}

/// A snapshot.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Newest {
    /// Full URL.
    pub url: String,
    /// When it was taken: RFC 3339, UTC.
    pub taken_at: String,
    /// How old its content is, where a verification has looked: RFC 3339.
    pub content_at: Option<String>,
    /// Stored bytes.
    pub bytes: u64,
    /// Whether it is encrypted, if its manifest tells.
    pub encrypted: Option<bool>,
    /// Fingerprints of who can open it, if its manifest tells.
    pub recipients: Vec<String>,
}

/// A verification.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Name of the object.
    pub object: String,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// `deep` or `drill`.
    pub depth: String,
    /// The outcome.
    pub verdict: &'static str,
}

/// A talosconfig.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TalosAccess {
    /// Its context.
    pub context: String,
    /// Until when its certificate holds: RFC 3339, UTC.
    pub certificate_end: String,
    /// What it may.
    pub roles: Vec<String>,
}
