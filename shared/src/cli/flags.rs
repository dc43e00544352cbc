//! Flag groups, defined once and flattened into each program.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::env;
use super::ui::Manners;
use crate::failure::{Exit, Failure};
use crate::seal::Recipients;
use crate::store::{PathStyle, StoreOptions, Timeouts};
use crate::talos::Selection;

/// What every program takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct CommonFlags {
    /// Say more; twice: even more (kubectl's `-v=6` is accepted)
    #[arg(short, long, env = env::VERBOSE, global = true, hide_short_help = true, action = ArgAction::Append, num_args = 0..=1, require_equals = true, default_missing_value = "1", value_name = "LEVEL")]
    pub verbose: Vec<u8>,
    /// Only errors, warnings and data
    #[arg(short, long, env = env::QUIET, global = true, hide_short_help = true)]
    pub quiet: bool,
    /// When to colour; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, env = env::COLOR, global = true, hide_short_help = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorFlag,
    /// Draw no progress bar
    #[arg(long, env = env::NO_PROGRESS, global = true, hide_short_help = true)]
    pub no_progress: bool,
    /// How stderr looks: text for people, or one JSON object a line
    #[arg(long, env = env::LOG_FORMAT, global = true, hide_short_help = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Profile of the configuration file
    #[arg(long, env = env::PROFILE, global = true, hide_short_help = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Configuration file; without it ~/.config/etcdbackup/config.yaml
    #[arg(long, env = env::CONFIG, global = true, hide_short_help = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorFlag {
    /// As the stream and the environment say.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl CommonFlags {
    /// 0, 1 or 2.
    pub fn verbosity(&self) -> u8 {
        self.verbose
            .iter()
            .copied()
            .fold(0, u8::saturating_add)
            .min(2)
    }

    /// How the program talks.
    pub(super) fn manners(&self) -> Manners {
        Manners {
            quiet: self.quiet,
            log_format: self.log_format,
            color: self.color,
            // Log lines and a bar would run into each other.
            progress: !self.no_progress && self.verbosity() == 0,
        }
    }
}

/// Which Talos nodes, and how to reach them (talosctl's names).
#[derive(Debug, Clone, Args)]
pub struct TalosFlags {
    /// Control planes [default: healthiest follower]
    #[arg(short, long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub nodes: Vec<String>,
    /// Endpoints [default: the context's]
    #[arg(short, long, env = env::ENDPOINTS, value_delimiter = ',', value_name = "HOST", help_heading = "Talos")]
    pub endpoints: Vec<String>,
    /// Context of the talosconfig [default: its own]
    #[arg(long, env = env::TALOS_CONTEXT, value_name = "NAME", help_heading = "Talos")]
    pub context: Option<String>,
    /// Talosconfig [default: where talosctl looks]
    #[arg(long, env = env::TALOSCONFIG, value_name = "FILE", help_heading = "Talos")]
    pub talosconfig: Option<PathBuf>,
}

impl TalosFlags {
    /// As the Talos client takes it.
    pub fn selection(&self) -> Selection {
        Selection {
            talosconfig: self.talosconfig.clone(),
            context: self.context.clone(),
            endpoints: self.endpoints.clone(),
            nodes: self.nodes.clone(),
        }
    }
}

/// The same under a kubectl plugin, where `-n` and `--context` are kubectl's.
#[derive(Debug, Clone, Args)]
pub struct KubectlTalosFlags {
    /// Control planes [default: healthiest follower]
    #[arg(long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub nodes: Vec<String>,
    /// The way to them.
    #[command(flatten)]
    pub reach: KubectlReachFlags,
}

/// How control planes are reached, under a kubectl plugin.
#[derive(Debug, Clone, Args)]
pub struct KubectlReachFlags {
    /// Endpoints [default: the context's]
    #[arg(long, env = env::ENDPOINTS, value_delimiter = ',', value_name = "HOST", help_heading = "Talos")]
    pub endpoints: Vec<String>,
    /// Context of the talosconfig [default: its own]
    #[arg(long, env = env::TALOS_CONTEXT, value_name = "NAME", help_heading = "Talos")]
    pub talos_context: Option<String>,
    /// Talosconfig [default: where talosctl looks]
    #[arg(long, env = env::TALOSCONFIG, value_name = "FILE", help_heading = "Talos")]
    pub talosconfig: Option<PathBuf>,
}

impl KubectlTalosFlags {
    /// As the Talos client takes it.
    pub fn selection(&self) -> Selection {
        self.reach.selection(&self.nodes)
    }
}

impl KubectlReachFlags {
    /// As the Talos client takes them, with the nodes that were named.
    pub fn selection(&self, nodes: &[String]) -> Selection {
        Selection {
            talosconfig: self.talosconfig.clone(),
            context: self.talos_context.clone(),
            endpoints: self.endpoints.clone(),
            nodes: nodes.to_vec(),
        }
    }
}

/// kubectl's own flags, as its users type them.
#[derive(Debug, Clone, Default, Args)]
pub struct KubernetesFlags {
    /// kubeconfig file
    #[arg(long, global = true, value_name = "FILE", help_heading = KUBERNETES, hide_short_help = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig (for Talos: `--talos-context`)
    #[arg(long = "context", global = true, value_name = "NAME", help_heading = KUBERNETES, hide_short_help = true)]
    pub kube_context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = KUBERNETES, hide_short_help = true)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = KUBERNETES, hide_short_help = true)]
    pub user: Option<String>,
    /// Namespace (for Talos nodes: `--nodes`)
    #[arg(short, long, global = true, value_name = "NAME", help_heading = KUBERNETES, hide_short_help = true)]
    pub namespace: Option<String>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER", help_heading = KUBERNETES, hide_short_help = true)]
    pub impersonate: Option<String>,
    /// Group to impersonate; can repeat
    #[arg(long = "as-group", global = true, value_name = "GROUP", help_heading = KUBERNETES, hide_short_help = true)]
    pub impersonate_groups: Vec<String>,
    /// Limit of one request, like 30s
    #[arg(long, global = true, value_name = "TIME", help_heading = KUBERNETES, hide_short_help = true)]
    pub request_timeout: Option<String>,
}

