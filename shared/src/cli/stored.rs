//! Flags of programs that look at a snapshot: where it lies, what opens it, what it is held
//! against.

use std::path::PathBuf;

use clap::Args;

use super::env;
use super::flags::StoreFlags;
use crate::seal::Identities;

/// A snapshot that may lie in a store.
#[derive(Debug, Clone, Args)]
pub struct StoredFlags {
    /// age identity or ssh key file, for a URL; repeats
    #[arg(short, long, env = env::IDENTITY, value_name = "FILE")]
    pub identity: Vec<String>,
    /// Which cluster, where several share a prefix
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME", hide_short_help = true)]
    pub cluster_name: Option<String>,
    /// How the store is reached.
    #[command(flatten)]
    pub store: StoreFlags,
}

impl StoredFlags {
    /// What opens it; stdin may give something else already.
    pub fn identities(&self, stdin_is_taken: bool) -> Identities {
        Identities {
            files: self.identity.clone(),
            stdin_is_taken,
        }
    }
}

/// What a snapshot is held against, and where it is kept meanwhile.
#[derive(Debug, Clone, Args)]
pub struct ProofFlags {
    /// Machine config whose keys are tried [default: a live node's]
    #[arg(long, env = env::MACHINE_CONFIG, value_name = "FILE", hide_short_help = true)]
    pub machine_config: Option<PathBuf>,
    /// Where what is no file is kept meanwhile; without it $TMPDIR or /var/tmp
    #[arg(long, env = env::SPOOL_DIR, value_name = "DIR", hide_short_help = true)]
    pub spool_dir: Option<PathBuf>,
}
