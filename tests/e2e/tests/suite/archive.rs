//! From the archive alone: unpack, link, complete, run, remove.

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
        .output()
        .unwrap()
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
