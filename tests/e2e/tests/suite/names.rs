//! Programs under the names that kubectl and its plugin manager know.

use std::os::unix::fs::symlink;

use e2e::{World, text};

use crate::support::{code, ok, refused, serving};

/// A world whose folder `bin` has the kubectl names, in front of PATH.
fn linked() -> World {
    let world = serving();
    std::fs::create_dir(world.path("bin")).unwrap();
    for (name, program) in [
        ("kubectl-talos_snapshot_take", "talosctl-snapshot-take"),
        ("kubectl-talos_snapshot_push", "talosctl-snapshot-push"),
        ("talos-backup", "kubectl-etcdbackup"),
    ] {
        symlink(e2e::programs().join(program), world.path("bin").join(name)).unwrap();
    }
    world
}

fn shell(world: &World, line: &str) -> std::process::Output {
    world.shell(&format!("PATH=$PWD/bin:$PATH; {line}"))
}

#[test]
fn usage_is_that_of_the_name_called() {
    let world = linked();
    let push = shell(&world, "kubectl talos-snapshot-push -h");
    ok(&push);
    assert!(
        text(&push.stdout).contains("Usage: kubectl talos-snapshot-push [OPTIONS]"),
        "{}",
        text(&push.stdout)
    );
    let direct = world.ours("talosctl-snapshot-push", &["-h"]);
    assert!(text(&direct.stdout).contains("Usage: talosctl-snapshot-push [OPTIONS]"));
    let version = shell(&world, "kubectl talos-snapshot-take --version");
    assert!(
        text(&version.stdout).starts_with("kubectl talos-snapshot-take "),
        "{}",
        text(&version.stdout)
    );
    let list = shell(&world, "kubectl etcdbackup list -h");
    assert!(text(&list.stdout).contains("Usage: kubectl etcdbackup list"));
}

#[test]
fn under_kubectl_talos_flags_have_their_long_names() {
    let world = linked();
    let node = world.talos.address(0);
    for (flag, meant) in [("-n", "--nodes"), ("--context", "--talos-context")] {
        let take = shell(
            &world,
            &format!("kubectl talos-snapshot-take {flag} {node} -o back"),
        );
        refused(&take, 2, meant);
    }
    let line = format!("kubectl talos-snapshot-take --nodes {node} --talos-context sim -o back");
    ok(&shell(&world, &line));
    // The exit code comes through kubectl unchanged.
    assert_eq!(
        code(&shell(&world, &format!("{line} --talosconfig absent"))),
        78
    );
}

#[test]
fn kubectls_own_flags_are_accepted_and_what_misleads_is_said() {
    let world = linked();
    let list = world.ours(
        "kubectl-etcdbackup",
        &[
            "list",
            "s3://backups/prod",
            "--context",
            "prod",
            "-n",
            "backup",
            "--as",
            "me",
            "--request-timeout=30s",
        ],
    );
    ok(&list);
    let now = [
        "now",
        "--direct",
        "s3://backups/prod",
        "-R",
        "recipients.txt",
    ];
    let now = world.ours(
        "kubectl-etcdbackup",
        &[&now[..], &["--context", "other", "-n", "10.0.0.2"]].concat(),
    );
    ok(&now);
    let stderr = text(&now.stderr);
    assert!(
        stderr.contains("warning: --context, -n: without effect"),
        "{stderr}"
    );
    assert!(
        stderr.contains("`--talos-context` and `--nodes`"),
        "{stderr}"
    );
}

#[test]
fn the_in_cluster_backup_answers_with_the_direct_command() {
    let world = linked();
    let now = shell(
        &world,
        "kubectl etcdbackup now s3://backups/prod -R recipients.txt --cluster-name 'my cluster'",
    );
    refused(
        &now,
        2,
        "`kubectl etcdbackup now s3://backups/prod -R recipients.txt --cluster-name 'my cluster' --direct`",
    );
}

#[test]
fn the_version_says_what_it_is_built_of() {
    let world = serving();
    for program in [
        "talosctl-snapshot-take",
        "talosctl-snapshot-push",
        "talosctl-snapshot-pull",
    ] {
        for flag in ["-V", "--version"] {
            let version = world.ours(program, &[flag]);
            ok(&version);
            let line = text(&version.stdout);
            assert!(
                line.starts_with(&format!("{program} {} (", env!("CARGO_PKG_VERSION"))),
                "{line}"
            );
            assert!(
                line.contains(std::env::consts::ARCH) && line.contains("aws-lc-rs"),
                "{line}"
            );
        }
    }
}
