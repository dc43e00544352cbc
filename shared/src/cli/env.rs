//! Every environment variable the suite reads by itself, in one place, and with it every key
//! of the configuration file: a key is its variable without `ETCDBACKUP_`, in lower case.
//!
//! What lowers a guard ([`GUARDS`]) has neither: command line only. `docs/configuration.md`
//! shows this list, and a test compares the two.

/// Before the name of each variable.
const PREFIX: &str = "ETCDBACKUP_";

/// How the text of a variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Text,
    /// Yes or no.
    Switch,
    /// A path; in the configuration file relative to its folder, `~/` allowed.
    File,
    /// Several texts, separated by commas or line ends.
    Texts,
    /// Several texts, separated by white space.
    Words,
    /// Several paths, separated by commas.
    Files,
}

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The flag or argument it stands for.
    pub flag: &'static str,
    /// How it is read.
    pub form: Form,
    /// One line for the documentation.
    pub meaning: &'static str,
}

impl Variable {
    /// Its key in the configuration file.
    pub fn key(&self) -> String {
        self.name
            .trim_start_matches(PREFIX)
            .to_ascii_lowercase()
            .replace('_', "-")
    }

    /// Whether the configuration file may hold it: all but what chooses that file.
    pub fn is_key(&self) -> bool {
        !matches!(self.name, CONFIG | PROFILE)
    }
}

/// The variable of this name.
pub fn find(name: &str) -> Option<&'static Variable> {
    ALL.iter().find(|variable| variable.name == name)
}

/// The variable behind a key of the configuration file.
pub(super) fn find_key(key: &str) -> Option<&'static Variable> {
    ALL.iter()
        .find(|variable| variable.is_key() && variable.key() == key)
}

/// Flags that lower a guard: neither variable nor key.
pub const GUARDS: &[&str] = &[
    "confirm",
    "delete",
    "delete-old",
    "discard-cluster",
    "force",
    "lose-database",
    "lose-local-data",
    "lost",
    "no-encrypt",
    "prove-databases",
    "raw",
    "show-secrets",
];

macro_rules! variables {
    ($($constant:ident $suffix:literal $form:ident $flag:literal $meaning:literal)*) => {
        $(
            #[doc = concat!("`", $flag, "`: ", $meaning, ".")]
            pub const $constant: &str = concat!("ETCDBACKUP_", $suffix);
        )*
        /// All of them.
        pub const ALL: &[Variable] = &[$(Variable {
            name: $constant,
            flag: $flag,
            form: Form::$form,
            meaning: $meaning,
        }),*];
    };
}

