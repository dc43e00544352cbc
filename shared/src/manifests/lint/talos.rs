//! What the backup may do in Talos, and who else may.

use serde_json::Value;

use super::{Finding, Severity, name, texts};
use crate::manifests::names::BACKUP_ROLE;

const ADMIN: &str = "os:admin";

/// A role beyond what a backup needs.
pub(super) fn roles(object: &Value) -> Option<Finding> {
    let of_talos = object["apiVersion"].as_str()?.starts_with("talos.dev/");
    let roles = texts(&object["spec"]["roles"]);
    let beyond: Vec<&str> = roles
        .iter()
        .copied()
        .filter(|role| *role != BACKUP_ROLE)
        .collect();
    if !of_talos || object["kind"] != "ServiceAccount" || beyond.is_empty() {
        return None;
    }
    let severity = if beyond.contains(&ADMIN) {
        Severity::Refuse
    } else {
        Severity::Warn
    };
    Some(Finding {
        rule: "role",
        severity,
        object: name(object),
        what: format!(
            "a backup needs `{BACKUP_ROLE}` only, and gets {}",
            beyond.join(", ")
        ),
        hint: format!("set its roles to [{BACKUP_ROLE}]"),
    })
}

/// Whoever may make an object in an allowed namespace gets every allowed role.
pub(super) fn allowed(object: &Value) -> Option<Finding> {
    let access = match object["kind"].as_str() {
        Some("KubeTalosAPIAccessConfig") => object,
        _ => object.pointer("/machine/features/kubernetesTalosAPIAccess")?,
    };
    let roles = texts(&access["allowedRoles"]);
    let namespaces = texts(&access["allowedKubernetesNamespaces"]);
    let admin = roles.contains(&ADMIN);
    if !admin && (roles.len() < 2 || namespaces.len() < 2) {
        return None;
    }
    Some(Finding {
        rule: "access",
        severity: if admin {
            Severity::Refuse
        } else {
            Severity::Warn
        },
        object: "machine config".to_owned(),
        what: format!(
            "every namespace of {} can have every role of {}",
            namespaces.join(", "),
            roles.join(", ")
        ),
        hint: format!(
            "allow [{BACKUP_ROLE}] for the namespace of the backup, and run what needs more outside of the cluster"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{found, objects};
    use super::*;

    #[test]
    fn admin_is_refused_and_more_than_needed_is_said() {
        for (roles, severity) in [
            ("os:etcd:backup", None),
            ("os:admin", Some(Severity::Refuse)),
            ("os:etcd:backup, os:reader", Some(Severity::Warn)),
        ] {
            let account = objects(&format!(
                "apiVersion: talos.dev/v1alpha1\nkind: ServiceAccount\nmetadata: {{name: x}}\nspec: {{roles: [{roles}]}}\n"
            ));
            let expected: Vec<_> = severity
                .map(|severity| ("role", severity))
                .into_iter()
                .collect();
            assert_eq!(found(&account), expected, "{roles}");
        }
        assert!(
            found(&objects(
                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\n"
            ))
            .is_empty()
        );
    }

    #[test]
    fn both_forms_of_machine_config_are_looked_at() {
        let field = |access: &str| {
            format!(
                "machine: {{features: {{kubernetesTalosAPIAccess: {{enabled: true, {access}}}}}}}"
            )
        };
        let document = |access: &str| {
            format!("{{apiVersion: v1alpha1, kind: KubeTalosAPIAccessConfig, {access}}}")
        };
        for (access, severity) in [
            (
                "allowedRoles: [os:etcd:backup], allowedKubernetesNamespaces: [a, b]",
                None,
            ),
            (
                "allowedRoles: [os:etcd:backup, os:reader], allowedKubernetesNamespaces: [a]",
                None,
            ),
            (
                "allowedRoles: [os:etcd:backup, os:reader], allowedKubernetesNamespaces: [a, b]",
                Some(Severity::Warn),
            ),
            (
                "allowedRoles: [os:admin], allowedKubernetesNamespaces: [a]",
                Some(Severity::Refuse),
            ),
        ] {
            let expected: Vec<_> = severity
                .map(|severity| ("access", severity))
                .into_iter()
                .collect();
            for text in [field(access), document(access)] {
                assert_eq!(found(&objects(&text)), expected, "{text}");
            }
        }
    }
}
