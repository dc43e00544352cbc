//! Flags only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{KubeFlags, RecoverFlags, duration, env};
use etcdbackup::recovery::Assertion;

/// Tell whether a control plane needs a restore, and whether it is ready for one
///
/// Looks at every control plane, changes nothing, and answers with the exit code: 0 the sentence
/// is true, 1 it is not, 69 or 77 it could not be seen. Without an assertion it tells what is
/// the matter: 0 only where nothing is.
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-recover-check",
    before_help = "Examples:\n  talosctl-recover-check\n  talosctl-recover-check unrecoverable --lost 10.0.0.4\n  talosctl-recover-check snapshot db.snapshot"
)]
pub(crate) struct RecoverCheck {
    /// The sentence that shall be true; none: the triage
    #[arg(value_enum, value_name = "ASSERTION", hide_possible_values = true)]
    pub(crate) assertion: Option<Sentence>,
    /// Snapshot at hand (`-`: stdin): its members are control planes, too
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Machine config whose keys are tried [default: a live node's]
    #[arg(long, env = env::MACHINE_CONFIG, value_name = "FILE", hide_short_help = true)]
    pub(crate) machine_config: Option<PathBuf>,
    /// How long between two looks at a cluster that seems lost
    #[arg(long, env = env::SURVEY_PAUSE, default_value = "60s", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) survey_pause: Duration,
    /// Where stdin is kept while it is looked at; without it $TMPDIR or /var/tmp
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
    pub(crate) spool_dir: Option<PathBuf>,
    /// `recovered`: compare the live cluster with this snapshot, older or newer
    #[arg(long, env = env::AGAINST, value_name = "FILE", hide_short_help = true)]
    pub(crate) against: Option<String>,
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
