//! Flags only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{DrillFlags, env};

/// Look inside an etcd snapshot, without restoring it and without etcd.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-inspect",
    before_help = "Examples:\n  talosctl-snapshot-inspect check db.snapshot\n  talosctl-snapshot-take | talosctl-snapshot-inspect check --tee | talosctl-snapshot-push s3://backups/prod -R recipients.txt"
)]
pub(crate) struct Inspect {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Status(Status),
    Check(Check),
    Drill(Drill),
}

/// Hash, revision, keys and size as the official tools count them, and what they leave out
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// Prove the digest, the structure and the records: exit 0 clean, 1 suspicious, 65 damaged
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// Pass stdin through to stdout and prove the digest only; the end is withheld until it holds
    #[arg(long)]
    pub(crate) tee: bool,
    /// With --tee: write the report to this file instead of stderr
    #[arg(long, requires = "tee", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// Restore into a throw-away etcd on loopback and assert what the file promises
#[derive(Debug, Args)]
pub(crate) struct Drill {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    #[command(flatten)]
    pub(crate) drill: DrillFlags,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// Which snapshot.
#[derive(Debug, Args)]
pub(crate) struct InputFlags {
    /// Snapshot file (`-`: stdin)
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) file: String,
    /// Where stdin is kept while it is looked at; without it $TMPDIR or /var/tmp
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR")]
    pub(crate) spool_dir: Option<PathBuf>,
}

/// How a report looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, 80 columns.
    #[default]
    Table,
    /// The same with everything.
    Wide,
    /// For scripts.
    Json,
    /// For scripts and people.
    Yaml,
}
