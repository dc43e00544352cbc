//! Flags only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcdbackup::cli::flags::{
    CommonFlags, KubectlTalosFlags, KubernetesFlags, RecipientFlags, StoreFlags,
};
use etcdbackup::cli::{DrillFlags, StreamFlags, UploadFlags, env};

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
    /// Verify what is stored: quickly, deeply, or by a drill
    ///
    /// Verify what is stored: quickly where it lies, deeply with the keys, or by a drill.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup verify s3://backups/prod\n  kubectl etcdbackup verify s3://backups/prod --all --deep -i key.txt"
    )]
    Verify(Box<Verify>),
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
    #[command(flatten)]
    pub(crate) upload: UploadFlags,
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
    pub(crate) limits: StreamFlags,
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

/// How a verification looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyFormat {
    /// For people.
    #[default]
    Table,
    /// An array, with numbers for metrics.
    Json,
    /// The same as YAML.
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A destination (its newest snapshot) or one object's full URL
    #[arg(env = env::DESTINATION, value_name = "DEST|KEY")]
    pub(crate) place: Option<String>,
    /// The newest snapshot only: what happens anyway
    #[arg(long, conflicts_with = "all", hide_short_help = true)]
    pub(crate) latest: bool,
    /// Every snapshot of the destination, newest first
    #[arg(long, env = env::VERIFY_ALL)]
    pub(crate) all: bool,
    /// Decrypt, and prove digest, structure and records
    #[arg(long, env = env::DEEP)]
    pub(crate) deep: bool,
    /// And restore it into a throw-away etcd
    #[arg(long, env = env::DRILL)]
    pub(crate) drill: bool,
    /// age identity file or ssh private key; can repeat
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// Keep no result beside the object
    #[arg(long, env = env::NO_RECORD, hide_short_help = true)]
    pub(crate) no_record: bool,
    /// Where the snapshot is kept, without a name, while it is looked at
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
    pub(crate) spool_dir: Option<PathBuf>,
    /// How the result looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerifyFormat,
    #[command(flatten)]
    pub(crate) drilling: DrillFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
