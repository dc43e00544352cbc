//! The log of `-v` and `-vv`, on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

use super::flags::{CommonFlags, LogFormat};
use crate::store::SECRET_LOG_TARGETS;

/// Libraries that log whole requests, or what a credential helper printed, stay silent, whatever
/// was asked: what matters of it is in our own errors.
pub(super) fn start(flags: &CommonFlags) {
    let level = match flags.verbosity() {
        0 => return,
        1 => "warn,etcdbackup=info",
        _ => "info,etcdbackup=debug",
    };
    let quiet: Vec<String> = SECRET_LOG_TARGETS
        .iter()
        .map(|target| format!("{target}=off"))
        .collect();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{level},{}", quiet.join(","))))
        .with_writer(io::stderr)
        .with_ansi(false);
    // Only the first of a process counts; there is one.
    let _set = match flags.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
