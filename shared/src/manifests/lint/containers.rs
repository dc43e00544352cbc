//! Containers that back up etcd, with what their variables are, as far as the objects say.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Objects, name, texts};

/// One container.
pub(super) struct Container<'a> {
    /// As people name the object around it.
    pub(super) object: String,
    /// Its namespace; empty: the one it is applied to.
    pub(super) namespace: &'a str,
    /// The pod around it.
    pub(super) pod: &'a Value,
    /// It.
    pub(super) spec: &'a Value,
    /// Values that are known.
    pub(super) variables: BTreeMap<&'a str, &'a str>,
    /// Whether some come from where the objects do not show.
    pub(super) partly: bool,
}

impl Container<'_> {
    /// Command and arguments.
    pub(super) fn words(&self) -> Vec<&str> {
        [texts(&self.spec["command"]), texts(&self.spec["args"])].concat()
    }

    /// The first of these variables that says something.
    pub(super) fn variable(&self, names: &[&str]) -> Option<&str> {
        let values = names.iter().filter_map(|name| self.variables.get(name));
        values.copied().find(|value| !value.is_empty())
    }
}

/// Where the pod is in each kind of object.
fn pod(object: &Value) -> Option<&Value> {
    let path = match object["kind"].as_str()? {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "Job" | "Deployment" | "StatefulSet" | "DaemonSet" => "/spec/template/spec",
        _ => return None,
    };
    object.pointer(path)
}

/// All of them.
pub(super) fn of(objects: &Objects) -> Vec<Container<'_>> {
    let mut found = Vec::new();
    for object in objects.iter() {
        let Some(pod) = pod(object) else { continue };
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let containers = ["initContainers", "containers"].map(|list| pod[list].as_array());
        for spec in containers.into_iter().flatten().flatten() {
            if !backs_up(spec) {
                continue;
            }
            let (variables, partly) = variables(spec, namespace, objects);
            found.push(Container {
                object: name(object),
                namespace,
                pod,
                spec,
                variables,
                partly,
            });
        }
    }
    found
}

/// By image, command, or because it may talk to Talos.
fn backs_up(spec: &Value) -> bool {
    let known = |text: &str| text.contains("etcdbackup") || text.contains("talos-backup");
    let mounts = spec["volumeMounts"].as_array().into_iter().flatten();
    let mut paths = mounts.filter_map(|mount| mount["mountPath"].as_str());
    known(spec["image"].as_str().unwrap_or_default())
        || texts(&spec["command"]).into_iter().any(known)
        || paths.any(|path| path.starts_with("/var/run/secrets/talos.dev"))
}

fn variables<'a>(
    spec: &'a Value,
    namespace: &str,
    objects: &'a Objects,
) -> (BTreeMap<&'a str, &'a str>, bool) {
    let (mut variables, mut partly) = (BTreeMap::new(), false);
    for source in spec["envFrom"].as_array().into_iter().flatten() {
        let map = source["configMapRef"]["name"].as_str();
        match map.and_then(|map| config_map(objects, namespace, map)) {
            Some(data) => variables.extend(data),
            None => partly = true,
        }
    }
    for one in spec["env"].as_array().into_iter().flatten() {
        let Some(name) = one["name"].as_str() else {
            continue;
        };
        let from = &one["valueFrom"]["configMapKeyRef"];
        let value = match (
            one["value"].as_str(),
            from["name"].as_str(),
            from["key"].as_str(),
        ) {
            (Some(value), _, _) => Some(value),
            (None, Some(map), Some(key)) => {
                config_map(objects, namespace, map).and_then(|data| data.get(key).copied())
            }
            _ => None,
        };
        match value {
            Some(value) => drop(variables.insert(name, value)),
            None => partly = true,
        }
    }
    (variables, partly)
}

fn config_map<'a>(
    objects: &'a Objects,
    namespace: &str,
    name: &str,
) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut maps = objects.of_kind("ConfigMap").filter(|map| {
        let metadata = &map["metadata"];
        let of = metadata["namespace"].as_str().unwrap_or_default();
        metadata["name"] == name && of == namespace
    });
    let data = maps.next()?["data"].as_object()?;
    let pairs = data
        .iter()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    Some(pairs.collect())
}
