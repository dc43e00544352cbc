//! How long a stored object cannot be deleted, as flags.

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use super::{age, env};
use crate::store::{LockFor, LockMode};

/// Object lock: needs a bucket that was made with it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct LockFlags {
    /// Lock what is stored for this long: 30d
    ///
    /// Lock what is stored for this long (30d, 12h): the store refuses to delete it before, to
    /// whoever asks. The bucket must have been made with object lock.
    #[arg(long, env = env::LOCK_FOR, value_parser = lock_time, value_name = "TIME", hide_short_help = true)]
    pub lock_for: Option<SignedDuration>,
    /// governance: special rights lift it; compliance: nobody
    #[arg(long, env = env::LOCK_MODE, value_enum, default_value_t, hide_possible_values = true, value_name = "MODE", hide_short_help = true)]
    pub lock_mode: LockModeFlag,
}

/// How a lock can be lifted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LockModeFlag {
    /// By whoever has the right to bypass it.
    #[default]
    Governance,
    /// By nobody before its time.
    Compliance,
}

fn lock_time(text: &str) -> Result<SignedDuration, String> {
    age(text).and_then(|time| match time.is_zero() {
        true => Err("a lock of no time is none".to_owned()),
        false => Ok(time),
    })
}

impl LockFlags {
    /// The lock, if one is wanted.
    pub fn lock(&self) -> Option<LockFor> {
        let mode = match self.lock_mode {
            LockModeFlag::Governance => LockMode::Governance,
            LockModeFlag::Compliance => LockMode::Compliance,
        };
        self.lock_for.map(|time| LockFor { mode, time })
    }
}
