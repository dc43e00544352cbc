//! Flags of a drill.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::env;
use super::limits::duration;
use crate::drill::{Plan, Tools};
use crate::failure::Failure;

/// Which etcd, and how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Drill")]
pub struct DrillFlags {
    /// etcd to restore into; without it the one on PATH
    #[arg(long, env = env::ETCD, value_name = "PATH")]
    pub etcd: Option<PathBuf>,
    /// What restores: etcdutl, or etcdctl before 3.5; without it beside etcd or on PATH
    #[arg(long, env = env::ETCDUTL, hide_short_help = true, value_name = "PATH")]
    pub etcdutl: Option<PathBuf>,
    /// How long a drill may take
    #[arg(long, env = env::DRILL_TIMEOUT, hide_short_help = true, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub drill_timeout: Duration,
}

impl DrillFlags {
    /// The plan, with its programs found; `folder` is where etcd's data lie meanwhile.
    ///
    /// # Errors
    /// 78: a program is missing.
    pub fn plan(&self, folder: Option<PathBuf>) -> Result<Plan, Failure> {
        Ok(Plan {
            tools: Tools::find(self.etcd.as_deref(), self.etcdutl.as_deref())?,
            folder,
            limit: self.drill_timeout,
        })
    }
}
