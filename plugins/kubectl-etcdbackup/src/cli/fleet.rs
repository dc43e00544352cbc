//! Several clusters at once, as flags.

use clap::Args;
use etcdbackup::cli::env;

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Fleet")]
pub(crate) struct FleetFlags {
    /// Contexts of the kubeconfig: several clusters at once
    #[arg(long, env = env::CONTEXTS, value_delimiter = ',', value_name = "NAME", hide_short_help = true, conflicts_with_all = ["all_contexts", "kube_context"])]
    pub(crate) contexts: Vec<String>,
    /// Every context of the kubeconfig
    #[arg(long, env = env::ALL_CONTEXTS, hide_short_help = true, conflicts_with = "kube_context")]
    pub(crate) all_contexts: bool,
}
