//! Flags only.

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{
    CommonFlags, KubectlTalosFlags, KubernetesFlags, RecipientFlags, StoreFlags,
};

/// Back up the etcd of Talos Linux clusters
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-etcdbackup",
    before_help = "Examples:\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\n  kubectl etcdbackup list s3://backups/prod --max-age 12h"
)]
pub(crate) struct Etcdbackup {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) kubernetes: KubernetesFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Take a snapshot now, prove, compress, encrypt and store it
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\n  key=$(kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt)"
    )]
    Now(Box<Now>),
    /// List what destinations hold
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  kubectl etcdbackup list s3://backups/prod --max-age 12h\n  kubectl etcdbackup list s3://backups/prod -o wide"
    )]
    List(Box<List>),
}

/// What stdout of `now` carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Receipt {
    /// One stored URL a line.
    #[default]
    Name,
    /// The receipt.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Now {
    /// Destinations: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Back up from here, over the Talos API
    #[arg(long, env = env::DIRECT)]
    pub(crate) direct: bool,
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
    pub(crate) recipients: RecipientFlags,
    #[command(flatten)]
    pub(crate) talos: KubectlTalosFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

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
    /// Destinations: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Only this cluster
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// Exit 1 when the newest snapshot is older: 12h, 2d
    #[arg(long, env = env::MAX_AGE, value_name = "AGE")]
    pub(crate) max_age: Option<String>,
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
