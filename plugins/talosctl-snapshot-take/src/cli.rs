//! Flags only.

use std::path::PathBuf;

use clap::Parser;
use etcdbackup::cli::flags::{CommonFlags, TalosFlags};
use etcdbackup::cli::{StreamFlags, env};

/// Take an etcd snapshot from a Talos control plane and prove it whole
///
/// The last 32 bytes leave only after length, SHA-256 and meta pages hold: what reads from a
/// bad stream sees a file without its end.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-take",
    before_help = "Examples:\n  talosctl-snapshot-take -o db.snapshot\n  talosctl-snapshot-take | talosctl-snapshot-push s3://backups -R recipients.txt\nThen: talosctl-snapshot-inspect check db.snapshot"
)]
pub(crate) struct Take {
    /// Output file (`-`: stdout), named when proven
    ///
    /// Output file (`-`: stdout). A file is written as FILE.part, readable by its owner only,
    /// and gets its name when the snapshot is proven.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Save every database that is left, quorum or not, into a folder
    ///
    /// Save the database of every control plane, quorum or not, into the folder that `-o` names
    /// (made if it is not there): a snapshot where etcd runs, else a raw copy of its file. Each
    /// is checked, all are kept, and the one to restore is named.
    #[arg(long, env = env::SALVAGE, conflicts_with = "force")]
    pub(crate) salvage: bool,
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
