//! The namespace, and what the pod may do in it: nothing, or write its Event.

use serde_json::{Value, json};

use super::document::Document;
use super::{Installation, names};

/// The namespace, which accepts restricted pods only.
pub(super) fn namespace(installation: &Installation) -> Document {
    let mut labels = names::labels(installation);
    for mode in ["enforce", "audit", "warn"] {
        labels[format!("pod-security.kubernetes.io/{mode}")] = "restricted".into();
    }
    Document::object(
        "namespace.yaml",
        "Accepts pods of the restricted Pod Security Standard only.",
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": installation.namespace, "labels": labels },
        }),
    )
}

/// Who the pod is to the Kubernetes API.
pub(super) fn service_account(installation: &Installation) -> Document {
    Document::object(
        "serviceaccount.yaml",
        "Who the pod is to the Kubernetes API. The backup itself asks the Talos API only.",
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": names::metadata(installation, names::NAME),
            "automountServiceAccountToken": false,
        }),
    )
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// The right to write an Event about its CronJob.
pub(super) fn role(installation: &Installation) -> Document {
    Document::object(
        "role.yaml",
        "What the pod may do: write the Event that tells how a run went, and look up its own CronJob,\nwhich the Event is about.",
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "Role",
            "metadata": names::metadata(installation, names::NAME),
            "rules": [
                {
                    "apiGroups": ["events.k8s.io"],
                    "resources": ["events"],
                    "verbs": ["create"],
                },
                {
                    "apiGroups": ["batch"],
                    "resources": ["cronjobs"],
                    "resourceNames": [names::NAME],
                    "verbs": ["get"],
                },
            ],
        }),
    )
}

/// Gives it to the pod.
pub(super) fn role_binding(installation: &Installation) -> Document {
    let subject: Value = json!({
        "kind": "ServiceAccount",
        "name": names::NAME,
        "namespace": installation.namespace,
    });
    Document::object(
        "rolebinding.yaml",
        "Gives these rights to the pod.",
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "RoleBinding",
            "metadata": names::metadata(installation, names::NAME),
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": names::NAME },
            "subjects": [subject],
        }),
    )
}
