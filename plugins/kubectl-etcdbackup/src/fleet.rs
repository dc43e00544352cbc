//! Several clusters at once: the same for each, a few at a time, one table, one exit code.

use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::failure::{Exit, Failure};
use futures::stream::{self, StreamExt};

use crate::cli::FleetFlags;

/// Clusters that are asked at the same time.
const AT_ONCE: usize = 8;

/// The contexts that were asked for, each once; none: only the one that kubectl would use.
///
/// # Errors
/// 78: there is no kubeconfig, or it has no such context.
pub(crate) fn contexts(
    fleet: &FleetFlags,
    kubernetes: &KubernetesFlags,
) -> Result<Option<Vec<String>>, Failure> {
    if fleet.contexts.is_empty() && !fleet.all_contexts {
        return Ok(None);
    }
    let known = kubernetes.client()?.contexts()?;
    if fleet.all_contexts {
        return Ok(Some(known));
    }
    let mut wanted: Vec<String> = Vec::new();
    for name in &fleet.contexts {
        if !known.contains(name) {
            let what = format!("the kubeconfig has no context `{name}`");
            let hint = format!("it has: {}", known.join(", "));
            return Err(Failure::new(Exit::Config, what).hint(hint));
        }
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    }
    Ok(Some(wanted))
}

/// Does the same for each context; gives the outcomes in their order.
pub(crate) async fn each<T>(
    contexts: Vec<String>,
    kubernetes: &KubernetesFlags,
    work: impl AsyncFn(&str, &KubernetesFlags) -> T,
) -> Vec<(String, T)> {
    let work = &work;
    let all = contexts.into_iter().map(|name| async move {
        let own = KubernetesFlags {
            kube_context: Some(name.clone()),
            ..kubernetes.clone()
        };
        let done = work(&name, &own).await;
        (name, done)
    });
    stream::iter(all).buffered(AT_ONCE).collect().await
}

/// The code of a fleet: the first of its failures, else whether one of them says no.
pub(crate) fn exit(all: impl Iterator<Item = Exit> + Clone) -> Exit {
    let mut failed = all
        .clone()
        .filter(|exit| !matches!(exit, Exit::Done | Exit::No));
    let mut said_no = all.filter(|exit| *exit == Exit::No);
    failed
        .next()
        .or_else(|| said_no.next())
        .unwrap_or(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_for_all() {
        let of = |all: &[Exit]| exit(all.iter().copied());
        assert_eq!(of(&[]), Exit::Done);
        assert_eq!(of(&[Exit::Done, Exit::No]), Exit::No);
        assert_eq!(
            of(&[Exit::No, Exit::Unreachable, Exit::Data]),
            Exit::Unreachable
        );
    }
}
