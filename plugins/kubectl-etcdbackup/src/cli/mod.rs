//! Flags only, a file per verb.

mod choice;
mod configs;
mod copy;
mod fleet;
mod list;
mod manifests;
mod now;
mod prune;
mod rekey;
mod runbook;
mod status;
mod verify;

use clap::{Parser, Subcommand};
use etcdbackup::cli::flags::{CommonFlags, KubernetesFlags};

pub(crate) use choice::ChoiceFlags;
pub(crate) use configs::{
    Configs, ConfigsTalosFlags, ConfigsVerb, GetConfig, ListConfigs, SaveConfigs,
};
pub(crate) use copy::{Copy, TransferFormat};
pub(crate) use fleet::FleetFlags;
pub(crate) use list::{Format, List};
pub(crate) use manifests::{CredentialFlags, Host, Manifests, PolicyFlag, RunFlags, ScopeFlag};
pub(crate) use now::{Now, Receipt};
pub(crate) use prune::Prune;
pub(crate) use rekey::Rekey;
pub(crate) use runbook::{DocumentFormat, Runbook, RunbookBeside};
pub(crate) use status::{Status, StatusFormat};
pub(crate) use verify::{Verify, VerifyFormat};

/// Back up the etcd of Talos Linux clusters
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-etcdbackup",
    before_help = "Examples:\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\n  kubectl etcdbackup list s3://backups/prod --max-age 12h"
)]
pub(crate) struct Etcdbackup {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) kubernetes: KubernetesFlags,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Take a snapshot now, prove, compress, encrypt and store it
    #[command(
        before_help = "Examples:\n  key=$(kubectl etcdbackup now)    # the CronJob's backup, in the cluster\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt"
    )]
    Now(Box<Now>),
    /// List what destinations hold
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  kubectl etcdbackup list s3://backups/prod --max-age 12h\n  kubectl etcdbackup list s3://backups/prod -o wide"
    )]
    List(Box<List>),
    /// How the backups are: schedule, last runs, newest, verified
    ///
    /// How the backups of this cluster are, on one screen: schedule and last runs, the newest
    /// good snapshot of each destination, when one was last verified and drilled. What cannot be
    /// seen from here is said, and the rest shown.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup status\n  kubectl etcdbackup status s3://backups/prod --max-age 12h"
    )]
    Status(Box<Status>),
    /// Verify what is stored: quickly, deeply, or by a drill
    ///
    /// Verify what is stored: quickly where it lies, deeply with the keys, or by a drill.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup verify s3://backups/prod\n  kubectl etcdbackup verify s3://backups/prod --all --deep -i key.txt"
    )]
    Verify(Box<Verify>),
    /// Delete what a policy does not keep; a dry run unless told otherwise
    ///
    /// Delete the backups that a policy does not keep, cluster by cluster. A dry run unless
    /// --delete is said. The newest verified one stays, and nothing goes when backups stopped.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup prune s3://backups/prod --keep-last 24 --keep-daily 14\n  kubectl etcdbackup prune s3://backups/prod --keep-within 30d --delete"
    )]
    Prune(Box<Prune>),
    /// Copy backups to a second place, proven on the way
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup copy s3://backups/prod s3://backups/second\n  kubectl etcdbackup copy s3://backups/prod s3://backups/second --all --dry-run"
    )]
    Copy(Box<Copy>),
    /// Encrypt stored backups to other recipients
    ///
    /// Encrypt stored backups to other recipients. The new object stands beside the old one, under
    /// the next free millisecond; the old one stays unless --delete-old is said and the new one
    /// was read back.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup rekey s3://backups/prod -i key.txt -R recipients.txt\n  kubectl etcdbackup rekey s3://backups/prod -i key.txt -R recipients.txt --all"
    )]
    Rekey(Box<Rekey>),
    /// Save the control planes' machine configs, list, fetch them
    ///
    /// Save the control planes' machine configs beside the backups, list what is saved, and fetch
    /// one to replace a node with.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup configs save s3://backups/prod -R recipients.txt\n  kubectl etcdbackup configs get --node cp-1 -i key.txt -o cp-1.yaml"
    )]
    Configs(Box<Configs>),
    /// Print this cluster's own recovery document
    ///
    /// Print this cluster's own recovery document, with its nodes, places and commands filled in.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup runbook s3://backups/prod > prod.md\n  kubectl etcdbackup runbook s3://backups/prod -o html > prod.html"
    )]
    Runbook(Box<Runbook>),
    /// Print the objects that run the backup in the cluster
    ///
    /// Print the objects that run the backup in the cluster, ready for kustomize; or what runs
    /// beside it on another host, with keys of its own.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup manifests s3://etcd -R recipients.txt --cluster-name prod\n  kubectl etcdbackup manifests --unfilled --out talos\n  kubectl kustomize talos | kubectl etcdbackup manifests --lint -"
    )]
    Manifests(Box<Manifests>),
}
