//! Flags of `configs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{KubectlReachFlags, RecipientFlags, StoreFlags};

use super::{Format, Receipt};

#[derive(Debug, Args)]
pub(crate) struct Configs {
    #[command(subcommand)]
    pub(crate) verb: ConfigsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigsVerb {
    /// Save what is not saved yet, sealed (role os:admin)
    ///
    /// Save every control plane's machine config beside the backups, sealed. Nothing is stored
    /// anew where the newest saved one is the same. Needs a talosconfig of role os:admin.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup configs save s3://backups/prod -R recipients.txt\nThen: kubectl etcdbackup configs list s3://backups/prod --live"
    )]
    Save(Box<SaveConfigs>),
    /// List what is saved; with --live, whether it is current
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  kubectl etcdbackup configs list s3://backups/prod\n  kubectl etcdbackup configs list s3://backups/prod --live\nThen: kubectl etcdbackup configs get --node cp-1 -i key.txt -o cp-1.yaml"
    )]
    List(Box<ListConfigs>),
    /// Fetch one, open it and write it to a file
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup configs get --node cp-1 -i key.txt -o cp-1.yaml\nThen: talosctl apply-config --insecure -n NODE -f cp-1.yaml"
    )]
    Get(Box<GetConfig>),
}

#[derive(Debug, Args)]
pub(crate) struct SaveConfigs {
    /// Destinations: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// Cluster in their names [default: Talos context]
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
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
    pub(crate) talos: ConfigsTalosFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

/// Whose configs are read.
#[derive(Debug, Args)]
pub(crate) struct ConfigsTalosFlags {
    /// Only these control planes [default: all of them]
    #[arg(long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub(crate) nodes: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: KubectlReachFlags,
}

#[derive(Debug, Args)]
pub(crate) struct ListConfigs {
    /// A destination: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destination: Option<String>,
    /// Only this cluster
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// Compare with what the nodes run with (role os:admin)
    ///
    /// Read what every control plane runs with (role os:admin), and compare: exit 1 when a node
    /// has no current saved config.
    #[arg(long, env = env::LIVE)]
    pub(crate) live: bool,
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
    pub(crate) talos: ConfigsTalosFlags,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

#[derive(Debug, Args)]
pub(crate) struct GetConfig {
    /// A destination: s3://BUCKET/PREFIX, file:///DIR
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destination: Option<String>,
    /// Whose: a host name or an address
    #[arg(long, env = env::NODE, value_name = "NODE", required = true)]
    pub(crate) node: String,
    /// Output file (`-`: stdout), readable by you only
    ///
    /// Output file (`-`: stdout). A file is written as FILE.part, readable by its owner only,
    /// and gets its name when it is whole.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    /// age identity or ssh key file (`-`: stdin); repeats
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub(crate) identity: Vec<String>,
    /// The newest not after it, as 2026-11-01T12:00:00Z
    #[arg(long, env = env::AT, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}
