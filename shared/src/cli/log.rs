//! The log of `-v` and `-vv`, on stderr.

use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::flags::{CommonFlags, LogFormat};
use crate::store::SECRET_LOG_TARGETS;

/// Libraries that log whole requests, or what a credential helper printed, stay silent, whatever
/// was asked: what matters of it is in our own errors.
pub(super) fn start(flags: &CommonFlags) {
    let (ours, others) = match flags.verbosity() {
        0 => return,
        1 => (LevelFilter::INFO, LevelFilter::WARN),
        _ => (LevelFilter::DEBUG, LevelFilter::INFO),
    };
    let quiet = SECRET_LOG_TARGETS
        .iter()
        .map(|target| (*target, LevelFilter::OFF));
    let shown = Targets::new()
        .with_default(others)
        .with_target("etcdbackup", ours)
        .with_targets(quiet);
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(io::stderr)
        .with_ansi(false);
    // Only the first of a process counts; there is one.
    let _set = match flags.log_format {
        LogFormat::Text => builder.finish().with(shown).try_init(),
        LogFormat::Json => builder.json().finish().with(shown).try_init(),
    };
}
