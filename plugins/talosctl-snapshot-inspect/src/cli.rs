//! Flags only.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use etcdbackup::cli::flags::{CommonFlags, TalosFlags};
use etcdbackup::cli::{DrillFlags, env};

/// Look inside an etcd snapshot, without restoring it and without etcd
#[derive(Debug, Parser)]
#[command(
    name = "talosctl-snapshot-inspect",
    before_help = "Examples:\n  talosctl-snapshot-inspect check db.snapshot\n  talosctl-snapshot-take | talosctl-snapshot-inspect check --tee > db.proven\n  talosctl-snapshot-inspect get db.snapshot deploy/shop -n web > shop.yaml\nThen: talosctl-snapshot-inspect drill db.snapshot"
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
    Ls(Ls),
    Get(Get),
    Inventory(Inventory),
    Diff(Diff),
    Keys(Keys),
}

/// Hash, revision and keys, as the official tools count them
///
/// Hash, revision, keys and size as the official tools count them, and what they leave out.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect status db.snapshot\nThen: talosctl-snapshot-inspect check db.snapshot"
)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// Prove digest, structure and records
///
/// Prove the digest, the structure and the records: exit 0 clean, 1 suspicious, 65 damaged.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect check db.snapshot\n  talosctl-snapshot-take | talosctl-snapshot-inspect check --tee > db.proven\nThen: talosctl-snapshot-inspect drill db.snapshot"
)]
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

/// Restore into a throw-away etcd, which must keep what the file says
///
/// Restore into a throw-away etcd on loopback and assert what the file promises.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect drill db.snapshot\nThen: talosctl-recover-check snapshot db.snapshot"
)]
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
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
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

/// List the Kubernetes objects of a snapshot
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect ls db.snapshot -n web\n  talosctl-snapshot-inspect ls db.snapshot deploy,sts -l app=shop -o wide\nThen: talosctl-snapshot-inspect get db.snapshot deploy/shop -n web"
)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// Resources in kubectl's words: pods, deploy, widgets.example.org; none: all
    #[arg(value_name = "TYPE")]
    pub(crate) resources: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectFlags,
    /// How the list looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: ListFormat,
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
    #[command(flatten)]
    pub(crate) prefix: PrefixFlags,
}

/// Bring objects of a snapshot back, for `kubectl apply --server-side`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect get db.snapshot deploy/shop -n web > shop.yaml\n  talosctl-snapshot-inspect get db.snapshot --all -n web --secrets secrets.yaml\nThen: kubectl apply --server-side --dry-run=server -f shop.yaml"
)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// A key of etcd, TYPE/NAME, or TYPE with or without names
    #[arg(value_name = "WHAT")]
    pub(crate) what: Vec<String>,
    /// Everything that is not made again by itself
    ///
    /// Everything (of the namespace, with the namespace) that is not made again by itself.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) select: SelectFlags,
    /// How objects look
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: ObjectFormat,
    /// Keep what the cluster set: uid, owners, status
    #[arg(long)]
    pub(crate) full: bool,
    /// Show what is in Secrets
    #[arg(long)]
    pub(crate) show_secrets: bool,
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
    #[command(flatten)]
    pub(crate) prefix: PrefixFlags,
}

/// Count objects and bytes by resource and namespace
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect inventory db.snapshot\nThen: talosctl-snapshot-inspect ls db.snapshot -n web"
)]
pub(crate) struct Inventory {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    /// How many of the largest objects are named
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    pub(crate) largest: usize,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) prefix: PrefixFlags,
}

/// Tell what appeared, vanished and changed between two snapshots
///
/// Tell what appeared, vanished and changed between two snapshots: exit 0 the same, 1 not.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect diff yesterday.snapshot today.snapshot\n  talosctl-snapshot-inspect diff yesterday.snapshot today.snapshot -o json\nThen: talosctl-snapshot-inspect get yesterday.snapshot KEY"
)]
pub(crate) struct Diff {
    /// The older snapshot (`-`: stdin)
    #[arg(value_name = "OLD")]
    pub(crate) first: String,
    /// The newer snapshot (`-`: stdin)
    #[arg(value_name = "NEW")]
    pub(crate) second: String,
    /// Where stdin is kept while it is looked at; without it $TMPDIR or /var/tmp
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
    pub(crate) spool_dir: Option<PathBuf>,
    /// Byte by byte, status, events and leases too
    ///
    /// Byte by byte: status, managed fields, events, leases and what is no object, too.
    #[arg(long)]
    pub(crate) all: bool,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: ListFormat,
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
    #[command(flatten)]
    pub(crate) prefix: PrefixFlags,
}

/// Tell whether a machine config's keys open a snapshot's Secrets
///
/// Tell whether a machine config's keys open the Secrets of a snapshot: exit 0 yes, 1 no.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  talosctl-snapshot-inspect keys db.snapshot --machine-config controlplane.yaml\n  talosctl-snapshot-inspect keys db.snapshot -n 10.0.0.2\nThen: talosctl-recover-check snapshot db.snapshot"
)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
    /// How the report looks
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) prefix: PrefixFlags,
    #[command(flatten)]
    pub(crate) talos: TalosFlags,
}

/// Which objects.
#[derive(Debug, Args)]
pub(crate) struct SelectFlags {
    /// Of this namespace
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// With these labels: app=web,tier!=cache
    ///
    /// With these labels: `app=web,tier!=cache,canary,!legacy`.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
}

/// Keys that open what is encrypted at rest.
#[derive(Debug, Default, Args)]
pub(crate) struct KeyFlags {
    /// Machine config with its encryption keys
    ///
    /// Machine config of a control-plane node, with its encryption keys.
    #[arg(long, env = env::MACHINE_CONFIG, value_name = "FILE", help_heading = "Encryption at rest")]
    pub(crate) machine_config: Option<PathBuf>,
    /// Secrets bundle (`talosctl gen secrets`) instead
    #[arg(long, env = env::SECRETS, conflicts_with = "machine_config", value_name = "FILE", help_heading = "Encryption at rest")]
    pub(crate) secrets: Option<PathBuf>,
}

/// Where the API server keeps its objects.
#[derive(Debug, Args)]
pub(crate) struct PrefixFlags {
    /// Prefix of the API server's keys; without it found out
    #[arg(long, env = env::ETCD_PREFIX, value_name = "PREFIX", hide_short_help = true)]
    pub(crate) etcd_prefix: Option<String>,
}

/// How a list looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// As a report.
    Report(Format),
    /// One key of etcd a line.
    Name,
}

impl Default for ListFormat {
    fn default() -> Self {
        Self::Report(Format::Table)
    }
}

impl ValueEnum for ListFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[ListFormat] = &[
            ListFormat::Report(Format::Table),
            ListFormat::Report(Format::Wide),
            ListFormat::Report(Format::Json),
            ListFormat::Report(Format::Yaml),
            ListFormat::Name,
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Report(format) => format.to_possible_value(),
            Self::Name => Some(PossibleValue::new("name").help("One key of etcd a line")),
        }
    }
}

/// How an object looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// For kubectl and people.
    #[default]
    Yaml,
    /// For kubectl and scripts.
    Json,
    /// The bytes of one value, decrypted where a key opens it.
    Raw,
}
