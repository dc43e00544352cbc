//! Flags of the programs that recover: who is asked, and who is gone.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{duration, env};
use crate::kube;
use crate::recovery::bootstrap::Limits;
use crate::talos::Selection;

/// Which control planes, and how to reach them (talosctl's names).
#[derive(Debug, Clone, Args)]
pub struct RecoverFlags {
    /// Control planes, besides those that are known
    ///
    /// Control planes, besides those that the talosconfig, Talos, etcd and the snapshot know:
    /// it adds, and never narrows.
    #[arg(short, long, env = env::NODES, value_delimiter = ',', value_name = "NODE", help_heading = "Talos")]
    pub nodes: Vec<String>,
    /// The way to them.
    #[command(flatten)]
    pub reach: ReachFlags,
}

/// How control planes are reached, and which of them are gone.
#[derive(Debug, Clone, Args)]
pub struct ReachFlags {
    /// Endpoints [default: the context's]
    #[arg(short, long, env = env::ENDPOINTS, value_delimiter = ',', value_name = "HOST", help_heading = "Talos")]
    pub endpoints: Vec<String>,
    /// Context of the talosconfig [default: its own]
    #[arg(long, env = env::TALOS_CONTEXT, value_name = "NAME", help_heading = "Talos")]
    pub context: Option<String>,
    /// Talosconfig [default: where talosctl looks]
    #[arg(long, env = env::TALOSCONFIG, value_name = "FILE", help_heading = "Talos")]
    pub talosconfig: Option<PathBuf>,
    /// This node is gone for good; repeats
    ///
    /// This node is gone for good, with its disk (or is no control plane at all). Without it,
    /// one that does not answer is unknown. Can repeat; at the command line only.
    #[arg(long, value_delimiter = ',', value_name = "NODE")]
    pub lost: Vec<String>,
}

impl ReachFlags {
    /// As the Talos client takes them, with the nodes that were named.
    pub fn selection(&self, nodes: &[String]) -> Selection {
        Selection {
            talosconfig: self.talosconfig.clone(),
            context: self.context.clone(),
            endpoints: self.endpoints.clone(),
            nodes: nodes.to_vec(),
        }
    }
}

/// How sure a look is.
#[derive(Debug, Clone, Args)]
pub struct LookFlags {
    /// Read databases that lie still: one that is damaged is no data
    ///
    /// Where a majority of the data looks intact and etcd does not run: read each database,
    /// twice, and check every page. One that is damaged counts as none. At the command line
    /// only.
    #[arg(long, hide_short_help = true)]
    pub prove_databases: bool,
    /// How long between two looks at a cluster that seems lost
    #[arg(long, env = env::SURVEY_PAUSE, default_value = "60s", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub survey_pause: Duration,
}

/// What a wipe may cost.
#[derive(Debug, Clone, Args)]
pub struct WipeFlags {
    /// Give up what else lies on EPHEMERAL
    #[arg(long)]
    pub lose_local_data: bool,
    /// Give up this node's database, be it newer; repeats
    #[arg(long, value_delimiter = ',', value_name = "NODE")]
    pub lose_database: Vec<String>,
    /// How long a wiped node may take to come back
    #[arg(long, env = env::WIPE_TIMEOUT, default_value = "15m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub wipe_timeout: Duration,
}

/// How long the steps of a restore may take.
#[derive(Debug, Clone, Args)]
pub struct RestoreFlags {
    /// How long the upload may take
    #[arg(long, env = env::UPLOAD_TIMEOUT, default_value = "1h", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub upload_timeout: Duration,
    /// How long etcd may take from Bootstrap until it is healthy
    #[arg(long, env = env::RESTORE_TIMEOUT, default_value = "15m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub restore_timeout: Duration,
    /// How long the other control planes may take to join
    #[arg(long, env = env::JOIN_TIMEOUT, default_value = "15m", value_parser = duration, value_name = "TIME", hide_short_help = true)]
    pub join_timeout: Duration,
}

impl RestoreFlags {
    /// As a bootstrap takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            upload: self.upload_timeout,
            restore: self.restore_timeout,
            join: self.join_timeout,
        }
    }
}

/// How the Kubernetes API is reached, where a program of Talos asks it too.
#[derive(Debug, Clone, Args)]
pub struct KubeFlags {
    /// Kubeconfig [default: KUBECONFIG, else one made by Talos]
    ///
    /// Kubeconfig whose credentials are used [default: KUBECONFIG, else an administrator's that
    /// a control plane makes]. The server it names is not asked: each control plane is, at its
    /// own address.
    #[arg(long, env = env::KUBECONFIG, value_name = "FILE", help_heading = "Kubernetes", hide_short_help = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its own]
    #[arg(long, env = env::KUBE_CONTEXT, value_name = "NAME", help_heading = "Kubernetes", hide_short_help = true)]
    pub kube_context: Option<String>,
}

impl KubeFlags {
    /// As the Kubernetes client takes them.
    pub fn selection(&self) -> kube::Selection {
        kube::Selection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.kube_context.clone(),
        }
    }
}
