//! Flags of `status`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::{KubectlTalosFlags, StoreFlags};
use etcdbackup::cli::{age, duration, env};
use jiff::SignedDuration;

use super::FleetFlags;

/// How a status looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    /// One screen.
    #[default]
    Table,
    /// One object.
    Json,
    /// The same as YAML.
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Destinations [default: the CronJob's]
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Exit 1 when the newest is older [default: two intervals]
    #[arg(long, env = env::MAX_AGE, value_parser = age, value_name = "AGE")]
    pub(crate) max_age: Option<SignedDuration>,
    /// Look again and again
    #[arg(short, long, env = env::WATCH)]
    pub(crate) watch: bool,
    /// How long between two looks
    #[arg(long, env = env::EVERY, default_value = "30s", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) every: Duration,
    /// Compare saved machine configs with the live ones (os:admin)
    ///
    /// Read what every control plane runs with (role os:admin), and warn of each whose newest
    /// saved machine config is another.
    #[arg(long, env = env::LIVE, hide_short_help = true, conflicts_with_all = ["contexts", "all_contexts"])]
    pub(crate) live: bool,
    /// table, json or yaml
    #[arg(
        short,
        long,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: StatusFormat,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME", hide_short_help = true)]
    pub(crate) cluster_name: Option<String>,
    /// CronJob to look at, where several back up
    #[arg(long, env = env::CRONJOB, value_name = "NAME", hide_short_help = true)]
    pub(crate) cronjob: Option<String>,
    #[command(flatten)]
    pub(crate) fleet: FleetFlags,
    #[command(flatten)]
    pub(crate) talos: KubectlTalosFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
