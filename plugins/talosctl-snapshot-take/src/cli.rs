//! Flags only.

use std::path::PathBuf;

use clap::Parser;
use etcdbackup::cli::flags::{CommonFlags, TalosFlags};

/// Take an etcd snapshot from a Talos control plane and prove it whole.
///
/// The last 32 bytes leave only after length, SHA-256 and meta pages hold.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-take",
    version,
    before_help = "Examples:\n  talosctl-snapshot-take -o db.snapshot\n  talosctl-snapshot-take -n 10.0.0.2 | talosctl-snapshot-push s3://backups/prod -R recipients.txt"
)]
pub(crate) struct Take {
    /// Output file (`-`: stdout); written as .part, proven, renamed
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) talos: TalosFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
