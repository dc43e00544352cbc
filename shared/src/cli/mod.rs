//! What every program of the suite shares at its command line: one entry, one way to
//! talk, one set of flag groups, one list of variables.

mod age;
mod asked;
mod called;
pub mod changes;
mod choose;
pub mod completion;
mod config;
#[cfg(feature = "drill")]
mod drill;
pub mod entry;
pub mod env;
mod fetch;
#[cfg(feature = "recovery")]
mod findings;
pub mod fingerprints;
pub mod flags;
pub mod format;
mod generated;
#[cfg(feature = "recovery")]
mod given;
#[cfg(feature = "kube")]
mod kubectl;
mod limits;
mod lock;
mod log;
#[cfg(feature = "recovery")]
mod look;
pub mod objects;
mod panic;
mod progress;
#[cfg(feature = "recovery")]
mod recover;
#[cfg(feature = "recovery")]
pub mod recovery_text;
pub mod report;
#[cfg(feature = "report")]
mod reports;
mod settings;
mod signals;
mod stored;
pub mod table;
#[cfg(feature = "recovery")]
mod telling;
pub mod text;
pub mod ui;
mod upload;
mod usage;

/// Every program of the suite, in the order of the runbook.
pub const PROGRAMS: [&str; 9] = [
    "kubectl-etcdbackup",
    "talosctl-snapshot-take",
    "talosctl-snapshot-push",
    "talosctl-snapshot-pull",
    "talosctl-snapshot-inspect",
    "talosctl-recover-check",
    "talosctl-recover-wipe",
    "talosctl-recover-bootstrap",
    "talosctl-recover-guide",
];

pub use crate::shell::shell;
pub use age::age;
pub use called::Called;
pub use choose::{Chosen, Wish, name_older};
#[cfg(feature = "drill")]
pub use drill::DrillFlags;
pub use entry::{Context, run, run_looking, run_with};
pub use fetch::fetch;
#[cfg(feature = "recovery")]
pub use findings::findings;
#[cfg(feature = "recovery")]
pub use given::Given;
pub use limits::{StreamFlags, duration};
pub use lock::{LockFlags, LockModeFlag};
#[cfg(feature = "recovery")]
pub use look::{configs, look};
pub use progress::Progress;
#[cfg(feature = "recovery")]
pub use recover::{KubeFlags, LookFlags, ReachFlags, RecoverFlags, RestoreFlags, WipeFlags};
#[cfg(feature = "report")]
pub use reports::{MetricFlags, ReportFlags};
pub use stored::{ProofFlags, StoredFlags};
#[cfg(feature = "recovery")]
pub use telling::Telling;
pub use ui::Ui;
pub use upload::UploadFlags;
