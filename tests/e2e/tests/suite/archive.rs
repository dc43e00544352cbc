//! From the archive alone: unpack, link, complete, run, remove.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use e2e::dist::Dist;
use e2e::{repository, text, tool};

use crate::support::ok;

/// A shell with nothing of ours but what was unpacked.
fn alone(folder: &Path, script: &str) -> Output {
    let path = format!(
        "{}/bin:{}:/usr/bin:/bin",
        folder.display(),
        tool("kubectl").display()
    );
    Command::new("bash")
        .args(["--norc", "-o", "pipefail", "-ec", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        // What a package is compressed with says nothing of it, and xz takes minutes.
        .env("DPKG_DEB_COMPRESSOR_TYPE", "gzip")
        .env("DPKG_DEB_COMPRESSOR_LEVEL", "1")
        .output()
        .unwrap()
}

/// Who signed an archive is known to GitHub and Sigstore alone: this looks at how it is called.
const GH: &str = r#"#!/bin/sh
[ $# = 5 ] && [ "$1 $2 $4 $5" = "attestation verify --repo etcdbackup/etcdbackup" ] && test -s "$3"
"#;

/// What a document tells to type of the archives. krew's blocks are typed beside krew.
fn told(document: &str) -> Vec<String> {
    let blocks = e2e::documents::fenced(document, "").into_iter();
    let mine = blocks.filter(|block| {
        let elsewhere = ["krew index", "krew install", "cargo install", "…"];
        block.contains("etcdbackup") && !elsewhere.iter().any(|word| block.contains(word))
    });
    let without_krew = |block: String| {
        let lines = block.lines().filter(|line| !line.contains(" krew "));
        lines.map(|line| format!("{line}\n")).collect()
    };
    mine.map(without_krew).collect()
}

/// A block whose lines for other shells are typed there.
fn in_its_shell(block: &str) -> String {
    let lines = block.lines().map(|line| {
        let bare = line.split(" #").next().unwrap_or_default().trim();
        if bare.contains("completion zsh") {
            let (zsh, root) = (tool("zsh/zsh"), tool("zsh/root"));
            let setup = format!(
                "module_path=({0}/usr/lib/*/zsh/*(N)); fpath=({0}/usr/share/zsh/functions/**/*(/N))",
                root.display()
            );
            let typed = format!("{setup}; autoload -Uz compinit; compinit -u -D; {bare}");
            return format!("{} -fc '{typed}'\n", zsh.display());
        }
        if bare.contains("completion fish") {
            return format!("{} --no-config -c '{bare}'\n", tool("fish/fish").display());
        }
        format!("{line}\n")
    });
    lines.collect()
}

/// A home with what was downloaded, and what is typed there.
fn typed(dist: &Dist, home: &Path, blocks: &[String]) {
    std::fs::create_dir(home).unwrap();
    for file in [dist.archive("etcdbackup"), dist.folder.join("SHA256SUMS")] {
        std::fs::copy(&file, home.join(file.file_name().unwrap())).unwrap();
    }
    std::fs::create_dir(home.join("bin")).unwrap();
    std::fs::write(home.join("bin/gh"), GH).unwrap();
    std::fs::set_permissions(home.join("bin/gh"), Permissions::from_mode(0o755)).unwrap();
    for block in blocks {
        let script = format!("export PATH=~/.local/bin:$PATH\n{}", in_its_shell(block));
        let output = alone(home, &script);
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
}

#[test]
fn what_the_documents_tell_of_the_archive_runs_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let dist = Dist::pack(folder.path());
    let all = told("docs/install-programs.md");
    assert!(all.len() >= 8, "{all:?}");
    let home = folder.path().join("of-the-page");
    typed(&dist, &home, &all);
    assert!(home.join("etcdbackup_0.1.0_amd64.deb").exists());
    assert!(!home.join(".local/bin/kubectl-etcdbackup").exists());
    let checks = told("SECURITY.md");
    assert_eq!(checks.len(), 1, "{checks:?}");
    assert!(checks[0].contains("gh attestation"), "{checks:?}");
    typed(&dist, &folder.path().join("of-security"), &checks);
    let mut first = told("README.md");
    first.retain(|block| block.contains("tar -xzf"));
    assert_eq!(first.len(), 1, "{first:?}");
    let home = folder.path().join("of-the-readme");
    typed(&dist, &home, &first);
    assert!(home.join(".local/bin/kubectl-etcdbackup").exists());
}

#[test]
fn from_the_archive_alone_it_is_unpacked_linked_completed_run_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dist = Dist::pack(folder.path());
    // Whoever downloads checks first.
    let check = format!(
        "cd {} && sha256sum --check --strict SHA256SUMS",
        dist.folder.display()
    );
    let checked = alone(folder.path(), &check);
    ok(&checked);
    assert_eq!(text(&checked.stdout).lines().count(), 10);
    let snapshot = repository().join("tests/fixtures/after.snap.zst");
    let snapshot = zstd::decode_all(&*std::fs::read(snapshot).unwrap()).unwrap();
    std::fs::write(folder.path().join("db.snapshot"), snapshot).unwrap();
    let user = format!(
        "mkdir unpacked bin && tar -xzf {archive} -C unpacked && test -s unpacked/LICENSE
        cd unpacked && ./kubectl-etcdbackup link --dir . --force && ./talosctl-snapshot-take --version
        ./kubectl-etcdbackup link --dir ../bin && cd ..
        kubectl plugin list --name-only
        kubectl etcdbackup --version
        talosctl-snapshot-inspect status db.snapshot
        kubectl __complete etcdbackup pru 2>/dev/null
        source unpacked/talosctl-snapshot-inspect.bash
        COMP_LINE='talosctl-snapshot-inspect inv' COMP_POINT=29 _etcdbackup_talosctl_snapshot_inspect
        echo \"<${{COMPREPLY[*]}}>\"
        test -s unpacked/talosctl-snapshot-take.1
        kubectl etcdbackup link --dir bin --remove
        test -z \"$(ls -A bin)\" && rm -r unpacked bin",
        archive = dist.archive("etcdbackup").display()
    );
    let used = alone(folder.path(), &user);
    ok(&used);
    let shown = text(&used.stdout);
    for said in ["kubectl-etcdbackup\n", "prune\t", "<inventory>"] {
        assert!(shown.contains(said), "`{said}` is not in {shown}");
    }
    let warnings = text(&used.stderr);
    assert!(
        !warnings.contains("overshadowed") && !warnings.contains("not executable"),
        "{warnings}"
    );
}
