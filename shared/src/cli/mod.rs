//! What every program of the suite shares at its command line: one entry, one way to
//! talk, one set of flag groups, one list of variables.

mod called;
mod config;
#[cfg(feature = "drill")]
mod drill;
pub mod entry;
pub mod env;
#[cfg(feature = "recovery")]
mod findings;
pub mod flags;
pub mod format;
#[cfg(feature = "recovery")]
mod given;
mod limits;
mod log;
mod panic;
mod progress;
#[cfg(feature = "recovery")]
mod recover;
pub mod report;
mod settings;
mod signals;
pub mod table;
pub mod text;
pub mod ui;
mod upload;
mod usage;

pub use called::Called;
#[cfg(feature = "drill")]
pub use drill::DrillFlags;
pub use entry::{Context, run, run_with};
#[cfg(feature = "recovery")]
pub use findings::findings;
#[cfg(feature = "recovery")]
pub use given::Given;
pub use limits::{StreamFlags, duration};
pub use progress::Progress;
#[cfg(feature = "recovery")]
pub use recover::{KubeFlags, ReachFlags, RecoverFlags};
pub use ui::Ui;
pub use upload::UploadFlags;
