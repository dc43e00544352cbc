//! Flags of `list`.

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::StoreFlags;
use etcdbackup::cli::{age, env};
use jiff::SignedDuration;

/// How a listing looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Name, age, size, state.
    #[default]
    Table,
    /// And cluster, time, key.
    Wide,
    /// An array of entries.
    Json,
    /// The same as YAML.
    Yaml,
    /// One URL a line.
    Name,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Destinations: s3://…, file:///DIR [default: the CronJob's]
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Only this cluster
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// Exit 1 when the newest snapshot is older: 12h, 2d
    #[arg(long, env = env::MAX_AGE, value_parser = age, value_name = "AGE")]
    pub(crate) max_age: Option<SignedDuration>,
    /// table, wide, json, yaml or name
    #[arg(
        short,
        long,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
