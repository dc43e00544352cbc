//! Flags of `rekey`.

use clap::Args;
use etcdbackup::cli::flags::StoreFlags;
use etcdbackup::cli::{LockFlags, env};

use super::{ChoiceFlags, TransferFormat};

#[derive(Debug, Args)]
pub(crate) struct Rekey {
    /// A destination or an object's URL [default: the CronJob's]
    #[arg(env = env::DESTINATION, value_name = "DEST|KEY")]
    pub(crate) place: Option<String>,
    #[command(flatten)]
    pub(crate) choice: ChoiceFlags,
    /// age identity that opens the old ones; repeats
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// Who shall open the new ones; repeats
    #[arg(short, long, env = env::RECIPIENTS, value_delimiter = ',', value_name = "RECIPIENT")]
    pub(crate) recipient: Vec<String>,
    /// The same from a file, one a line; repeats
    #[arg(short = 'R', long, env = env::RECIPIENTS_FILE, value_name = "FILE")]
    pub(crate) recipients_file: Vec<String>,
    /// Delete each old one once the new one verifies
    #[arg(long)]
    pub(crate) delete_old: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
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
