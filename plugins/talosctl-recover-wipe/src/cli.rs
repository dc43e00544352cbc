//! Flags only.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{ReachFlags, duration, env};

/// Wipe what holds etcd on control planes, and no more
///
/// The ETCD partition where it is one, else EPHEMERAL; then the node reboots. Refuses while the
/// data of a majority is intact, while anything is unknown, and without a backup that can bring
/// the cluster back. One node first; when it is back, the rest.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-wipe",
    before_help = "Examples:\n  talosctl-recover-wipe -n 10.0.0.2,10.0.0.3 --restore-from db.snapshot --dry-run\n  talosctl-recover-wipe -n 10.0.0.2 --restore-from db.snapshot --confirm prod"
)]
pub(crate) struct RecoverWipe {
    /// The backup that will be restored, which must be sound
    #[arg(long, value_name = "FILE")]
    pub(crate) restore_from: String,
    /// The cluster's name, typed: it is shown without this
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Look and tell; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up what else lies on EPHEMERAL
    #[arg(long)]
    pub(crate) lose_local_data: bool,
    /// Give up this node's database, be it newer; repeats
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NODE",
        hide_short_help = true
    )]
    pub(crate) lose_database: Vec<String>,
    /// Give up a cluster that has its quorum, by its name
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) discard_cluster: Option<String>,
    /// Machine config whose keys are tried [default: a live node's]
    #[arg(long, env = env::MACHINE_CONFIG, value_name = "FILE", hide_short_help = true)]
    pub(crate) machine_config: Option<PathBuf>,
    /// How long a wiped node may take to come back
    #[arg(long, env = env::WIPE_TIMEOUT, default_value = "15m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) wipe_timeout: Duration,
    /// How long between two looks at a cluster that seems lost
    #[arg(long, env = env::SURVEY_PAUSE, default_value = "60s", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) survey_pause: Duration,
    /// Where stdin is kept while it is looked at; without it $TMPDIR or /var/tmp
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
    pub(crate) spool_dir: Option<PathBuf>,
    /// The nodes that are wiped, named at the command line only
    #[arg(short, long, value_delimiter = ',', value_name = "NODE")]
    pub(crate) nodes: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}
