//! Flags only.

use std::path::PathBuf;

use clap::Parser;
use etcdbackup::cli::StreamFlags;
use etcdbackup::cli::flags::{CommonFlags, TalosFlags};

/// Take an etcd snapshot from a Talos control plane and prove it whole
///
/// The last 32 bytes leave only after length, SHA-256 and meta pages hold: what reads from a
/// bad stream sees a file without its end.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-take",
    before_help = "Examples:\n  talosctl-snapshot-take -o db.snapshot\n  talosctl-snapshot-take | talosctl-snapshot-push s3://backups -R recipients.txt"
)]
pub(crate) struct Take {
    /// Output file (`-`: stdout), named when proven
    ///
    /// Output file (`-`: stdout). A file is written as FILE.part, readable by its owner only,
    /// and gets its name when the snapshot is proven.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) talos: TalosFlags,
    #[command(flatten)]
    pub(crate) limits: StreamFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
