//! Flags of `manifests`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use etcdbackup::cli::flags::{RecipientFlags, StoreFlags};
use etcdbackup::cli::{duration, env};

/// What is rendered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Host {
    /// Objects of Kubernetes: the backup.
    #[default]
    Cluster,
    /// The machine-config patch that Talos needs.
    Talos,
    /// Units for another host: deep verification and pruning.
    Systemd,
    /// The same as a CI workflow.
    Ci,
}

/// Whose network policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFlag {
    /// Kubernetes' own.
    Kubernetes,
    /// Cilium's, which knows nodes by what they are.
    Cilium,
}

/// What a sealed value may be opened for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeFlag {
    /// This name in this namespace.
    #[default]
    Strict,
    /// Any name in this namespace.
    NamespaceWide,
    /// Anything in the cluster.
    ClusterWide,
}

#[derive(Debug, Args)]
pub(crate) struct Manifests {
    /// Destinations: s3://BUCKET/PREFIX
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    /// What is rendered: cluster, talos, systemd or ci
    #[arg(
        long = "for",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "HOST"
    )]
    pub(crate) host: Host,
    /// Write files into this folder
    ///
    /// Write files into this folder, with a kustomization.yaml.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace files there that differ
    #[arg(long, hide_short_help = true)]
    pub(crate) force: bool,
    /// Leave bucket and keys open, to be filled in later
    #[arg(long, hide_short_help = true)]
    pub(crate) unfilled: bool,
    /// Say what is wrong with these objects
    ///
    /// Say what is wrong with these objects, whoever wrote them; nothing is rendered.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["out", "unfilled"])]
    pub(crate) lint: Option<String>,
    /// Cluster in object names
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunFlags,
    #[command(flatten)]
    pub(crate) credentials: CredentialFlags,
    #[command(flatten)]
    pub(crate) recipients: RecipientFlags,
    /// Alert rules and a dashboard
    ///
    /// Alert rules for Prometheus, and a dashboard for Grafana.
    #[arg(long, env = env::MONITORING)]
    pub(crate) monitoring: bool,
    /// Limit the pod's traffic: kubernetes or cilium
    #[arg(long, env = env::NETWORK_POLICY, value_enum, hide_possible_values = true, hide_short_help = true, value_name = "KIND")]
    pub(crate) network_policy: Option<PolicyFlag>,
    /// Talos release, as 1.13, of the patch that `--for talos` prints
    #[arg(long, env = env::TALOS_VERSION, value_name = "VERSION", hide_short_help = true)]
    pub(crate) talos_version: Option<String>,
    /// Pods, services and nodes of the cluster, which a bucket must not lie in
    #[arg(long, env = env::CLUSTER_NETWORKS, value_delimiter = ',', value_name = "CIDR", hide_short_help = true)]
    pub(crate) cluster_networks: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

/// When and how it runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Schedule")]
pub(crate) struct RunFlags {
    /// How often it runs
    ///
    /// How often it runs, at a minute of the cluster's own.
    #[arg(long, env = env::BACKUP_EVERY, default_value = "6h", value_parser = duration, value_name = "TIME")]
    pub(crate) every: Duration,
    /// When it runs, as a line of cron
    #[arg(long, env = env::SCHEDULE, value_name = "CRON", hide_short_help = true)]
    pub(crate) schedule: Option<String>,
    /// Time zone of the schedule
    #[arg(long, env = env::TIME_ZONE, default_value = "Etc/UTC", value_name = "ZONE", hide_short_help = true)]
    pub(crate) time_zone: String,
    /// How long one run may take
    #[arg(long, env = env::DEADLINE, default_value = "30m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub(crate) deadline: Duration,
    /// Install it without running it yet
    #[arg(long, env = env::SUSPEND, hide_short_help = true)]
    pub(crate) suspend: bool,
    /// Container image
    #[arg(long, env = env::IMAGE, default_value = concat!("ghcr.io/etcdbackup/etcdbackup:v", env!("CARGO_PKG_VERSION")), value_name = "IMAGE", hide_short_help = true)]
    pub(crate) image: String,
    /// Write a Kubernetes Event after each run
    #[arg(long, env = env::EVENT, hide_short_help = true)]
    pub(crate) event: bool,
    /// Pushgateway that the pod pushes metrics to
    #[arg(long, env = env::PUSHGATEWAY, value_name = "URL", hide_short_help = true)]
    pub(crate) pushgateway: Option<String>,
}

/// Credentials of the pod: files, never values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credentials")]
pub(crate) struct CredentialFlags {
    /// S3 keys of the pod, as ~/.aws/credentials: a Secret
    #[arg(long, env = env::S3_CREDENTIALS_FILE, value_name = "FILE", conflicts_with_all = ["s3_secret", "s3_access_key_id_file"], hide_short_help = true)]
    pub(crate) s3_credentials_file: Option<PathBuf>,
    /// The same as two files: the id
    #[arg(long, env = env::S3_ACCESS_KEY_ID_FILE, value_name = "FILE", requires = "s3_secret_access_key_file", conflicts_with = "s3_secret", hide_short_help = true)]
    pub(crate) s3_access_key_id_file: Option<PathBuf>,
    /// And the key
    #[arg(long, env = env::S3_SECRET_ACCESS_KEY_FILE, value_name = "FILE", requires = "s3_access_key_id_file", hide_short_help = true)]
    pub(crate) s3_secret_access_key_file: Option<PathBuf>,
    /// A Secret that is there already [default: etcdbackup-s3]
    #[arg(long, env = env::S3_SECRET, value_name = "NAME", hide_short_help = true)]
    pub(crate) s3_secret: Option<String>,
    /// File with a URL that the pod pings: a Secret of its own
    #[arg(long, env = env::PING_URL_FILE, value_name = "FILE", hide_short_help = true)]
    pub(crate) ping_url_file: Option<PathBuf>,
    /// Seal them to this certificate: a SealedSecret
    #[arg(long, env = env::SEAL_CERT, value_name = "FILE", conflicts_with = "seal_from_cluster", hide_short_help = true)]
    pub(crate) seal_cert: Option<PathBuf>,
    /// Seal them to the certificate of the controller in the cluster
    #[arg(long, env = env::SEAL_FROM_CLUSTER, hide_short_help = true)]
    pub(crate) seal_from_cluster: bool,
    /// The controller: NAMESPACE/SERVICE
    #[arg(long, env = env::SEAL_CONTROLLER, default_value = "kube-system/sealed-secrets-controller", value_name = "NAME", hide_short_help = true)]
    pub(crate) seal_controller: String,
    /// What it may be opened for: strict, namespace-wide, cluster-wide
    #[arg(long, env = env::SEAL_SCOPE, value_enum, default_value_t, value_name = "SCOPE", hide_short_help = true)]
    pub(crate) seal_scope: ScopeFlag,
}
