//! Flags of `runbook`.

use clap::{Args, ValueEnum};
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{KubectlReachFlags, StoreFlags};

/// How a runbook lies beside a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunbookBeside {
    /// Encrypted to the recipients of the backup.
    Sealed,
    /// For everybody who reads the store.
    Plain,
}

/// What a runbook is printed as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// Text.
    #[default]
    Markdown,
    /// One file for a browser and a printer.
    Html,
    /// Its parts.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Runbook {
    /// Where backups lie: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Cluster in object names [default: Talos context]
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// age recipient; repeats [default: the last backup's]
    ///
    /// An age recipient, to be named by its fingerprint. Can repeat. Without any: those of the
    /// last backup, as its manifest has them.
    #[arg(short, long, env = env::RECIPIENTS, value_delimiter = ',', value_name = "RECIPIENT")]
    pub(crate) recipient: Vec<String>,
    /// File of recipients, one a line; repeats
    #[arg(short = 'R', long, env = env::RECIPIENTS_FILE, value_name = "FILE")]
    pub(crate) recipients_file: Vec<String>,
    /// markdown, html or json
    #[arg(
        short,
        long,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: DocumentFormat,
    /// Control planes, besides those that are known
    #[arg(long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub(crate) nodes: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: KubectlReachFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
