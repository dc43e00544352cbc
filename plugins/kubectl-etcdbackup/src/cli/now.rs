//! Flags of `now`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::{KubectlTalosFlags, RecipientFlags, StoreFlags};
use etcdbackup::cli::{LockFlags, ReportFlags, StreamFlags, UploadFlags, duration, env};

use super::RunbookBeside;

use super::FleetFlags;

/// What stdout of `now` carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Receipt {
    /// One stored URL a line.
    #[default]
    Name,
    /// The receipt.
    Json,
}

const CLUSTER: &str = "In the cluster";

#[derive(Debug, Args)]
pub(crate) struct Now {
    /// Destinations: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Back up from here, over the Talos API
    ///
    /// Back up from here, over the Talos API, with this machine's credentials. Without it a Job
    /// is made of the CronJob that is installed in the cluster, and its log is followed.
    #[arg(long, env = env::DIRECT)]
    pub(crate) direct: bool,
    /// Start the backup in the cluster, and do not wait
    #[arg(long, env = env::NO_WAIT, hide_short_help = true, help_heading = CLUSTER, conflicts_with = "direct")]
    pub(crate) no_wait: bool,
    /// How long to wait for the backup in the cluster
    #[arg(long, env = env::TIMEOUT, hide_short_help = true, help_heading = CLUSTER, default_value = "35m", value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Duration,
    /// CronJob to run, where several back up
    #[arg(long, env = env::CRONJOB, hide_short_help = true, help_heading = CLUSTER, value_name = "NAME")]
    pub(crate) cronjob: Option<String>,
    /// Cluster in object names [default: Talos context]
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// zstd, zstd:LEVEL or none
    #[arg(long, env = env::COMPRESS, value_name = "HOW", hide_short_help = true)]
    pub(crate) compress: Option<String>,
    /// Write no manifest beside the object
    #[arg(long, env = env::NO_MANIFEST, hide_short_help = true)]
    pub(crate) no_manifest: bool,
    /// Copies that must be stored; without it every destination
    #[arg(long, env = env::MIN_COPIES, value_name = "N", hide_short_help = true)]
    pub(crate) min_copies: Option<usize>,
    /// Parts of 5 MiB, one in flight: under 40 MiB of memory
    #[arg(long, env = env::LOW_MEMORY, hide_short_help = true)]
    pub(crate) low_memory: bool,
    /// Write a runbook beside it: sealed (default) or plain
    ///
    /// Write this cluster's recovery document beside the backup, sealed for the recipients; with
    /// `--runbook=plain` in the clear. It is replaced by each run; when that fails, it warns.
    #[arg(
        long,
        env = env::RUNBOOK,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "sealed",
        value_enum,
        value_name = "HOW",
        hide_short_help = true
    )]
    pub(crate) runbook: Option<RunbookBeside>,
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
    pub(crate) output: Receipt,
    #[command(flatten)]
    pub(crate) reports: ReportFlags,
    #[command(flatten)]
    pub(crate) recipients: RecipientFlags,
    #[command(flatten)]
    pub(crate) fleet: FleetFlags,
    #[command(flatten)]
    pub(crate) talos: KubectlTalosFlags,
    #[command(flatten)]
    pub(crate) limits: StreamFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
