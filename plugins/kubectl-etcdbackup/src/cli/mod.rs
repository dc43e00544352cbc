//! Flags only, a file per verb.

mod choice;
mod completion;
mod configs;
mod copy;
mod fleet;
mod link;
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
pub(crate) use completion::{Completer, Completion};
pub(crate) use configs::{
    Configs, ConfigsTalosFlags, ConfigsVerb, GetConfig, ListConfigs, SaveConfigs,
};
pub(crate) use copy::{Copy, TransferFormat};
pub(crate) use fleet::FleetFlags;
pub(crate) use link::Link;
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
    before_help = "Examples:\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\nThen: kubectl etcdbackup list s3://backups/prod --max-age 12h"
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
        before_help = "Examples:\n  key=$(kubectl etcdbackup now)    # the CronJob's backup, in the cluster\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\nThen: kubectl etcdbackup status"
    )]
    Now(Box<Now>),
    /// List what destinations hold
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  kubectl etcdbackup list s3://backups/prod --max-age 12h\n  kubectl etcdbackup list s3://backups/prod -o wide\nThen: kubectl etcdbackup verify s3://backups/prod"
    )]
    List(Box<List>),
    /// How the backups are: schedule, last runs, newest, verified
    ///
    /// How the backups of this cluster are, on one screen: schedule and last runs, the newest
    /// good snapshot of each destination, when one was last verified and drilled. What cannot be
    /// seen from here is said, and the rest shown.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup status\n  kubectl etcdbackup status s3://backups/prod --max-age 12h\nThen: kubectl etcdbackup verify s3://backups/prod --deep -i key.txt"
    )]
    Status(Box<Status>),
    /// Verify what is stored: quickly, deeply, or by a drill
    ///
    /// Verify what is stored: quickly where it lies, deeply with the keys, or by a drill.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup verify s3://backups/prod\n  kubectl etcdbackup verify s3://backups/prod --all --deep -i key.txt\nThen: kubectl etcdbackup status s3://backups/prod"
    )]
    Verify(Box<Verify>),
    /// Delete what a policy does not keep (a dry run at first)
    ///
    /// Delete the backups that a policy does not keep, cluster by cluster. A dry run unless
    /// --delete is said. The newest verified one stays, and nothing goes when backups stopped.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup prune s3://backups/prod --keep-last 24 --keep-daily 14\n  kubectl etcdbackup prune s3://backups/prod --keep-within 30d --delete\nThen: kubectl etcdbackup list s3://backups/prod"
    )]
    Prune(Box<Prune>),
    /// Copy backups to a second place, proven on the way
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup copy s3://backups/prod s3://backups/second\n  kubectl etcdbackup copy s3://backups/prod s3://backups/second --all --dry-run\nThen: kubectl etcdbackup verify s3://backups/second"
    )]
    Copy(Box<Copy>),
    /// Encrypt stored backups to other recipients
    ///
    /// Encrypt stored backups to other recipients. The new object stands beside the old one, under
    /// the next free millisecond; the old one stays unless --delete-old is said and the new one
    /// was read back.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup rekey s3://backups/prod -i key.txt -R recipients.txt\n  kubectl etcdbackup rekey s3://backups/prod -i key.txt -R recipients.txt --all\nThen: kubectl etcdbackup list s3://backups/prod -o wide"
    )]
    Rekey(Box<Rekey>),
    /// Save the control planes' machine configs, list, fetch them
    ///
    /// Save the control planes' machine configs beside the backups, list what is saved, and fetch
    /// one to replace a node with.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup configs save s3://backups/prod -R recipients.txt\n  kubectl etcdbackup configs get --node cp-1 -i key.txt -o cp-1.yaml\nThen: talosctl-recover-check nodes --saved-configs s3://backups/prod"
    )]
    Configs(Box<Configs>),
    /// Print this cluster's own recovery document
    ///
    /// Print this cluster's own recovery document, with its nodes, places and commands filled in.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup runbook s3://backups/prod > prod.md\n  kubectl etcdbackup runbook s3://backups/prod -o html > prod.html\nThen: print it, and keep it where the cluster is not"
    )]
    Runbook(Box<Runbook>),
    /// Print the objects that run the backup in the cluster
    ///
    /// Print the objects that run the backup in the cluster, ready for kustomize; or what runs
    /// beside it on another host, with keys of its own.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup manifests s3://etcd -R recipients.txt --cluster-name prod\n  kubectl etcdbackup manifests --unfilled --out talos\n  kubectl kustomize talos | kubectl etcdbackup manifests --lint -\nThen: kubectl apply -k talos"
    )]
    Manifests(Box<Manifests>),
    /// Print what completes command lines in a shell or in kubectl
    #[command(
        before_help = "Examples:\n  source <(kubectl etcdbackup completion bash)\n  kubectl etcdbackup completion fish | source\nThen: kubectl etcdbackup link --dir ~/.local/bin"
    )]
    Completion(Completion),
    /// Link the suite's programs into a folder of PATH
    ///
    /// Link the programs that lie beside this one into a folder of PATH: krew links only this one.
    /// Links of an older version are brought up to date.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup link --dir ~/.local/bin\n  kubectl etcdbackup link --dir ~/.local/bin --remove\nThen: source <(kubectl etcdbackup completion bash)"
    )]
    Link(Link),
}
