//! krew itself: its validator takes every manifest, and it installs every plugin from the archives.

use std::path::Path;

use e2e::dist::Dist;
use e2e::documents::fenced;
use e2e::{text, tool};

use crate::github::GitHub;
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

/// A home whose kubectl knows krew, and where GitHub has what a release puts there.
struct Home {
    github: GitHub,
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let (github, folder) = (GitHub::start(), tempfile::tempdir().unwrap());
        let dist = Dist::pack(folder.path());
        let index = folder.path().join("index");
        dist.index(&index);
        let tag = concat!("v", env!("CARGO_PKG_VERSION"));
        github.repository("etcdbackup/krew-index.git", &index, tag);
        let none = folder.path().join("none");
        std::fs::create_dir_all(none.join("plugins")).unwrap();
        // krew's own index, which it fetches before it does anything.
        github.repository("kubernetes-sigs/krew-index.git", &none, tag);
        let release = format!("etcdbackup/etcdbackup/releases/download/{tag}");
        std::fs::create_dir_all(github.path(&release)).unwrap();
        let archive = dist.archive("etcdbackup");
        let name = archive.file_name().unwrap();
        std::fs::copy(&archive, github.path(&release).join(name)).unwrap();
        // What "from files of a release" has at hand.
        std::fs::copy(&archive, folder.path().join(name)).unwrap();
        let manifest = folder.path().join("etcdbackup.yaml");
        std::fs::copy(dist.manifest("etcdbackup"), manifest).unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(tool("krew/krew"), bin.join("kubectl-krew")).unwrap();
        Self { github, folder }
    }

    fn types(&self, block: &str) -> String {
        let home = self.folder.path();
        let mut bash = other(Path::new("bash"));
        let path = format!(
            "{0}/bin:{0}/.krew/bin:{1}:/usr/bin:/bin",
            home.display(),
            tool("kubectl").display()
        );
        bash.args(["-ec", block])
            .current_dir(home)
            .env("HOME", home)
            .env("PATH", path)
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .envs(self.github.environment());
        let output = bash.output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
        said
    }
}

/// The blocks that speak of krew, in their order.
fn told(document: &str) -> Vec<String> {
    let all = fenced(document, "").into_iter();
    all.filter(|block| block.contains("kubectl krew "))
        .collect()
}

#[test]
fn what_is_told_of_krew_is_typed_as_printed() {
    let home = Home::new();
    let [once] = &told("README.md")[..] else {
        panic!("the README has one block");
    };
    // Either way, as it says.
    let (index, files) = once.split_once("\n\n").unwrap();
    home.types(index);
    let listed = home.types("kubectl krew list && kubectl etcdbackup --version");
    assert!(listed.contains(env!("CARGO_PKG_VERSION")), "{listed}");
    home.types("kubectl krew uninstall etcdbackup");
    home.types(files);
    home.types("kubectl etcdbackup --version; kubectl krew uninstall etcdbackup");
    home.types("kubectl krew index remove etcdbackup");
    let [index, files, remove] = &told("docs/install-programs.md")[..] else {
        panic!("the page has another number of blocks");
    };
    home.types(index);
    home.types("kubectl krew uninstall etcdbackup");
    home.types(files);
    // What was linked and unpacked beside it is removed in one go.
    home.types("mkdir -p ~/.local/bin ~/.local/share/etcdbackup; kubectl etcdbackup link --dir ~/.local/bin");
    home.types(remove);
    let left = home.types("ls ~/.local/bin ~/.local/share ~/.krew/bin");
    assert!(!left.contains("etcdbackup"), "{left}");
}
