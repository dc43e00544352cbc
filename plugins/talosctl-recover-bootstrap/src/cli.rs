//! Flags only.

use clap::Parser;
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{ProofFlags, ReachFlags, RestoreFlags, env};

/// Bring etcd back from a snapshot on one node, and wait for the others
///
/// Proves the snapshot, makes sure that every control plane is empty or lost, uploads, looks
/// again, bootstraps the same node, and watches. Safe to run again at any point.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-bootstrap",
    before_help = "Examples:\n  talosctl-recover-bootstrap -n 10.0.0.2 db.snapshot\n  talosctl-snapshot-pull s3://backups/prod -i key.txt |\n    talosctl-recover-bootstrap -n 10.0.0.2 --restart-kubelets\nThen: talosctl-recover-check recovered --against db.snapshot"
)]
pub(crate) struct RecoverBootstrap {
    /// The snapshot (`-`: stdin)
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) file: String,
    /// The same, as talosctl calls it
    #[arg(long, value_name = "FILE", conflicts_with = "file", hide = true)]
    pub(crate) recover_from: Option<String>,
    /// Look and tell; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Restart the kubelets afterwards
    ///
    /// Restart the kubelets afterwards: what they remember is newer than the snapshot.
    #[arg(long, env = env::RESTART_KUBELETS)]
    pub(crate) restart_kubelets: bool,
    /// FILE is a raw copy of a database, without digest
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) proof: ProofFlags,
    #[command(flatten)]
    pub(crate) limits: RestoreFlags,
    /// The one node to bootstrap: at the command line only
    #[arg(short, long, value_delimiter = ',', value_name = "NODE")]
    pub(crate) nodes: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
