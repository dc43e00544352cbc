//! What Talos must know: a ServiceAccount of its own, and the machine config that allows it.

use serde_json::json;

use super::document::Document;
use super::{Installation, names};

/// Which form of machine config a release takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigForm {
    /// Up to 1.13: a field.
    Field,
    /// From 1.14: a document.
    Document,
}

impl ConfigForm {
    /// For a release, as `1.13` or `v1.14.2`.
    pub fn of(release: &str) -> Option<Self> {
        let mut numbers = release.strip_prefix('v').unwrap_or(release).split('.');
        let major: u32 = numbers.next()?.parse().ok()?;
        let minor: u32 = numbers.next()?.parse().ok()?;
        let form = if (major, minor) >= (1, 14) {
            Self::Document
        } else {
            Self::Field
        };
        Some(form)
    }
}

/// Talos makes a Secret of the same name for it, with a talosconfig that it renews.
pub(super) fn service_account(installation: &Installation) -> Document {
    Document::object(
        "talos-serviceaccount.yaml",
        "Talos makes a Secret of the same name for it: a talosconfig that may take snapshots and no\nmore, renewed every few hours. It needs the machine config of `machine-config/`.",
        json!({
            "apiVersion": "talos.dev/v1alpha1",
            "kind": "ServiceAccount",
            "metadata": names::metadata(installation, names::TALOS_SECRET),
            "spec": { "roles": [names::BACKUP_ROLE] },
        }),
    )
}

/// The patch in one form.
pub fn patch(installation: &Installation, form: ConfigForm) -> Document {
    let namespaces = json!([installation.namespace]);
    let roles = json!([names::BACKUP_ROLE]);
    let (file, releases, value) = match form {
        ConfigForm::Field => (
            "machine-config/talos-1.13-and-older.yaml",
            "Talos 1.13 and older",
            json!({ "machine": { "features": { "kubernetesTalosAPIAccess": {
                "enabled": true,
                "allowedRoles": roles,
                "allowedKubernetesNamespaces": namespaces,
            } } } }),
        ),
        ConfigForm::Document => (
            "machine-config/talos-1.14-and-newer.yaml",
            "Talos 1.14 and newer",
            json!({
                "apiVersion": "v1alpha1",
                "kind": "KubeTalosAPIAccessConfig",
                "allowedRoles": roles,
                "allowedKubernetesNamespaces": namespaces,
            }),
        ),
    };
    let name = file.trim_start_matches("machine-config/");
    let note = format!(
        "Machine config of every control plane, for {releases}:\n  talosctl -n CONTROL-PLANES patch machineconfig --patch @{name}\nOne form only, and never kubectl. Any role allowed here can be had from any namespace allowed\nhere: keep both lists as short as they are."
    );
    Document::object(file, &note, value)
}

/// Both forms, as files beside the objects.
pub fn patches(installation: &Installation) -> Vec<Document> {
    [ConfigForm::Field, ConfigForm::Document]
        .map(|form| patch(installation, form))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_its_form() {
        for (release, form) in [
            ("1.13", Some(ConfigForm::Field)),
            ("v1.13.9", Some(ConfigForm::Field)),
            ("1.14", Some(ConfigForm::Document)),
            ("2.0", Some(ConfigForm::Document)),
            ("new", None),
            ("1", None),
        ] {
            assert_eq!(ConfigForm::of(release), form, "{release}");
        }
    }
}
