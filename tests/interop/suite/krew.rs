//! krew itself: its validator takes every manifest, and it installs every plugin from the archives.

use std::path::Path;

use e2e::dist::Dist;
use e2e::{text, tool};

use crate::process::other;

/// Each plugin and the link that krew makes for it.
const PLUGINS: [(&str, &str); 9] = [
    ("etcdbackup", "kubectl-etcdbackup"),
    ("talos-snapshot-take", "kubectl-talos_snapshot_take"),
    ("talos-snapshot-push", "kubectl-talos_snapshot_push"),
    ("talos-snapshot-pull", "kubectl-talos_snapshot_pull"),
    ("talos-snapshot-inspect", "kubectl-talos_snapshot_inspect"),
    ("talos-recover-check", "kubectl-talos_recover_check"),
    ("talos-recover-wipe", "kubectl-talos_recover_wipe"),
    ("talos-recover-bootstrap", "kubectl-talos_recover_bootstrap"),
    ("talos-recover-guide", "kubectl-talos_recover_guide"),
];

fn install(root: &Path, dist: &Dist, plugin: &str) {
    let archive = match plugin {
        "etcdbackup" => plugin.to_owned(),
        plugin => plugin.replacen("talos-", "talosctl-", 1),
    };
    let mut krew = other(&tool("krew/krew"));
    krew.arg("install")
        .arg("--manifest")
        .arg(dist.manifest(plugin))
        .arg("--archive")
        .arg(dist.archive(&archive))
        .env("KREW_ROOT", root)
        .env("HOME", root);
    let output = krew.output().unwrap();
    assert!(
        output.status.success(),
        "{plugin}: {}",
        text(&output.stderr)
    );
}

#[test]
fn krews_validator_takes_every_manifest_and_krew_installs_every_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let dist = Dist::pack(folder.path());
    let root = folder.path().join("krew-root");
    for (plugin, link) in PLUGINS {
        let mut validate = other(&tool("krew/validate-krew-manifest"));
        // It would download what is not published yet; krew installs it below.
        validate
            .arg("-manifest")
            .arg(dist.manifest(plugin))
            .arg("-skip-install");
        let valid = validate.output().unwrap();
        assert!(valid.status.success(), "{plugin}: {}", text(&valid.stderr));
        install(&root, &dist, plugin);
        let mut called = other(&root.join("bin").join(link));
        let called = called.arg("--version").output().unwrap();
        assert!(called.status.success(), "{link}: {}", text(&called.stderr));
        let version = format!("store/{plugin}/v{}", env!("CARGO_PKG_VERSION"));
        assert!(root.join(version).join("LICENSE").exists(), "{plugin}");
    }
    kubectl_runs_them(&root);
}

/// Through kubectl, whose list of plugins has no complaint.
fn kubectl_runs_them(root: &Path) {
    let path = format!("{}:/usr/bin:/bin", root.join("bin").display());
    let kubectl = |words: &[&str]| {
        let mut kubectl = other(&tool("kubectl/kubectl"));
        kubectl.args(words).env("PATH", &path).env("HOME", root);
        let output = kubectl.output().unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let listed = kubectl(&["plugin", "list", "--name-only"]);
    let plugins = listed.lines().filter(|line| line.starts_with("kubectl-"));
    assert_eq!(plugins.count(), PLUGINS.len(), "{listed}");
    let help = kubectl(&["talos-snapshot-push", "-h"]);
    assert!(
        help.contains("Usage: kubectl talos-snapshot-push"),
        "{help}"
    );
    // What lies beside the one program that krew linked gets its own names.
    let links = root.join("links");
    std::fs::create_dir(&links).unwrap();
    let made = kubectl(&["etcdbackup", "link", "--dir", links.to_str().unwrap()]);
    assert!(made.contains("talosctl-recover-check\n"), "{made}");
    let mut linked = other(&links.join("talosctl-recover-check"));
    assert!(linked.arg("--version").status().unwrap().success());
}
