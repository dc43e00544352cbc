//! Flags only, a file per verb.

mod list;
mod now;
mod verify;

use clap::{Parser, Subcommand};
use etcdbackup::cli::flags::{CommonFlags, KubernetesFlags};

pub(crate) use list::{Format, List};
pub(crate) use now::{Now, Receipt};
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
        before_help = "Examples:\n  kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt\n  key=$(kubectl etcdbackup now --direct s3://backups/prod -R recipients.txt)"
    )]
    Now(Box<Now>),
    /// List what destinations hold
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  kubectl etcdbackup list s3://backups/prod --max-age 12h\n  kubectl etcdbackup list s3://backups/prod -o wide"
    )]
    List(Box<List>),
    /// Verify what is stored: quickly, deeply, or by a drill
    ///
    /// Verify what is stored: quickly where it lies, deeply with the keys, or by a drill.
    #[command(
        before_help = "Examples:\n  kubectl etcdbackup verify s3://backups/prod\n  kubectl etcdbackup verify s3://backups/prod --all --deep -i key.txt"
    )]
    Verify(Box<Verify>),
}
