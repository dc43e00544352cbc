//! TAB, in kubectl and in real shells.

mod shells;

use std::time::{Duration, Instant};

use e2e::{BUCKET, Run, World, text};

use crate::in_cluster::{Cluster, installed};
use crate::support::{backed_up, ok, serving};

/// A world with every link that `link` makes, first on PATH.
fn linked(world: &World) {
    std::fs::create_dir(world.path("bin")).unwrap();
    ok(&world.ours("kubectl-etcdbackup", &["link", "--dir", "bin"]));
}

fn with_links(world: &World, program: impl AsRef<std::ffi::OsStr>) -> Run {
    let mut command = world.command(program);
    let kubectl = e2e::tool("kubectl");
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        world.path("bin").display(),
        kubectl.display()
    );
    command.env("PATH", path);
    command
}

/// What kubectl offers for the words of a plugin, its last word being typed.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let kubectl = e2e::tool("kubectl/kubectl");
    let mut asked = with_links(world, kubectl);
    let output = asked.arg("__complete").args(words).output().unwrap();
    ok(&output);
    let shown = text(&output.stdout);
    let mut lines: Vec<&str> = shown.lines().collect();
    // These and no file names.
    assert_eq!(lines.pop(), Some(":4"), "{shown}");
    let value = |line: &&str| line.split('\t').next().unwrap_or_default().to_owned();
    lines.iter().map(value).collect()
}

#[test]
fn kubectl_completes_verbs_flags_and_what_is_known_from_files() {
    let Cluster { world, .. } = &installed();
    linked(world);
    assert_eq!(offered(world, &["etcdbackup", "ver"]), ["verify"]);
    let verbs = offered(world, &["etcdbackup", ""]);
    assert!(verbs.contains(&"now".to_owned()), "{verbs:?}");
    assert!(verbs.iter().all(|verb| !verb.starts_with('-')), "{verbs:?}");
    let flags = offered(world, &["etcdbackup", "prune", "--keep-d"]);
    assert_eq!(flags, ["--keep-daily"]);
    let formats = offered(world, &["etcdbackup", "list", "-o", ""]);
    assert_eq!(formats, ["table", "wide", "json", "yaml", "name"]);
    let contexts = offered(world, &["etcdbackup", "status", "--context", ""]);
    assert!(!contexts.is_empty());
    let talos = offered(
        world,
        &["etcdbackup", "now", "--direct", "--talos-context", ""],
    );
    assert_eq!(talos.len(), 1, "{talos:?}");
    let nodes = offered(world, &["etcdbackup", "now", "--direct", "--nodes", ""]);
    let first = world.talos.nodes()[0].address.to_string();
    assert!(nodes.contains(&first), "{nodes:?}");
    // Of a list the last is completed.
    let second = offered(
        world,
        &["etcdbackup", "now", "--nodes", &format!("{first},127")],
    );
    assert!(
        second
            .iter()
            .all(|value| value.starts_with(&format!("{first},127")))
    );
    assert_eq!(second.len(), nodes.len());
    // krew's link, for which `link` made the completer.
    let plugin = world.path("bin/kubectl-talos_snapshot_pull");
    std::os::unix::fs::symlink(e2e::programs().join("talosctl-snapshot-pull"), plugin).unwrap();
    let pulled = offered(world, &["talos-snapshot-pull", "--ident"]);
    assert_eq!(pulled, ["--identity"]);
}

#[test]
fn kubectl_completes_namespaces_of_the_cluster() {
    let Cluster { world, .. } = &installed();
    linked(world);
    let namespaces = offered(world, &["etcdbackup", "status", "-n", "kube-"]);
    assert!(
        namespaces.contains(&"kube-system".to_owned()),
        "{namespaces:?}"
    );
    assert!(namespaces.iter().all(|name| name.starts_with("kube-")));
}

#[test]
fn keys_come_from_the_store_newest_first_and_are_remembered_for_a_moment() {
    let world = serving();
    linked(&world);
    for _ in 0..2 {
        ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    }
    let mut keys = world.s3.keys(BUCKET, "prod");
    keys.reverse();
    let urls: Vec<String> = keys
        .iter()
        .map(|key| format!("s3://{BUCKET}/{key}"))
        .collect();
    let words = ["etcdbackup", "verify", "s3://backups/prod/"];
    assert_eq!(offered(&world, &words), urls);
    let begun = [&urls[0][..urls[0].len() - 6]];
    let one = ["etcdbackup", "verify", begun[0]];
    assert_eq!(offered(&world, &one), urls[..1]);
    let copied = ["etcdbackup", "copy", "s3://backups/prod/"];
    assert_eq!(offered(&world, &copied), urls);
    // What was asked a moment ago is not asked again.
    let asked = world.s3.requests().len();
    assert_eq!(offered(&world, &words), urls);
    assert_eq!(world.s3.requests().len(), asked);
    let kept = world.path(".cache/etcdbackup/completion");
    for file in std::fs::read_dir(kept).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may read it");
    }
    // A destination of the environment is offered until it is typed.
    let mut asked = with_links(&world, e2e::tool("kubectl/kubectl"));
    asked.args(["__complete", "etcdbackup", "list", "s3"]);
    let output = asked
        .env("ETCDBACKUP_DESTINATION", "s3://backups/prod")
        .output()
        .unwrap();
    assert!(
        text(&output.stdout).starts_with("s3://backups/prod/\t"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_store_that_does_not_answer_holds_nobody_up() {
    let world = serving();
    linked(&world);
    // It takes a connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut asked = with_links(&world, e2e::tool("kubectl/kubectl"));
    asked.args(["__complete", "etcdbackup", "list", "s3://backups/prod/"]);
    let begun = Instant::now();
    let output = asked.env("AWS_ENDPOINT_URL_S3", endpoint).output().unwrap();
    ok(&output);
    assert_eq!(text(&output.stdout), ":4\n");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn links_are_made_all_or_none_brought_up_to_date_and_removed() {
    let world = serving();
    linked(&world);
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(world.path("bin")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names().len(), 18);
    for name in [
        "kubectl_complete-etcdbackup",
        "kubectl_complete-talos_recover_check",
        "talosctl-recover-guide",
    ] {
        assert!(names().contains(&name.to_owned()), "{name}");
    }
    let link = |more: &[&str]| {
        world.ours(
            "kubectl-etcdbackup",
            &[&["link", "--dir", "bin"], more].concat(),
        )
    };
    ok(&link(&[]));
    // An older version's, and somebody else's.
    let mine = world.path("bin/talosctl-snapshot-take");
    std::fs::remove_file(&mine).unwrap();
    std::os::unix::fs::symlink("/gone/talosctl-snapshot-take", &mine).unwrap();
    let other = world.path("bin/talosctl-snapshot-push");
    std::fs::remove_file(&other).unwrap();
    std::fs::write(&other, "#!/bin/sh\n").unwrap();
    crate::support::refused(&link(&[]), 2, "is there and is not ours");
    assert!(
        mine.read_link().unwrap().starts_with("/gone"),
        "none was made"
    );
    ok(&link(&["--force"]));
    assert!(mine.exists() && other.is_symlink());
    ok(&link(&["--remove"]));
    assert_eq!(names(), Vec::<String>::new());
    crate::support::refused(
        &world.ours("kubectl-etcdbackup", &["link", "--dir", "none"]),
        74,
        "is no folder",
    );
}
