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
#[command(override_usage = "kubectl etcdbackup copy [OPTIONS] [SRC] <DST>")]
pub(crate) struct Copy {
    /// A destination or an object's URL [default: the CronJob's]
    #[arg(value_name = "SRC")]
    first: Option<String>,
    /// Where copies go
    #[arg(value_name = "DST")]
    second: Option<String>,
    /// What the variable says: a place by itself would be taken for the one typed first.
    #[arg(long, env = env::DESTINATION, hide = true, value_name = "SRC")]
    from: Option<String>,
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

impl Copy {
    /// Where from, if that is said, and where to: the only place that was typed is where to.
    pub(crate) fn places(&self) -> Option<(Option<&String>, &String)> {
        match (&self.first, &self.second) {
            (Some(from), Some(to)) => Some((Some(from), to)),
            (only, None) => Some((self.from.as_ref(), only.as_ref()?)),
            (None, Some(_)) => None,
        }
    }
}
