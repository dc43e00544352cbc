//! Flow: the CronJob that backs up, the Jobs it makes, what they did and why they do not.
//!
//! What the cluster says is read into plain data; what it means is a pure function of it
//! ([`judge`], [`next_runs`]). Whatever is watched may be dropped at any time: a watch only says
//! that it is time to look again.

mod cron;
mod find;
mod history;
mod job;
mod judge;
mod log;
mod look;
mod obstacle;
mod run;
mod settings;

pub use cron::{Schedule, next_runs};
pub use find::{find, find_all};
pub use history::{Run, RunState, history};
pub use judge::{Ended, Stage, judge};
pub use look::Seen;
pub use obstacle::Obstacle;
pub use run::{Follow, Stopped, Tell, delete, follow, start};
pub use settings::settings;

/// The label by which our objects are found.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Its value.
pub const NAME: &str = "etcdbackup";
