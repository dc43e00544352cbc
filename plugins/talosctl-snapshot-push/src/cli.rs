//! Flags only.

use clap::{Parser, ValueEnum};
use etcdbackup::cli::flags::{CommonFlags, RecipientFlags, StoreFlags};
use etcdbackup::cli::{LockFlags, UploadFlags, env};

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// One stored URL a line.
    #[default]
    Name,
    /// The receipt.
    Json,
}

/// Prove a snapshot, compress and encrypt it, and store it
///
/// Nothing is published before the snapshot is proven whole.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-push",
    before_help = "Examples:\n  talosctl-snapshot-take | talosctl-snapshot-push s3://backups -R recipients.txt\n  talosctl-snapshot-push -f db.snapshot s3://backups/prod -R recipients.txt\nThen: kubectl etcdbackup list s3://backups/prod"
)]
pub(crate) struct Push {
    /// Destinations: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Snapshot file (`-`: stdin)
    #[arg(short, long, env = env::FILE, default_value = "-", value_name = "FILE")]
    pub(crate) file: String,
    /// Cluster in object names [default: DEST's last part]
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// zstd, zstd:LEVEL or none
    #[arg(long, env = env::COMPRESS, default_value = "zstd", value_name = "HOW", hide_short_help = true)]
    pub(crate) compress: String,
    /// Take a copied `member/snap/db`, which has no digest: only its structure is proven
    #[arg(long)]
    pub(crate) raw: bool,
    /// Write no manifest beside the object
    #[arg(long, env = env::NO_MANIFEST, hide_short_help = true)]
    pub(crate) no_manifest: bool,
    /// Copies that must be stored; without it every destination
    #[arg(long, env = env::MIN_COPIES, value_name = "N", hide_short_help = true)]
    pub(crate) min_copies: Option<usize>,
    /// Parts of 5 MiB, one in flight: under 40 MiB of memory
    #[arg(long, env = env::LOW_MEMORY, hide_short_help = true)]
    pub(crate) low_memory: bool,
    #[command(flatten)]
    pub(crate) upload: UploadFlags,
    #[command(flatten)]
    pub(crate) lock: LockFlags,
    /// stdout: URLs (name, default) or receipt (json)
    #[arg(
        short,
        long,
        hide_possible_values = true,
        hide_default_value = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) recipients: RecipientFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
