//! Flags only.

use clap::Parser;
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{LookFlags, ProofFlags, ReachFlags, StoredFlags, WipeFlags};

/// Wipe what holds etcd on control planes, and no more
///
/// The ETCD partition where it is one, else EPHEMERAL; then the node reboots. Refuses while the
/// data of a majority is intact, while anything is unknown, and without a backup that can bring
/// the cluster back. One node first; when it is back, the rest.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-wipe",
    before_help = "Examples:\n  talosctl-recover-wipe -n 10.0.0.2 --restore-from db.snapshot --dry-run\n  talosctl-recover-wipe -n 10.0.0.2 --restore-from db.snapshot --confirm prod\nThen: talosctl-recover-check preparing"
)]
pub(crate) struct RecoverWipe {
    /// Backup to restore, proven now: a file or a URL
    ///
    /// The backup that will be restored: a file (`-`: stdin), an object's full URL, or a
    /// destination (its newest). It must be proven to fit this cluster now.
    #[arg(long, value_name = "FILE")]
    pub(crate) restore_from: String,
    /// The cluster's name, typed (shown without this)
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Look and tell; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up a cluster that has its quorum, by its name
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) discard_cluster: Option<String>,
    #[command(flatten)]
    pub(crate) losses: WipeFlags,
    #[command(flatten)]
    pub(crate) stored: StoredFlags,
    #[command(flatten)]
    pub(crate) proof: ProofFlags,
    #[command(flatten)]
    pub(crate) look: LookFlags,
    /// Nodes that are wiped: at the command line only
    #[arg(short, long, value_delimiter = ',', value_name = "NODE")]
    pub(crate) nodes: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
