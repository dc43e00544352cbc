//! The objects of a snapshot as the API serves them, by resource.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::check;
use etcdbackup::snapshot::kubernetes::{Contents, Key, ObjectKey, Value, decode, serve_definition};
use serde_json::{Value as Json, json};

/// Resources that are served whether there are objects of them or not: group, version, plural
/// name, kind, whether in a namespace.
const ALWAYS: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "services", "Service", true),
    ("", "v1", "persistentvolumes", "PersistentVolume", false),
    (
        "",
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        true,
    ),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("apps", "v1", "daemonsets", "DaemonSet", true),
    ("apps", "v1", "replicasets", "ReplicaSet", true),
    (
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        true,
    ),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true),
    ("batch", "v1", "cronjobs", "CronJob", true),
    ("batch", "v1", "jobs", "Job", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "resourcequotas", "ResourceQuota", true),
    ("events.k8s.io", "v1", "events", "Event", true),
    ("coordination.k8s.io", "v1", "leases", "Lease", true),
    (
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        true,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        false,
    ),
    (
        "apiregistration.k8s.io",
        "v1",
        "apiservices",
        "APIService",
        false,
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        false,
    ),
];

/// Group and plural name.
pub(crate) type Name = (String, String);

/// One resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    /// By namespace (empty: cluster scope) and name.
    pub(crate) objects: BTreeMap<(String, String), Json>,
}

/// Everything that is served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    pub(crate) resources: BTreeMap<Name, Resource>,
    /// etcd's revision.
    pub(crate) revision: i64,
}

impl Objects {
    /// Of a snapshot's bytes.
    pub(crate) fn of(snapshot: &[u8]) -> Result<Self, String> {
        let checked = check(snapshot).map_err(|error| format!("{error:?}"))?;
        let database = Database::open(snapshot).map_err(|error| format!("{error:?}"))?;
        let contents = Contents::find(&database, None).map_err(|finding| finding.to_string())?;
        let mut objects = Self::always();
        objects.revision = checked.survey.true_revision;
        let walked = contents.each_live(|entry| {
            if let Key::Object(key) = entry.key {
                objects.take(key, entry.value, entry.mod_revision);
            }
            ControlFlow::Continue(())
        });
        walked.map_err(|finding| finding.to_string())?;
        objects.serve_definitions();
        Ok(objects)
    }

    /// Serves a resource that no definition names.
    pub(crate) fn serve(&mut self, (group, resource): (&str, &str), version: &str, kind: &str) {
        let one = self.entry(group, resource);
        version.clone_into(&mut one.version);
        kind.clone_into(&mut one.kind);
        one.namespaced = true;
    }

    /// Every pod that shall run is ready, and every workload has what it should.
    pub(crate) fn bring_up(&mut self) {
        for ((_, resource), one) in &mut self.resources {
            for object in one.objects.values_mut() {
                bring_up(resource, object);
            }
        }
    }

    fn always() -> Self {
        let mut objects = Self::default();
        for (group, version, resource, kind, namespaced) in ALWAYS {
            let one = objects.entry(group, resource);
            (*version).clone_into(&mut one.version);
            (*kind).clone_into(&mut one.kind);
            one.namespaced = *namespaced;
        }
        objects
    }

    fn entry(&mut self, group: &str, resource: &str) -> &mut Resource {
        let name = (group.to_owned(), resource.to_owned());
        self.resources.entry(name).or_default()
    }

    fn take(&mut self, key: ObjectKey<'_>, value: &[u8], revision: i64) {
        let mut object = decode(&Value::parse(value)).unwrap_or_else(|_| named(key));
        serve_definition(&mut object);
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        object["metadata"]["resourceVersion"] = revision.to_string().into();
        let version = object["apiVersion"].as_str().unwrap_or("v1");
        let version = version.rsplit('/').next().unwrap_or(version).to_owned();
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let one = self.entry(key.group, key.resource);
        one.version = version;
        one.kind = kind;
        one.namespaced = key.namespace.is_some();
        let namespace = key.namespace.unwrap_or_default().to_owned();
        one.objects.insert((namespace, key.name.to_owned()), object);
    }

    /// What custom resources are served is said by their definitions.
    fn serve_definitions(&mut self) {
        let definitions = ("apiextensions.k8s.io", "customresourcedefinitions");
        let all = self.entry(definitions.0, definitions.1);
        let specs: Vec<Json> = all
            .objects
            .values()
            .map(|object| object["spec"].clone())
            .collect();
        for spec in specs {
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let versions = spec["versions"].as_array().cloned().unwrap_or_default();
            let served = versions.iter().find(|version| version["served"] == true);
            let one = self.entry(&text(&spec["group"]), &text(&spec["names"]["plural"]));
            one.version = text(&served.unwrap_or(&Json::Null)["name"]);
            one.kind = text(&spec["names"]["kind"]);
            one.namespaced = spec["scope"] == "Namespaced";
        }
    }
}

fn bring_up(resource: &str, object: &mut Json) {
    match resource {
        "pods" if object["status"]["phase"] != "Succeeded" => {
            object["status"]["phase"] = "Running".into();
            object["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            object["status"]["containerStatuses"] = json!([]);
        }
        "deployments" | "statefulsets" => {
            let replicas = object["spec"]["replicas"].clone();
            object["status"]["availableReplicas"] = replicas;
        }
        "daemonsets" => {
            let desired = object["status"]["desiredNumberScheduled"].clone();
            object["status"]["numberAvailable"] = desired;
        }
        _ => {}
    }
}

/// An object that cannot be read, as one that is encrypted at rest: what its key tells.
fn named(key: ObjectKey<'_>) -> Json {
    let mut metadata = json!({"name": key.name});
    if let Some(namespace) = key.namespace {
        metadata["namespace"] = namespace.into();
    }
    let version = if key.group.is_empty() {
        "v1".to_owned()
    } else {
        format!("{}/v1", key.group)
    };
    json!({"apiVersion": version, "kind": key.kind().unwrap_or_default(), "metadata": metadata})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    /// `*.objects.json` is what the real API server served.
    #[test]
    fn it_serves_what_the_real_server_did() {
        for name in ["before", "after"] {
            let snapshot = zstd::decode_all(&*fixture(&format!("{name}.snap.zst"))).unwrap();
            let objects = Objects::of(&snapshot).unwrap();
            let real: Json =
                serde_json::from_slice(&fixture(&format!("{name}.objects.json"))).unwrap();
            for (full, expected) in real.as_object().unwrap() {
                let (resource, group) = full.split_once('.').unwrap_or((full, ""));
                let one = &objects.resources[&(group.to_owned(), resource.to_owned())];
                let version = match group {
                    "" => one.version.clone(),
                    group => format!("{group}/{}", one.version),
                };
                assert_eq!(expected["kind"], one.kind.as_str(), "{name} {full}");
                assert_eq!(expected["apiVersion"], version.as_str(), "{name} {full}");
                assert_eq!(expected["count"], one.objects.len(), "{name} {full}");
                // Of events only the count was kept.
                let Some(kept) = expected["objects"].as_array() else {
                    continue;
                };
                let mut names: Vec<(&str, &str)> = kept
                    .iter()
                    .map(|one| (one[0].as_str().unwrap(), one[1].as_str().unwrap()))
                    .collect();
                names.sort_unstable();
                let served: Vec<(&str, &str)> = one
                    .objects
                    .keys()
                    .map(|(namespace, name)| (namespace.as_str(), name.as_str()))
                    .collect();
                assert_eq!(served, names, "{name} {full}");
            }
        }
    }
}