const KUBERNETES: &str = "Kubernetes (without effect on `now --direct`, which asks the Talos API)";

impl KubernetesFlags {
    /// Flags that were said and choose a cluster or, so it may be meant, a node.
    pub fn misleading(&self) -> Vec<&'static str> {
        let said = [
            (self.kubeconfig.is_some(), "--kubeconfig"),
            (self.kube_context.is_some(), "--context"),
            (self.cluster.is_some(), "--cluster"),
            (self.namespace.is_some(), "-n"),
        ];
        said.into_iter()
            .filter(|(said, _)| *said)
            .map(|(_, flag)| flag)
            .collect()
    }
}

/// How a bucket is addressed.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum PathStyleFlag {
    /// Decided by the endpoint.
    #[default]
    Auto,
    /// `https://endpoint/bucket`.
    Path,
    /// `https://bucket.endpoint`.
    Virtual,
}

/// How to reach a store. Credentials come from the AWS chain.
#[derive(Debug, Clone, Args)]
pub struct StoreFlags {
    /// S3 endpoint with its scheme [default: AWS]
    #[arg(long, env = env::S3_ENDPOINT, value_name = "URL", help_heading = "Store", hide_short_help = true)]
    pub s3_endpoint: Option<String>,
    /// S3 region
    #[arg(long, env = env::S3_REGION, value_name = "REGION", help_heading = "Store", hide_short_help = true)]
    pub s3_region: Option<String>,
    /// How the bucket is addressed
    #[arg(long, env = env::S3_PATH_STYLE, value_enum, default_value_t, value_name = "STYLE", help_heading = "Store", hide_short_help = true)]
    pub s3_path_style: PathStyleFlag,
    /// PEM file of CAs to trust besides the system's
    #[arg(long, env = env::S3_CA_FILE, value_name = "FILE", help_heading = "Store", hide_short_help = true)]
    pub s3_ca_file: Option<PathBuf>,
    /// Profile of the AWS configuration files
    #[arg(long, env = env::S3_PROFILE, value_name = "NAME", help_heading = "Store", hide_short_help = true)]
    pub s3_profile: Option<String>,
    /// Longest time for one request, its body included (90s, 5m)
    #[arg(long, env = env::S3_TIMEOUT, value_name = "TIME", value_parser = super::limits::duration, hide_short_help = true, help_heading = "Store")]
    pub s3_timeout: Option<Duration>,
}

impl StoreFlags {
    /// As stores take it.
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            s3_endpoint: self.s3_endpoint.clone(),
            s3_region: self.s3_region.clone(),
            s3_path_style: match self.s3_path_style {
                PathStyleFlag::Auto => PathStyle::Auto,
                PathStyleFlag::Path => PathStyle::Path,
                PathStyleFlag::Virtual => PathStyle::Virtual,
            },
            s3_ca_file: self.s3_ca_file.clone(),
            s3_profile: self.s3_profile.clone(),
            timeouts: self
                .s3_timeout
                .map_or_else(Timeouts::default, Timeouts::fixed),
            ..StoreOptions::default()
        }
    }
}

/// Who can open what is stored.
#[derive(Debug, Clone, Args)]
pub struct RecipientFlags {
    /// age recipient: age1…, ssh-ed25519 …; repeats
    ///
    /// An age recipient: age1…, ssh-ed25519 …, ssh-rsa …, or a plugin's (its program on PATH).
    /// Can repeat: each of them can open the backup.
    #[arg(short, long, env = env::RECIPIENTS, value_delimiter = ',', value_name = "RECIPIENT", help_heading = "Encryption")]
    pub recipient: Vec<String>,
    /// File of recipients, one a line; repeats
    #[arg(short = 'R', long, env = env::RECIPIENTS_FILE, value_name = "FILE", help_heading = "Encryption")]
    pub recipients_file: Vec<String>,
    /// Store in the clear, every Secret readable
    ///
    /// Store in the clear: whoever reads the store reads every Secret of the cluster.
    #[arg(long, help_heading = "Encryption")]
    pub no_encrypt: bool,
}

impl RecipientFlags {
    /// The recipients; none only when `--no-encrypt` was said.
    ///
    /// # Errors
    /// 2: neither or both; 78: an unusable recipient.
    pub fn recipients(&self, stdin_is_taken: bool) -> Result<Option<Recipients>, Failure> {
        let recipients = Recipients::read(&self.recipient, &self.recipients_file, stdin_is_taken)?;
        match (recipients, self.no_encrypt) {
            (Some(_), true) => Err(Failure::new(Exit::Usage, "both a recipient and `--no-encrypt` were given").hint("choose one")),
            (None, false) => Err(Failure::new(Exit::Usage, "no recipient to encrypt to")
                .hint("give `-r age1…` or `-R FILE` (make a key with `age-keygen -o key.txt`), or say `--no-encrypt`")),
            (recipients, _) => Ok(recipients),
        }
    }
}
