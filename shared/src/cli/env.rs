//! Every environment variable the suite reads by itself, in one place. What lowers a guard
//! (`--force`, `--no-encrypt`, `--raw`) has none: command line only.

/// `--talosconfig`.
pub const TALOSCONFIG: &str = "ETCDBACKUP_TALOSCONFIG";
/// `--context` or `--talos-context`.
pub const TALOS_CONTEXT: &str = "ETCDBACKUP_TALOS_CONTEXT";
/// `--endpoints`, separated by commas.
pub const ENDPOINTS: &str = "ETCDBACKUP_ENDPOINTS";
/// `--nodes`, separated by commas.
pub const NODES: &str = "ETCDBACKUP_NODES";
/// `--s3-endpoint`.
pub const S3_ENDPOINT: &str = "ETCDBACKUP_S3_ENDPOINT";
/// `--s3-region`.
pub const S3_REGION: &str = "ETCDBACKUP_S3_REGION";
/// `--s3-path-style`.
pub const S3_PATH_STYLE: &str = "ETCDBACKUP_S3_PATH_STYLE";
/// `--s3-ca-file`.
pub const S3_CA_FILE: &str = "ETCDBACKUP_S3_CA_FILE";
/// `--s3-profile`.
pub const S3_PROFILE: &str = "ETCDBACKUP_S3_PROFILE";
/// `--recipient`, separated by line ends or commas.
pub const RECIPIENTS: &str = "ETCDBACKUP_RECIPIENTS";
/// `--recipients-file`.
pub const RECIPIENTS_FILE: &str = "ETCDBACKUP_RECIPIENTS_FILE";
/// `--identity`.
pub const IDENTITY: &str = "ETCDBACKUP_IDENTITY";
/// `--cluster-name`.
pub const CLUSTER_NAME: &str = "ETCDBACKUP_CLUSTER_NAME";
/// Destinations, separated by white space.
pub const DESTINATION: &str = "ETCDBACKUP_DESTINATION";
/// `--compress`.
pub const COMPRESS: &str = "ETCDBACKUP_COMPRESS";
/// `--direct`.
pub const DIRECT: &str = "ETCDBACKUP_DIRECT";
/// `--spool-dir`.
pub const SPOOL_DIR: &str = "ETCDBACKUP_SPOOL_DIR";
/// `--machine-config`.
pub const MACHINE_CONFIG: &str = "ETCDBACKUP_MACHINE_CONFIG";
/// `--secrets`.
pub const SECRETS: &str = "ETCDBACKUP_SECRETS";
/// `--etcd-prefix`.
pub const ETCD_PREFIX: &str = "ETCDBACKUP_ETCD_PREFIX";
