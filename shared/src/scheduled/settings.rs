//! What the CronJob's program is told: its plain environment. Secrets are not read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::kube::objects::CronJob;
use crate::kube::{Cluster, KubeError};

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigMap {
    data: BTreeMap<String, String>,
}

/// Variables of the container, by name: those of its ConfigMaps, and over them its own.
///
/// # Errors
/// A ConfigMap cannot be read.
pub async fn settings(
    cluster: &Cluster,
    cron_job: &CronJob,
) -> Result<BTreeMap<String, String>, KubeError> {
    let container = &cron_job.spec.job_template["spec"]["template"]["spec"]["containers"][0];
    let namespace = &cron_job.metadata.namespace;
    let mut all = BTreeMap::new();
    for name in config_maps(container) {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
        let one: ConfigMap = cluster.api.get(&path).await?;
        all.extend(one.data);
    }
    all.extend(own(container));
    Ok(all)
}

fn config_maps(container: &Json) -> Vec<String> {
    let from = container["envFrom"].as_array();
    let names = from.into_iter().flatten();
    names
        .filter_map(|one| one["configMapRef"]["name"].as_str())
        .map(str::to_owned)
        .collect()
}

fn own(container: &Json) -> Vec<(String, String)> {
    let env = container["env"].as_array();
    let named = env.into_iter().flatten();
    named
        .filter_map(|one| {
            Some((
                one["name"].as_str()?.to_owned(),
                one["value"].as_str()?.to_owned(),
            ))
        })
        .collect()
}
