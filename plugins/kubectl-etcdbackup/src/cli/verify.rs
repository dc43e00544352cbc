//! Flags of `verify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::StoreFlags;
use etcdbackup::cli::{DrillFlags, MetricFlags, env};

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
    /// A destination (its newest snapshot) or one object's full URL [default: the CronJob's]
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
    /// Audit: encrypted to exactly these? repeats
    ///
    /// Audit: is each object encrypted to exactly these recipients? Reads only its header, unless
    /// --deep or --drill is said, too. X25519 recipients have no name in a header: a manifest or
    /// -i tells which they are. Exit 1: others, or it cannot be told.
    #[arg(short, long, env = env::EXPECTED_RECIPIENTS, value_delimiter = ',', value_name = "RECIPIENT")]
    pub(crate) recipient: Vec<String>,
    /// The same from a file, one a line; repeats
    #[arg(short = 'R', long, env = env::EXPECTED_RECIPIENTS_FILE, value_name = "FILE", hide_short_help = true)]
    pub(crate) recipients_file: Vec<String>,
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
    pub(crate) metrics: MetricFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
