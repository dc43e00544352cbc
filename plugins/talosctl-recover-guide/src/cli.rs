//! Flags only.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use etcdbackup::cli::flags::{CommonFlags, StoreFlags};
use etcdbackup::cli::{RecoverFlags, RestoreFlags, duration, env};

/// Bring a dead control plane back, step by step, in one conversation
///
/// Looks, says what follows, lets you choose the backup, proves it against this cluster, wipes
/// where needed, bootstraps, and proves that etcd is back. Before each step that destroys it
/// wants the cluster's name typed. It shows the command of each step, can be stopped at any
/// time, and goes on where the cluster is. It needs a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-guide",
    before_help = "Examples:\n  talosctl-recover-guide s3://backups/prod -i key.txt\n  talosctl-recover-guide db.snapshot --lost 10.0.0.4"
)]
pub(crate) struct RecoverGuide {
    /// Where backups lie, or a snapshot here; asked for
    ///
    /// Where backups lie: s3://BUCKET/PREFIX or file:///DIR, several if need be; an object's full
    /// URL; or a snapshot on this machine. Without it the conversation asks.
    #[arg(env = env::DESTINATION, value_name = "DEST|FILE")]
    pub(crate) sources: Vec<String>,
    /// age identity or ssh key file; repeats
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// Look, ask and tell; change nothing on a node
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up what else lies on EPHEMERAL
    #[arg(long)]
    pub(crate) lose_local_data: bool,
    /// Give up this node's database, be it newer; repeats
    #[arg(long, value_delimiter = ',', value_name = "NODE")]
    pub(crate) lose_database: Vec<String>,
    /// Machine config whose keys are tried [default: a live node's]
    #[arg(long, env = env::MACHINE_CONFIG, value_name = "FILE", hide_short_help = true)]
    pub(crate) machine_config: Option<PathBuf>,
    /// How long between two looks at a cluster that seems lost
    #[arg(long, env = env::SURVEY_PAUSE, default_value = "60s", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) survey_pause: Duration,
    /// How long a wiped node may take to come back
    #[arg(long, env = env::WIPE_TIMEOUT, default_value = "15m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) wipe_timeout: Duration,
    #[command(flatten)]
    pub(crate) limits: RestoreFlags,
    #[command(flatten)]
    pub(crate) recover: RecoverFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
