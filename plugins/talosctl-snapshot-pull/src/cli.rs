//! Flags only.

use std::path::PathBuf;

use clap::Parser;
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{CommonFlags, StoreFlags};

/// Fetch a stored snapshot, decrypt and decompress it, and prove it whole.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-pull",
    version,
    before_help = "Examples:\n  talosctl-snapshot-pull s3://backups/prod -i key.txt -o backup.snapshot\n  talosctl-snapshot-pull s3://backups/prod --at 2026-11-01T12:00:00Z -i key.txt -o before.snapshot"
)]
pub(crate) struct Pull {
    /// A destination (its newest snapshot) or one object's full URL
    #[arg(env = env::DESTINATION, required_unless_present = "url_file", value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// File with a presigned URL (`-`: stdin)
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub(crate) url_file: Option<PathBuf>,
    /// Output file (`-`: stdout); written as .part, proven, renamed
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    /// age identity file or ssh private key (`-`: stdin); can repeat
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// The newest snapshot not after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// The bytes as they lie in the store, neither opened nor proven
    #[arg(long)]
    pub(crate) stored: bool,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