variables! {
    CONFIG "CONFIG" File "--config" "configuration file instead of the default one"
    PROFILE "PROFILE" Text "--profile" "profile of the configuration file"

    TALOSCONFIG "TALOSCONFIG" File "--talosconfig" "talosconfig; comes before TALOSCONFIG"
    TALOS_CONTEXT "TALOS_CONTEXT" Text "--context, --talos-context" "context of the talosconfig"
    ENDPOINTS "ENDPOINTS" Texts "--endpoints" "Talos endpoints instead of the context's"
    NODES "NODES" Texts "--nodes" "control-plane nodes to ask"

    KUBECONFIG "KUBECONFIG" File "--kubeconfig" "kubeconfig; comes before KUBECONFIG"
    KUBE_CONTEXT "KUBE_CONTEXT" Text "--kube-context" "context of the kubeconfig"

    DESTINATION "DESTINATION" Words "DEST, SOURCE" "where backups lie"
    S3_ENDPOINT "S3_ENDPOINT" Text "--s3-endpoint" "S3 endpoint; comes before AWS_ENDPOINT_URL_S3"
    S3_REGION "S3_REGION" Text "--s3-region" "S3 region; comes before AWS_REGION"
    S3_PATH_STYLE "S3_PATH_STYLE" Text "--s3-path-style" "auto, path or virtual"
    S3_CA_FILE "S3_CA_FILE" File "--s3-ca-file" "CAs to trust besides the system's; comes before AWS_CA_BUNDLE"
    S3_TIMEOUT "S3_TIMEOUT" Text "--s3-timeout" "how long one request to a store may take"
    S3_PROFILE "S3_PROFILE" Text "--s3-profile" "profile of the AWS files; comes before AWS_PROFILE"
    URL_FILE "URL_FILE" File "--url-file" "file that holds a presigned URL"

    RECIPIENTS "RECIPIENTS" Texts "--recipient" "age recipients"
    RECIPIENTS_FILE "RECIPIENTS_FILE" Files "--recipients-file" "files of age recipients"
    IDENTITY "IDENTITY" Files "--identity" "age identity files; never the identity itself"

    CLUSTER_NAME "CLUSTER_NAME" Text "--cluster-name" "our name of the cluster in object names"
    COMPRESS "COMPRESS" Text "--compress" "zstd, zstd:LEVEL or none"
    BACKUP_EVERY "BACKUP_EVERY" Text "manifests --every" "how often a backup runs in the cluster"
    SCHEDULE "SCHEDULE" Text "--schedule" "when it runs, as a line of cron"
    TIME_ZONE "TIME_ZONE" Text "--time-zone" "time zone of the schedule"
    DEADLINE "DEADLINE" Text "--deadline" "how long one run in the cluster may take"
    SUSPEND "SUSPEND" Switch "--suspend" "install it without running it yet"
    IMAGE "IMAGE" Text "--image" "container image of the backup"
    EVENT "EVENT" Switch "--event" "write a Kubernetes Event after each run"
    MONITORING "MONITORING" Switch "--monitoring" "alert rules and a dashboard"
    NETWORK_POLICY "NETWORK_POLICY" Text "--network-policy" "kubernetes or cilium"
    TALOS_VERSION "TALOS_VERSION" Text "--talos-version" "Talos release a machine-config patch is for"
    S3_SECRET "S3_SECRET" Text "--s3-secret" "Secret with the S3 credentials that is there already"
    S3_CREDENTIALS_FILE "S3_CREDENTIALS_FILE" File "--s3-credentials-file" "S3 credentials for the cluster, as ~/.aws/credentials"
    S3_ACCESS_KEY_ID_FILE "S3_ACCESS_KEY_ID_FILE" File "--s3-access-key-id-file" "the same as two files: the id"
    S3_SECRET_ACCESS_KEY_FILE "S3_SECRET_ACCESS_KEY_FILE" File "--s3-secret-access-key-file" "and the key"
    SEAL_CERT "SEAL_CERT" File "--seal-cert" "certificate of the Sealed Secrets controller"
    SEAL_FROM_CLUSTER "SEAL_FROM_CLUSTER" Switch "--seal-from-cluster" "ask the controller for its certificate"
    SEAL_CONTROLLER "SEAL_CONTROLLER" Text "--seal-controller" "namespace and Service of the controller"
    SEAL_SCOPE "SEAL_SCOPE" Text "--seal-scope" "strict, namespace-wide or cluster-wide"
    CLUSTER_NETWORKS "CLUSTER_NETWORKS" Texts "--cluster-networks" "addresses of the cluster, which a bucket must not have"
    DIRECT "DIRECT" Switch "--direct" "run the backup from here"
    FILE "FILE" File "--file" "snapshot file to push"
    PART_SIZE "PART_SIZE" Text "--part-size" "size of an uploaded part"
    CONCURRENCY "CONCURRENCY" Text "--concurrency" "parts on their way at once"
    LOW_MEMORY "LOW_MEMORY" Switch "--low-memory" "small parts, one at a time"
    LOCK_FOR "LOCK_FOR" Text "--lock-for" "how long what is stored cannot be deleted"
    LOCK_MODE "LOCK_MODE" Text "--lock-mode" "governance or compliance"
    MIN_COPIES "MIN_COPIES" Text "--min-copies" "copies that must be stored"
    NO_MANIFEST "NO_MANIFEST" Switch "--no-manifest" "write no manifest"
    AT "AT" Text "--at" "the newest snapshot not after this time"
    NODE "NODE" Text "--node" "node whose saved machine config is fetched"
    LIVE "LIVE" Switch "--live" "compare saved machine configs with those that the nodes run with"
    RUNBOOK "RUNBOOK" Text "--runbook" "write a runbook beside the backup: sealed or plain"
    MAX_AGE "MAX_AGE" Text "--max-age" "how old the newest snapshot may be"
    KEEP_LAST "KEEP_LAST" Text "--keep-last" "how many of the newest stay"
    KEEP_HOURLY "KEEP_HOURLY" Text "--keep-hourly" "of how many hours one stays"
    KEEP_DAILY "KEEP_DAILY" Text "--keep-daily" "of how many days one stays"
    KEEP_WEEKLY "KEEP_WEEKLY" Text "--keep-weekly" "of how many weeks one stays"
    KEEP_MONTHLY "KEEP_MONTHLY" Text "--keep-monthly" "of how many months one stays"
    KEEP_YEARLY "KEEP_YEARLY" Text "--keep-yearly" "of how many years one stays"
    KEEP_WITHIN "KEEP_WITHIN" Text "--keep-within" "how far before the newest all stay"
    KEEP_WITHIN_HOURLY "KEEP_WITHIN_HOURLY" Text "--keep-within-hourly" "how far before the newest one of each hour stays"
    KEEP_WITHIN_DAILY "KEEP_WITHIN_DAILY" Text "--keep-within-daily" "how far before the newest one of each day stays"
    KEEP_WITHIN_WEEKLY "KEEP_WITHIN_WEEKLY" Text "--keep-within-weekly" "how far before the newest one of each week stays"
    KEEP_WITHIN_MONTHLY "KEEP_WITHIN_MONTHLY" Text "--keep-within-monthly" "how far before the newest one of each month stays"
    KEEP_WITHIN_YEARLY "KEEP_WITHIN_YEARLY" Text "--keep-within-yearly" "how far before the newest one of each year stays"
    MIN_KEEP "MIN_KEEP" Text "--min-keep" "how many of the newest stay in any case"
    MAX_DELETE "MAX_DELETE" Text "--max-delete" "above how many nothing is deleted"
    INTERVAL "INTERVAL" Text "--interval" "how often there is a backup"
    SINCE "SINCE" Text "--since" "from when on snapshots are copied or rekeyed"
    ORPHANS "ORPHANS" Switch "--orphans" "prune also deletes what belongs to no object"
    FIRST_BYTE_TIMEOUT "FIRST_BYTE_TIMEOUT" Text "--first-byte-timeout" "how long the first bytes of a snapshot may take"
    IDLE_TIMEOUT "IDLE_TIMEOUT" Text "--idle-timeout" "how long nothing may come in between"
    STREAM_TIMEOUT "STREAM_TIMEOUT" Text "--stream-timeout" "how long one snapshot may take in all"
    SALVAGE "SALVAGE" Switch "--salvage" "save every database that is left"
    SPOOL_DIR "SPOOL_DIR" File "--spool-dir" "folder for unnamed files that need random access"
    AGAINST "AGAINST" File "--against" "snapshot that the live cluster is compared with"
    SAVED_CONFIGS "SAVED_CONFIGS" Files "--saved-configs" "saved machine configs that the live ones are compared with"
    SURVEY_PAUSE "SURVEY_PAUSE" Text "--survey-pause" "how long between two looks at a cluster that seems lost"
    UPLOAD_TIMEOUT "UPLOAD_TIMEOUT" Text "--upload-timeout" "how long the upload of a snapshot to a node may take"
    RESTORE_TIMEOUT "RESTORE_TIMEOUT" Text "--restore-timeout" "how long etcd may take from Bootstrap until it is healthy"
    JOIN_TIMEOUT "JOIN_TIMEOUT" Text "--join-timeout" "how long the other control planes may take to join"
    RESTART_KUBELETS "RESTART_KUBELETS" Switch "--restart-kubelets" "restart the kubelets after a restore"
    WIPE_TIMEOUT "WIPE_TIMEOUT" Text "--wipe-timeout" "how long a wiped node may take to come back"
    MACHINE_CONFIG "MACHINE_CONFIG" File "--machine-config" "machine config whose keys are tried"
    SECRETS "SECRETS" File "--secrets" "secrets bundle whose keys are tried"
    ETCD_PREFIX "ETCD_PREFIX" Text "--etcd-prefix" "where Kubernetes keeps its objects in etcd"
    ETCD "ETCD" File "--etcd" "etcd of a drill"
    ETCDUTL "ETCDUTL" File "--etcdutl" "what restores in a drill"
    DRILL_TIMEOUT "DRILL_TIMEOUT" Text "--drill-timeout" "how long a drill may take"
    VERIFY_ALL "VERIFY_ALL" Switch "verify --all" "verify every snapshot of a destination"
    TRANSFER_ALL "TRANSFER_ALL" Switch "copy --all, rekey --all" "copy or rekey every snapshot of a place"
    DEEP "DEEP" Switch "--deep" "verify with the keys"
    DRILL "DRILL" Switch "--drill" "verify by a drill too"
    EXPECTED_RECIPIENTS "EXPECTED_RECIPIENTS" Texts "verify --recipient" "age recipients that backups must have, and no others"
    EXPECTED_RECIPIENTS_FILE "EXPECTED_RECIPIENTS_FILE" Files "verify --recipients-file" "files of them"
    NO_RECORD "NO_RECORD" Switch "--no-record" "keep no result of a verification"
    STORED "STORED" Switch "--stored" "fetch the bytes as they are stored"

    REPORT_FILE "REPORT_FILE" File "--report-file" "where a run's JSON report goes"
    METRICS_FILE "METRICS_FILE" File "--metrics-file" "where metrics go, for the textfile collector"
    PUSHGATEWAY "PUSHGATEWAY" Text "--pushgateway" "Pushgateway that metrics are pushed to"
    PING_URL_FILE "PING_URL_FILE" File "--ping-url-file" "file that holds a URL to ping"
    EVENT_ON "EVENT_ON" Text "--event-on" "CronJob that gets an event for each run"
    WATCH "WATCH" Switch "--watch" "look again and again"
    EVERY "EVERY" Text "--every" "how long between two looks"
    CRONJOB "CRONJOB" Text "--cronjob" "name of the CronJob that backs up"
    CONTEXTS "CONTEXTS" Texts "--contexts" "contexts of the kubeconfig: several clusters at once"
    ALL_CONTEXTS "ALL_CONTEXTS" Switch "--all-contexts" "every context of the kubeconfig"
    NO_WAIT "NO_WAIT" Switch "--no-wait" "start the backup in the cluster and do not wait"
    TIMEOUT "TIMEOUT" Text "--timeout" "how long to wait for the backup in the cluster"

    COLOR "COLOR" Text "--color" "auto, always or never"
    LOG_FORMAT "LOG_FORMAT" Text "--log-format" "text or json"
    NO_PROGRESS "NO_PROGRESS" Switch "--no-progress" "no progress bar"
    QUIET "QUIET" Switch "--quiet" "only errors, warnings and data"
    VERBOSE "VERBOSE" Text "--verbose" "0, 1 or 2"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's table, as this list has it.
    fn rows() -> Vec<String> {
        let row = |variable: &Variable| {
            let key = if variable.is_key() {
                format!("`{}`", variable.key())
            } else {
                String::new()
            };
            let (name, flag, meaning) = (variable.name, variable.flag, variable.meaning);
            format!("| `{name}` | {key} | `{flag}` | {meaning} |")
        };
        ALL.iter().map(row).collect()
    }

    #[test]
    fn the_documentation_has_every_variable_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let text = std::fs::read_to_string(path).unwrap();
        let documented: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| `ETCDBACKUP_"))
            .collect();
        assert_eq!(documented, rows());
        for guard in GUARDS {
            assert!(text.contains(&format!("`--{guard}`")), "--{guard}");
        }
    }

    #[test]
    fn keys_are_unique_and_no_guard_is_one() {
        let mut keys: Vec<String> = ALL.iter().map(Variable::key).collect();
        assert!(GUARDS.iter().all(|guard| find_key(guard).is_none()));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), ALL.len());
        assert_eq!(find_key("s3-ca-file").unwrap().name, S3_CA_FILE);
        assert!(find_key("profile").is_none());
    }
}
