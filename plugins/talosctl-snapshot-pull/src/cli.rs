//! Flags only.

use std::path::PathBuf;

use clap::Parser;
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{CommonFlags, StoreFlags};

/// Fetch a stored snapshot, decrypt and decompress it, and prove it whole
///
/// The last 32 bytes leave only after length, SHA-256 and meta pages hold.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-pull",
    before_help = "Examples:\n  talosctl-snapshot-pull s3://backups/prod -i key.txt -o backup.snapshot\n  talosctl-snapshot-pull s3://backups/prod --stored -o object.age\nThen: talosctl-recover-check snapshot backup.snapshot"
)]
pub(crate) struct Pull {
    /// A destination (its newest snapshot) or an object's full URL
    #[arg(env = env::DESTINATION, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// File with a presigned URL (`-`: stdin)
    #[arg(long, env = env::URL_FILE, value_name = "FILE", conflicts_with = "source")]
    pub(crate) url_file: Option<PathBuf>,
    /// Output file (`-`: stdout), named when proven
    ///
    /// Output file (`-`: stdout). A file is written as FILE.part, readable by its owner only,
    /// and gets its name when the snapshot is proven.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    /// age identity or ssh key file (`-`: stdin); repeats
    ///
    /// File of age identities, or an ssh private key (`-`: stdin, once). Can repeat. A protected
    /// one asks for its passphrase on the terminal.
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// The newest not after it, as 2026-11-01T12:00:00Z
    #[arg(long, env = env::AT, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// The stored bytes, neither opened nor proven
    #[arg(long, env = env::STORED)]
    pub(crate) stored: bool,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
