//! Flag groups, defined once and flattened into each program.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::env;
use crate::failure::{Exit, Failure};
use crate::seal::Recipients;
use crate::store::{PathStyle, StoreOptions};
use crate::talos::Selection;

/// What every program takes.
#[derive(Debug, Clone, Args)]
pub struct CommonFlags {
    /// Say more; twice: even more (kubectl's `-v=6` is accepted)
    #[arg(short, long, global = true, action = ArgAction::Append, num_args = 0..=1, require_equals = true, default_missing_value = "1", value_name = "LEVEL", help_heading = "Output")]
    pub verbose: Vec<u8>,
    /// Only errors and data
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Output"
    )]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
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
            .map(|level| (*level).max(1))
            .fold(0, u8::saturating_add)
            .min(2)
    }
}

/// Which Talos nodes, and how to reach them (talosctl's names).
#[derive(Debug, Clone, Args)]
pub struct TalosFlags {
    /// Control-plane nodes; without it the healthiest follower
    #[arg(short, long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub nodes: Vec<String>,
    /// Endpoints instead of the context's
    #[arg(short, long, env = env::ENDPOINTS, value_delimiter = ',', value_name = "HOST", help_heading = "Talos")]
    pub endpoints: Vec<String>,
    /// Context of the talosconfig
    #[arg(long, env = env::TALOS_CONTEXT, value_name = "NAME", help_heading = "Talos")]
    pub context: Option<String>,
    /// Talosconfig; without it $TALOSCONFIG, ~/.talos/config, the pod's
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
    /// Control-plane nodes; without it the healthiest follower
    #[arg(long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub nodes: Vec<String>,
    /// Endpoints instead of the context's
    #[arg(long, env = env::ENDPOINTS, value_delimiter = ',', value_name = "HOST", help_heading = "Talos")]
    pub endpoints: Vec<String>,
    /// Context of the talosconfig
    #[arg(long, env = env::TALOS_CONTEXT, value_name = "NAME", help_heading = "Talos")]
    pub talos_context: Option<String>,
    /// Talosconfig; without it $TALOSCONFIG, ~/.talos/config, the pod's
    #[arg(long, env = env::TALOSCONFIG, value_name = "FILE", help_heading = "Talos")]
    pub talosconfig: Option<PathBuf>,
}

impl KubectlTalosFlags {
    /// As the Talos client takes it.
    pub fn selection(&self) -> Selection {
        Selection {
            talosconfig: self.talosconfig.clone(),
            context: self.talos_context.clone(),
            endpoints: self.endpoints.clone(),
            nodes: self.nodes.clone(),
        }
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
    /// S3 endpoint with its scheme; without it AWS
    #[arg(long, env = env::S3_ENDPOINT, value_name = "URL", help_heading = "Store")]
    pub s3_endpoint: Option<String>,
    /// S3 region
    #[arg(long, env = env::S3_REGION, value_name = "REGION", help_heading = "Store")]
    pub s3_region: Option<String>,
    /// How the bucket is addressed
    #[arg(long, env = env::S3_PATH_STYLE, value_enum, default_value_t, value_name = "STYLE", help_heading = "Store")]
    pub s3_path_style: PathStyleFlag,
    /// PEM file of CAs to trust besides the system's
    #[arg(long, env = env::S3_CA_FILE, value_name = "FILE", help_heading = "Store")]
    pub s3_ca_file: Option<PathBuf>,
    /// Profile of the AWS configuration files
    #[arg(long, env = env::S3_PROFILE, value_name = "NAME", help_heading = "Store")]
    pub s3_profile: Option<String>,
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
            ..StoreOptions::default()
        }
    }
}

/// Who can open what is stored.
#[derive(Debug, Clone, Args)]
pub struct RecipientFlags {
    /// age recipient: age1…, ssh-ed25519 …, a plugin's; can repeat
    #[arg(short, long, env = env::RECIPIENTS, value_delimiter = ',', value_name = "RECIPIENT", help_heading = "Encryption")]
    pub recipient: Vec<String>,
    /// File of recipients, one a line; can repeat
    #[arg(short = 'R', long, env = env::RECIPIENTS_FILE, value_name = "FILE", help_heading = "Encryption")]
    pub recipients_file: Vec<String>,
    /// Store in the clear: whoever reads the bucket reads every Secret
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
