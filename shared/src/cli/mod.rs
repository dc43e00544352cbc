//! What every program of the suite shares at its command line: one entry, one way to
//! talk, one set of flag groups, one list of variables.

pub mod entry;
pub mod env;
pub mod flags;
pub mod format;
pub mod report;
pub mod table;
pub mod ui;

pub use entry::{Context, run};
pub use ui::Ui;
