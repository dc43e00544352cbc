//! kubectl's flags as the client takes them.

use std::time::Duration;

use super::flags::KubernetesFlags;
use super::limits::duration;
use crate::failure::{Exit, Failure};
use crate::kube::Flags;

/// What `--request-timeout=0` asks for, as kubectl has it: no limit. A day is none.
const NONE: Duration = Duration::from_secs(24 * 3600);

impl KubernetesFlags {
    /// As the Kubernetes client takes them.
    ///
    /// # Errors
    /// 2: `--request-timeout` is no time.
    pub fn client(&self) -> Result<Flags, Failure> {
        let request_timeout = self.request_timeout.as_deref().map(timeout).transpose()?;
        Ok(Flags {
            kubeconfig: self.kubeconfig.clone(),
            context: self.kube_context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            namespace: self.namespace.clone(),
            impersonate: self.impersonate.clone(),
            impersonate_groups: self.impersonate_groups.clone(),
            request_timeout,
        })
    }
}

fn timeout(text: &str) -> Result<Duration, Failure> {
    if text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) == "0" {
        return Ok(NONE);
    }
    duration(text).map_err(|hint| {
        let what = format!("`--request-timeout {text}` is no time");
        Failure::new(Exit::Usage, what).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kubectls() {
        assert_eq!(timeout("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(timeout("0").unwrap(), NONE);
        assert_eq!(timeout("0s").unwrap(), NONE);
        assert_eq!(timeout("soon").unwrap_err().exit, Exit::Usage);
    }
}
