//! Machine configs of the control planes, kept beside the backups: what "replace the node with
//! its backed-up machine configuration" needs.
//!
//! A name tells which node, when, and a fingerprint of what was saved: whether the newest is what
//! the node runs with is known without a key. The text itself holds every key of the cluster: it
//! is read over the Talos API (role `os:admin`), sealed in memory, and shown nowhere.

mod choose;
mod current;
mod get;
mod live;
mod name;
mod save;
mod saved;

pub use choose::choose;
pub use current::{LiveConfig, Outdated, newest_of, without_current};
pub use get::{deliver, opened};
pub use live::{Live, Reading, read};
pub use name::{ConfigName, fingerprint};
pub use save::{Outcome, Saved, Saving};
pub use saved::{Listing, SavedConfig, list};

/// The folder of saved machine configs, below the prefix of the backups.
pub const FOLDER: &str = ".configs";
