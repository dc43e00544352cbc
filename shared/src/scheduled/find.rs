//! Which CronJob backs up: found by its label, where the user may look.

use super::{NAME, NAME_LABEL};
use crate::failure::{Exit, Failure};
use crate::kube::objects::CronJob;
use crate::kube::{Cause, Cluster, Form, KubeError};

/// Every CronJob of ours: in the namespace that was named, else in all, else, where that is not
/// permitted, in the context's.
///
/// # Errors
/// The API cannot be asked, or not in any of these.
pub async fn find_all(cluster: &Cluster) -> Result<Vec<CronJob>, KubeError> {
    let own = format!("/apis/batch/v1/namespaces/{}/cronjobs", cluster.namespace);
    if cluster.namespace_is_said {
        return list(cluster, &own).await;
    }
    match list(cluster, "/apis/batch/v1/cronjobs").await {
        Err(error) if error.cause() == Cause::Denied => list(cluster, &own).await,
        done => done,
    }
}

async fn list(cluster: &Cluster, path: &str) -> Result<Vec<CronJob>, KubeError> {
    let path = format!("{path}?labelSelector={NAME_LABEL}%3D{NAME}");
    let listed = cluster.api.list(&path, Form::Objects, Some).await?;
    Ok(listed.items)
}

/// The one of this name, or the only one there is. None: none is installed.
///
/// # Errors
/// 2: several, and none was named; 78: none has this name; those of the API.
pub async fn find(cluster: &Cluster, name: Option<&str>) -> Result<Option<CronJob>, Failure> {
    let mut all = find_all(cluster).await?;
    if let Some(name) = name {
        let found = all.iter().position(|one| one.metadata.name == name);
        return match found {
            Some(place) => Ok(Some(all.swap_remove(place))),
            None => Err(absent(name, &all)),
        };
    }
    if all.len() > 1 {
        return Err(several(&all));
    }
    Ok(all.pop())
}

fn names(all: &[CronJob]) -> String {
    let names = all
        .iter()
        .map(|one| format!("`{}/{}`", one.metadata.namespace, one.metadata.name));
    names.collect::<Vec<_>>().join(", ")
}

fn several(all: &[CronJob]) -> Failure {
    let what = format!("{} CronJobs back up here: {}", all.len(), names(all));
    Failure::new(Exit::Usage, what).hint("say which one: `-n NAMESPACE` or `--cronjob NAME`")
}

fn absent(name: &str, all: &[CronJob]) -> Failure {
    let hint = if all.is_empty() {
        format!("a CronJob is found by its label {NAME_LABEL}={NAME}, in the namespace of `-n`")
    } else {
        format!("there are: {}", names(all))
    };
    let what = format!("no CronJob `{name}` that backs up");
    Failure::new(Exit::Config, what).hint(hint)
}
