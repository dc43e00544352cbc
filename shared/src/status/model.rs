//! What is told.

use serde::Serialize;

use crate::configs::Outdated;
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
    /// Uploads that were begun and not ended, the oldest first; none: they cannot be seen.
    pub open_uploads: Option<Vec<OpenUpload>>,
    /// What would clear them by itself.
    pub lifecycle_rule: Option<LifecycleRule>,
    /// The newest saved machine config of each node; none: they cannot be seen.
    pub machine_configs: Option<Vec<SavedNode>>,
    /// Nodes that run with a machine config that is not saved; none: not one was asked and told.
    pub outdated_configs: Option<Vec<Outdated>>,
    /// What of it cannot be seen, a sentence each.
    #[serde(skip)]
    pub unseen: Vec<String>,
    /// Why all of it cannot be seen.
    pub error: Option<String>,
}

/// An upload that was begun and not ended: left by a run that was cut off, or of one that runs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenUpload {
    /// Full key it would publish.
    pub key: String,
    /// What names it to the store.
    pub upload_id: String,
    /// When it was begun: RFC 3339, UTC.
    pub begun_at: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<i64>,
}

impl OpenUpload {
    /// Whether it is so old that no run is behind it any more.
    pub fn is_left_over(&self) -> bool {
        self.age_seconds.is_none_or(|age| age > RUN_SECONDS)
    }
}

/// No backup takes longer.
const RUN_SECONDS: i64 = 3600;

/// A rule for a bucket's lifecycle, as S3 takes it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleRule {
    #[serde(rename = "ID")]
    id: &'static str,
    status: &'static str,
    filter: Filter,
    abort_incomplete_multipart_upload: Abort,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    prefix: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Abort {
    days_after_initiation: u32,
}

impl LifecycleRule {
    /// Clears open uploads of keys that begin so, the day after they were begun.
    pub(super) fn of(prefix: &str) -> Self {
        Self {
            id: "etcdbackup-open-uploads",
            status: "Enabled",
            filter: Filter {
                prefix: prefix.to_owned(),
            },
            abort_incomplete_multipart_upload: Abort {
                days_after_initiation: 1,
            },
        }
    }
}

/// The newest saved machine config of a node.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedNode {
    /// Our name of its cluster.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// When it was saved: RFC 3339, UTC.
    pub saved_at: String,
    /// How long ago that was.
    pub age_seconds: i64,
    /// Whether the node runs with it; none: it was not asked, or did not tell.
    pub current: Option<bool>,
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
