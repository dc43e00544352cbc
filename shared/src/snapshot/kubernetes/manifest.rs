//! An object as it was becomes an object to apply: what the API server or a controller set,
//! and what names things that will not come back, is left out.

use serde_json::{Map, Value as Json};

use super::secrecy::LAST_APPLIED;

/// Fields of `metadata` that only the API server writes.
const SERVER_SET: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];
/// Annotations that controllers write anew, or that bind to what is gone.
const CONTROLLER_SET: &[&str] = &[
    LAST_APPLIED,
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "kubernetes.io/service-account.uid",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "control-plane.alpha.kubernetes.io/leader",
];
/// Labels that tie a Job's pods to a Job by its old uid.
const JOB_LABELS: &[&str] = &["controller-uid", "batch.kubernetes.io/controller-uid"];
/// Finalizers of a deletion that was under way.
const DELETION: &[&str] = &["foregroundDeletion", "orphan"];

/// Makes `object` ready for `kubectl apply --server-side`.
pub fn ready_to_apply(object: &mut Json) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    fields.remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
        strip_metadata(metadata);
    }
    match kind.as_str() {
        "Job" => strip_job(fields),
        "Pod" => remove(fields, &["spec"], "nodeName"),
        "PersistentVolume" => {
            for stale in ["uid", "resourceVersion"] {
                remove(fields, &["spec", "claimRef"], stale);
            }
        }
        _ => {}
    }
    drop_empty_times(object);
}

fn strip_metadata(metadata: &mut Map<String, Json>) {
    for field in SERVER_SET {
        metadata.remove(*field);
    }
    // An owner is found by its uid, which a restored one does not have: the garbage collector
    // would delete the object at once.
    metadata.remove("ownerReferences");
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Json::as_object_mut)
    {
        annotations.retain(|name, _| !CONTROLLER_SET.contains(&name.as_str()));
    }
    if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Json::as_array_mut) {
        finalizers.retain(|finalizer| {
            finalizer
                .as_str()
                .is_none_or(|name| !DELETION.contains(&name))
        });
    }
    let empty = |value: &Json| {
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    };
    metadata.retain(|_, value| !empty(value));
}

/// The API server makes the selector of a Job from its uid, and refuses one that is given.
fn strip_job(fields: &mut Map<String, Json>) {
    let manual = fields
        .get("spec")
        .is_some_and(|spec| spec["manualSelector"] == true);
    if manual {
        return;
    }
    remove(fields, &["spec"], "selector");
    for label in JOB_LABELS {
        remove(fields, &["metadata", "labels"], label);
        remove(fields, &["spec", "template", "metadata", "labels"], label);
    }
}

fn remove(fields: &mut Map<String, Json>, path: &[&str], name: &str) {
    let mut at = fields;
    for step in path {
        match at.get_mut(*step).and_then(Json::as_object_mut) {
            Some(inner) => at = inner,
            None => return,
        }
    }
    at.remove(name);
}

/// `creationTimestamp: null` of templates says nothing.
fn drop_empty_times(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            fields.retain(|name, value| name != "creationTimestamp" || !value.is_null());
            fields.values_mut().for_each(drop_empty_times);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_empty_times),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ready(mut object: Json) -> Json {
        ready_to_apply(&mut object);
        object
    }

    #[test]
    fn what_the_server_set_is_gone_and_what_was_asked_for_stays() {
        let object = ready(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "shop", "namespace": "web", "uid": "u", "resourceVersion": "1", "generation": 3,
                "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}], "labels": {"app": "shop"},
                "annotations": {LAST_APPLIED: "{}", "deployment.kubernetes.io/revision": "3", "team": "a"},
                "ownerReferences": [{"uid": "x"}], "finalizers": ["foregroundDeletion"],
            },
            "spec": {"replicas": 3, "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "shop"}}}},
            "status": {"replicas": 3},
        }));
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": "web", "labels": {"app": "shop"}, "annotations": {"team": "a"}},
            "spec": {"replicas": 3, "template": {"metadata": {"labels": {"app": "shop"}}}},
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn jobs_pods_and_volumes_lose_what_binds_them_to_the_past() {
        let labels = || json!({"batch.kubernetes.io/controller-uid": "u", "controller-uid": "u", "app": "x"});
        let job = ready(json!({
            "kind": "Job", "metadata": {"labels": labels()},
            "spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"metadata": {"labels": labels()}}},
        }));
        assert_eq!(
            job,
            json!({"kind": "Job", "metadata": {"labels": {"app": "x"}}, "spec": {"template": {"metadata": {"labels": {"app": "x"}}}}})
        );
        let manual =
            ready(json!({"kind": "Job", "spec": {"manualSelector": true, "selector": {"a": "b"}}}));
        assert_eq!(manual["spec"]["selector"], json!({"a": "b"}));
        let pod = ready(json!({"kind": "Pod", "spec": {"nodeName": "w-1", "hostNetwork": true}}));
        assert_eq!(pod, json!({"kind": "Pod", "spec": {"hostNetwork": true}}));
        let volume = ready(
            json!({"kind": "PersistentVolume", "spec": {"claimRef": {"uid": "u", "resourceVersion": "1", "name": "data"}}}),
        );
        assert_eq!(volume["spec"]["claimRef"], json!({"name": "data"}));
    }

    #[test]
    fn what_is_no_object_stays() {
        assert_eq!(ready(json!([1])), json!([1]));
        assert_eq!(
            ready(json!({"kind": "Job", "spec": 5})),
            json!({"kind": "Job", "spec": 5})
        );
    }
}
