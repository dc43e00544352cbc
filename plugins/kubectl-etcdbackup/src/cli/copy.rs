//! Flags of `copy`.

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::StoreFlags;
use etcdbackup::cli::{LockFlags, env};

use super::ChoiceFlags;

/// How a result looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransferFormat {
    /// For people.
    #[default]
    Table,
    /// An array.
    Json,
    /// The same as YAML.
    Yaml,
    /// One URL a line.
    Name,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// A destination or one object's full URL
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// Where copies go
    #[arg(value_name = "DST")]
    pub(crate) destination: String,
    #[command(flatten)]
    pub(crate) choice: ChoiceFlags,
    /// Only say what would be copied
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// age identity; proves what has no manifest
    ///
    /// age identity file or ssh private key: opens, and so proves, encrypted objects that have no
    /// manifest. Can repeat. The copies stay as they are.
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    #[command(flatten)]
    pub(crate) lock: LockFlags,
    /// table, json, yaml or name
    #[arg(
        short,
        long,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: TransferFormat,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
