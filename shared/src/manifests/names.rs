//! Names by which everybody finds what is installed.

use serde_json::{Value, json};

use super::Installation;

/// The namespace, unless another is named.
pub const NAMESPACE: &str = "etcdbackup";
/// The CronJob, its ConfigMap, its ServiceAccount.
pub const NAME: &str = crate::scheduled::NAME;
/// The container of the pod.
pub const CONTAINER: &str = "backup";
/// The talos.dev ServiceAccount, and the Secret that Talos makes for it.
pub const TALOS_SECRET: &str = "etcdbackup-talos";
/// The Secret with the S3 credentials.
pub const S3_SECRET: &str = "etcdbackup-s3";
/// The key in it: a file as the AWS tools read it.
pub const S3_SECRET_KEY: &str = "credentials";
/// The Secret with the URL that is pinged.
pub const PING_SECRET: &str = "etcdbackup-ping";
/// The key in it.
pub const PING_SECRET_KEY: &str = "url";
/// What the backup carries as `app.kubernetes.io/component`.
pub const COMPONENT: &str = "backup";
/// The only Talos role a backup needs.
pub const BACKUP_ROLE: &str = "os:etcd:backup";

/// What all objects of an installation carry.
pub(super) fn labels(installation: &Installation) -> Value {
    json!({
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/instance": label_value(&installation.cluster),
        "app.kubernetes.io/version": concat!("v", env!("CARGO_PKG_VERSION")),
        "app.kubernetes.io/component": COMPONENT,
        "app.kubernetes.io/part-of": NAME,
        "app.kubernetes.io/managed-by": "kubectl-etcdbackup",
    })
}

/// What its pods are chosen by: labels that do not change with the version.
pub(super) fn pod_labels() -> Value {
    json!({
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/component": COMPONENT,
    })
}

/// `metadata` of an object of this name in the namespace.
pub(super) fn metadata(installation: &Installation, name: &str) -> Value {
    json!({
        "name": name,
        "namespace": installation.namespace,
        "labels": labels(installation),
    })
}

/// The nearest value that a label may have: a cluster's name may hold more.
fn label_value(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value: String = text
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(63)
        .collect();
    let value = value.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if value.is_empty() { NAME } else { value }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_as_near_to_the_name_as_it_may_be() {
        assert_eq!(label_value("prod"), "prod");
        assert_eq!(label_value("admin@prod eu"), "admin-prod-eu");
        assert_eq!(label_value("-größe-"), "gr--e");
        assert_eq!(label_value(""), NAME);
        assert_eq!(label_value(&"x".repeat(100)).len(), 63);
    }
}
