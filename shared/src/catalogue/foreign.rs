//! Whose an object is that neither we nor talos-backup wrote, told by its name.
//!
//! The patterns are those the tools write today. A wrong guess costs a word in a listing:
//! no foreign object is ever offered for a restore.

use super::names::has_shape;

/// The tool that writes names like `name`; none: unknown.
pub(super) fn tool(name: &str) -> Option<&'static str> {
    if name
        .strip_suffix(".snapshot")
        .is_some_and(|stem| has_shape(stem, "XXXXXXXXXXXXXXXX"))
    {
        return Some("Omni");
    }
    if between(name, "etcd-snapshot-", ".db", "0000-00-00T00-00-00Z") {
        return Some("talos-operator");
    }
    if between(name, "state-", ".yaml", "0000-00-00T00-00-00Z") {
        return Some("talos-operator state (secrets in plain text)");
    }
    if between(name, "snapshot_", ".db", "0000-00-00_000000")
        || between(
            name,
            "static_kuberesources_",
            ".tar.gz",
            "0000-00-00_000000",
        )
    {
        return Some("OpenShift");
    }
    if matches!(name, "etcd.backup.gz" | "_etcd_backup.meta") {
        return Some("kOps etcd-manager");
    }
    if is_giantswarm(name) {
        return Some("giantswarm etcd-backup");
    }
    if is_revisions(name, "Full-") {
        return Some("etcd-backup-restore");
    }
    if is_revisions(name, "Incr-") {
        return Some("etcd-backup-restore delta");
    }
    is_rancher(name).then_some("k3s or RKE2")
}

fn between(name: &str, start: &str, end: &str, shape: &str) -> bool {
    let middle = name
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    middle.is_some_and(|middle| has_shape(middle, shape))
}

/// `<prefix>-v3-<2006-01-02T15-04-05>.db.tar.gz[.enc]`.
fn is_giantswarm(name: &str) -> bool {
    let name = name.strip_suffix(".enc").unwrap_or(name);
    name.strip_suffix(".db.tar.gz")
        .and_then(|stem| stem.rsplit_once("-v3-"))
        .is_some_and(|(_, time)| has_shape(time, "0000-00-00T00-00-00"))
}

/// `<Full|Incr>-<first revision>-<last revision>-<unix seconds>[.gz|.zlib|.Z][.final]`.
fn is_revisions(name: &str, start: &str) -> bool {
    let Some(rest) = name.strip_prefix(start) else {
        return false;
    };
    let rest = rest.strip_suffix(".final").unwrap_or(rest);
    let packed = [".gz", ".zlib", ".Z"]
        .into_iter()
        .find_map(|end| rest.strip_suffix(end));
    let numbers: Vec<&str> = packed.unwrap_or(rest).split('-').collect();
    numbers.len() == 3 && numbers.into_iter().all(is_number)
}

/// `<etcd-snapshot|on-demand>-<node>-<unix seconds>[.zip]`.
fn is_rancher(name: &str) -> bool {
    let stem = name.strip_suffix(".zip").unwrap_or(name);
    let rest = ["etcd-snapshot-", "on-demand-"]
        .into_iter()
        .find_map(|start| stem.strip_prefix(start));
    rest.and_then(|rest| rest.rsplit_once('-'))
        .is_some_and(|(node, seconds)| !node.is_empty() && is_number(seconds))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_told_by_their_names() {
        let table = [
            ("FFFFFFFF9A99FBF6.snapshot", Some("Omni")),
            ("ffffffff9a99fbf6.snapshot", None),
            (
                "etcd-snapshot-2026-01-02T03-04-05Z.db",
                Some("talos-operator"),
            ),
            (
                "state-2026-01-02T03-04-05Z.yaml",
                Some("talos-operator state (secrets in plain text)"),
            ),
            (
                "Full-00000000-00040010-1518427675",
                Some("etcd-backup-restore"),
            ),
            (
                "Full-00000000-00040010-1518427675.gz.final",
                Some("etcd-backup-restore"),
            ),
            (
                "Incr-00040011-00040061-1518427875.zlib",
                Some("etcd-backup-restore delta"),
            ),
            ("Incr-00040011-1518427875", None),
            ("etcd-snapshot-server-1-1767322800", Some("k3s or RKE2")),
            ("on-demand-server-1-1767322800.zip", Some("k3s or RKE2")),
            (
                "prod-v3-2026-01-02T03-04-05.db.tar.gz.enc",
                Some("giantswarm etcd-backup"),
            ),
            ("etcd.backup.gz", Some("kOps etcd-manager")),
            ("_etcd_backup.meta", Some("kOps etcd-manager")),
            ("snapshot_2026-01-02_030405.db", Some("OpenShift")),
            (
                "static_kuberesources_2026-01-02_030405.tar.gz",
                Some("OpenShift"),
            ),
            ("README.md", None),
            ("", None),
        ];
        for (name, wanted) in table {
            assert_eq!(tool(name), wanted, "{name}");
        }
    }
}
