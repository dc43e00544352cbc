//! Flags only.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{KubeFlags, LookFlags, ProofFlags, RecoverFlags, StoredFlags, env};
use etcdbackup::recovery::Assertion;

/// Tell whether a control plane needs a restore, and whether it is ready for one
///
/// Looks at every control plane, changes nothing, and answers with the exit code: 0 the sentence
/// is true, 1 it is not, 69 or 77 it could not be seen. Without an assertion it tells what is
/// the matter: 0 only where nothing is.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-check",
    before_help = "Examples:\n  talosctl-recover-check\n  talosctl-recover-check unrecoverable --lost 10.0.0.4\n  talosctl-recover-check snapshot db.snapshot\nThen: what it prints last, with your nodes filled in"
)]
pub(crate) struct RecoverCheck {
    /// The sentence that shall be true; none: the triage
    #[arg(value_enum, value_name = "ASSERTION", hide_possible_values = true)]
    pub(crate) assertion: Option<Sentence>,
    /// Snapshot at hand (`-`: stdin) or URL: its members count, too
    #[arg(value_name = "FILE|URL")]
    pub(crate) file: Option<String>,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// `nodes`: compare these saved machine configs with the live ones; repeats
    #[arg(long, env = env::SAVED_CONFIGS, value_delimiter = ',', value_name = "DIR|FILE", hide_short_help = true)]
    pub(crate) saved_configs: Vec<PathBuf>,
    /// `recovered`: compare the live cluster with this snapshot, older or newer
    #[arg(long, env = env::AGAINST, value_name = "FILE|URL", hide_short_help = true)]
    pub(crate) against: Option<String>,
    #[command(flatten)]
    pub(crate) stored: StoredFlags,
    #[command(flatten)]
    pub(crate) proof: ProofFlags,
    #[command(flatten)]
    pub(crate) look: LookFlags,
    #[command(flatten)]
    pub(crate) recover: RecoverFlags,
    #[command(flatten)]
    pub(crate) kube: KubeFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// Sentences of the runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sentence {
    /// etcd cannot be brought back without a backup
    Unrecoverable,
    /// The nodes are fit for recovery
    Nodes,
    /// Every control plane can be bootstrapped or can join
    Preparing,
    /// FILE can bring this cluster back
    Snapshot,
    /// The cluster is back
    Recovered,
}

impl Sentence {
    /// As the support crate knows it.
    pub(crate) fn assertion(self) -> Assertion {
        match self {
            Self::Unrecoverable => Assertion::Unrecoverable,
            Self::Nodes => Assertion::Nodes,
            Self::Preparing => Assertion::Preparing,
            Self::Snapshot => Assertion::Snapshot,
            Self::Recovered => Assertion::Recovered,
        }
    }
}

/// How a report looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, 80 columns.
    #[default]
    Table,
    /// The same, a row for each node.
    Wide,
    /// For scripts: everything that was seen.
    Json,
    /// For scripts and people.
    Yaml,
}
