//! The cluster that kubectl would talk to: its kubeconfig's server, or the pod's own.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions};

use super::access::{Access, Selection, login};
use super::api::Api;
use super::error::{Cause, KubeError};
use crate::failure::{Exit, Failure};

/// kubectl's own flags; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// File instead of KUBECONFIG.
    pub kubeconfig: Option<PathBuf>,
    /// Context instead of the file's.
    pub context: Option<String>,
    /// Cluster instead of the context's.
    pub cluster: Option<String>,
    /// User instead of the context's.
    pub user: Option<String>,
    /// Namespace instead of the context's.
    pub namespace: Option<String>,
    /// Whose rights to use.
    pub impersonate: Option<String>,
    /// Which groups' rights to use.
    pub impersonate_groups: Vec<String>,
    /// Limit of one request; none: ours.
    pub request_timeout: Option<Duration>,
}

/// A cluster, and where in it the user is.
#[derive(Clone)]
pub struct Cluster {
    /// Its API server.
    pub api: Api,
    /// The namespace of the context, or the one that was named.
    pub namespace: String,
    /// Whether it was named.
    pub namespace_is_said: bool,
}

impl Flags {
    /// The cluster, without asking it anything. A login program may run.
    ///
    /// # Errors
    /// 69, 77, 78: there is no kubeconfig, or it cannot be used.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        let (mut config, source) = self.config().await?;
        if let Some(user) = &self.impersonate {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !self.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        let own = config.default_namespace.clone();
        let authority = config.cluster_url.authority();
        let host = authority.map_or_else(String::new, ToString::to_string);
        let api = login(config, &host, &source).await?;
        Ok(Cluster {
            api: match self.request_timeout {
                Some(limit) => api.within(limit),
                None => api,
            },
            namespace: self.namespace.clone().unwrap_or(own),
            namespace_is_said: self.namespace.is_some(),
        })
    }

    /// Names of all contexts of the kubeconfig.
    ///
    /// # Errors
    /// 78: there is no kubeconfig, or it cannot be used.
    pub fn contexts(&self) -> Result<Vec<String>, Failure> {
        let selection = Selection {
            kubeconfig: self.kubeconfig.clone(),
            context: None,
        };
        let access = Access::usual(&selection)?;
        access.map(|access| access.contexts()).ok_or_else(nowhere)
    }

    async fn config(&self) -> Result<(Config, String), Failure> {
        let selection = Selection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        };
        let Some(access) = Access::usual(&selection)? else {
            let config = Config::incluster().map_err(|_| nowhere())?;
            return Ok((config, "the pod's ServiceAccount".to_owned()));
        };
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let config = access.config(&options, "the cluster").await?;
        Ok((config, access.source().to_owned()))
    }
}

fn nowhere() -> Failure {
    Failure::new(Exit::Config, "no kubeconfig, and no pod's ServiceAccount")
        .hint("name one with `--kubeconfig FILE` or KUBECONFIG")
}

impl From<KubeError> for Failure {
    fn from(error: KubeError) -> Self {
        let (exit, hint) = match error.cause() {
            Cause::Unreachable | Cause::Timeout => (
                Exit::Unreachable,
                "is the API server alive? `kubectl get --raw /readyz` asks it too",
            ),
            Cause::Busy => (Exit::Temporary, "it asks to come back: run it again"),
            Cause::Conflict => (Exit::Temporary, "somebody was faster: run it again"),
            Cause::Distrusted => (
                Exit::NotPermitted,
                "check user and certificate authority of the kubeconfig",
            ),
            Cause::Denied => (
                Exit::NotPermitted,
                "`kubectl auth can-i --list` shows what this user may do",
            ),
            Cause::Absent => (Exit::Config, "is it installed, and is the namespace right?"),
            Cause::Gone | Cause::Answer => {
                (Exit::Unreachable, "`-v` shows every request; run it again")
            }
        };
        Self::new(exit, error.to_string()).hint(hint).source(error)
    }
}
