//! Flags only.

use clap::Parser;
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{
    LookFlags, ProofFlags, RecoverFlags, RestoreFlags, StoredFlags, WipeFlags, env,
};

/// Bring a dead control plane back, step by step, in one conversation
///
/// Looks, says what follows, lets you choose the backup, proves it against this cluster, wipes
/// where needed, bootstraps, and proves that etcd is back. Before each step that destroys it
/// wants the cluster's name typed. It shows the command of each step, can be stopped at any
/// time, and goes on where the cluster is. It needs a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-guide",
    before_help = "Examples:\n  talosctl-recover-guide s3://backups/prod -i key.txt\n  talosctl-recover-guide db.snapshot --lost 10.0.0.4\nThen: talosctl-recover-check recovered"
)]
pub(crate) struct RecoverGuide {
    /// Where backups lie, or a snapshot here; asked for
    ///
    /// Where backups lie: s3://BUCKET/PREFIX or file:///DIR, several if need be; an object's full
    /// URL; or a snapshot on this machine. Without it the conversation asks.
    #[arg(env = env::DESTINATION, value_name = "DEST|FILE")]
    pub(crate) sources: Vec<String>,
    /// Look, ask and tell; change nothing on a node
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) losses: WipeFlags,
    #[command(flatten)]
    pub(crate) stored: StoredFlags,
    #[command(flatten)]
    pub(crate) proof: ProofFlags,
    #[command(flatten)]
    pub(crate) look: LookFlags,
    #[command(flatten)]
    pub(crate) limits: RestoreFlags,
    #[command(flatten)]
    pub(crate) recover: RecoverFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
