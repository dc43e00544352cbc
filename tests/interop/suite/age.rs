//! Go's age 1.3: it opens what we seal, and we open what it seals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::{World, text, tool};

use crate::process::{other, ours, printed};
use crate::support::{SIZE, ok, refused, serving};

/// Without any age program.
const PLAIN: &str = "/usr/bin:/bin";

/// With `age-plugin-pq`.
fn with_plugin() -> String {
    format!("{}:{PLAIN}", tool("age-1.3").display())
}

/// A world whose folder has a snapshot in the file `taken`, and a folder to store into.
fn taken() -> World {
    let world = serving();
    fs::write(world.path("taken"), talos_sim::sample::snapshot(SIZE)).unwrap();
    fs::create_dir(world.path("store")).unwrap();
    world
}

fn age(program: &str) -> Command {
    other(&tool("age-1.3").join(program))
}

/// A new identity in the world's folder, and its recipient.
fn age_key(world: &World, name: &str, more: &[&str]) -> String {
    let file = world.path(name);
    printed(age("age-keygen").args(more).arg("-o").arg(&file));
    printed(age("age-keygen").arg("-y").arg(&file))
        .trim()
        .to_owned()
}

fn ssh_key(world: &World, name: &str, kind: &[&str]) -> String {
    let file = world.path(name);
    let keygen = Path::new("/usr/bin/ssh-keygen");
    assert!(keygen.exists(), "install openssh-client");
    printed(
        other(keygen)
            .args(["-q", "-N", "", "-f"])
            .arg(&file)
            .arg("-t")
            .args(kind),
    );
    let public = fs::read_to_string(world.path(&format!("{name}.pub"))).unwrap();
    public.trim().to_owned()
}

/// Seals `taken` to these recipients: the stored file.
fn push(world: &World, recipients: &[&str]) -> PathBuf {
    let pushed = push_with(world, PLAIN, recipients);
    ok(&pushed);
    let url = text(&pushed.stdout);
    PathBuf::from(url.trim().strip_prefix("file://").expect("a URL"))
}

fn push_with(world: &World, path: &str, recipients: &[&str]) -> Output {
    let store = format!("file://{}", world.path("store").display());
    let mut command = ours(world, "talosctl-snapshot-push");
    command.env("PATH", path).args(["-f", "taken", &store]);
    for recipient in recipients {
        command.args(["-r", recipient]);
    }
    command.output().unwrap()
}

/// What Go's age and zstd make of a stored file.
fn opened_by_age(world: &World, stored: &Path, identity: &str) -> Vec<u8> {
    let compressed = world.path("compressed.zst");
    let mut open = age("age");
    open.arg("-d")
        .arg("-i")
        .arg(world.path(identity))
        .arg("-o")
        .arg(&compressed);
    printed(open.arg(stored));
    zstd::stream::decode_all(fs::File::open(compressed).unwrap()).unwrap()
}

/// Seals the sample with Go's age, as another tool would have stored it: its URL.
fn sealed_by_age(world: &World, name: &str, how: &[&str]) -> String {
    let sample = talos_sim::sample::snapshot(SIZE);
    let compressed = world.path("theirs.zst");
    fs::write(
        &compressed,
        zstd::stream::encode_all(&sample[..], 3).unwrap(),
    )
    .unwrap();
    let stored = world.path("store").join(name);
    printed(age("age").args(how).arg("-o").arg(&stored).arg(&compressed));
    format!("file://{}", stored.display())
}

fn pull_with(world: &World, path: &str, url: &str, identity: &str) -> Output {
    let mut command = ours(world, "talosctl-snapshot-pull");
    command.env("PATH", path);
    command.args([url, "-i", identity, "-o", "pulled", "--force"]);
    command.output().unwrap()
}

fn pulls(world: &World, url: &str, identity: &str) {
    ok(&pull_with(world, PLAIN, url, identity));
    let pulled = fs::read(world.path("pulled")).unwrap();
    assert!(pulled == talos_sim::sample::snapshot(SIZE), "other bytes");
}

#[test]
fn every_kind_of_key_opens_what_was_sealed_to_all_of_them() {
    let world = taken();
    let native = age_key(&world, "native", &[]);
    let ed25519 = ssh_key(&world, "ed25519", &["ed25519"]);
    let rsa = ssh_key(&world, "rsa", &["rsa", "-b", "2048"]);
    let recipients = [native.as_str(), &ed25519, &rsa];
    let ours = push(&world, &recipients);
    let how: Vec<&str> = recipients.iter().flat_map(|one| ["-r", one]).collect();
    let theirs = sealed_by_age(&world, "prod-2026-01-02T03:04:05Z.snap.zst.age", &how);
    for identity in ["native", "ed25519", "rsa"] {
        let opened = opened_by_age(&world, &ours, identity);
        assert!(opened == talos_sim::sample::snapshot(SIZE), "{identity}");
        pulls(&world, &theirs, identity);
    }
    age_key(&world, "stranger", &[]);
    let mut stranger = age("age");
    stranger
        .arg("-d")
        .arg("-i")
        .arg(world.path("stranger"))
        .arg(&ours);
    assert!(!stranger.output().unwrap().status.success());
    refused(
        &pull_with(&world, PLAIN, &theirs, "stranger"),
        65,
        "identities",
    );
}

#[test]
fn one_kind_of_key_alone_works_both_ways() {
    let world = taken();
    for (identity, recipient) in [
        ("native", age_key(&world, "native", &[])),
        ("ed25519", ssh_key(&world, "ed25519", &["ed25519"])),
        ("rsa", ssh_key(&world, "rsa", &["rsa", "-b", "3072"])),
    ] {
        let opened = opened_by_age(&world, &push(&world, &[&recipient]), identity);
        assert!(opened == talos_sim::sample::snapshot(SIZE), "{identity}");
        let name = format!("{identity}-2026-01-02T03:04:05Z.snap.zst.age");
        pulls(
            &world,
            &sealed_by_age(&world, &name, &["-r", &recipient]),
            identity,
        );
    }
}

#[test]
fn armor_is_read() {
    let world = taken();
    let recipient = age_key(&world, "native", &[]);
    let how = ["--armor", "-r", &recipient];
    let url = sealed_by_age(&world, "prod-2026-01-02T03:04:05Z.snap.zst.age", &how);
    let stored = fs::read_to_string(url.strip_prefix("file://").unwrap()).unwrap();
    assert!(stored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
    pulls(&world, &url, "native");
}

#[test]
fn post_quantum_needs_its_plugin_and_says_so() {
    let world = taken();
    let recipient = age_key(&world, "quantum", &["-pq"]);
    assert!(recipient.starts_with("age1pq1"), "{recipient}");
    let missing = push_with(&world, PLAIN, &[&recipient]);
    refused(&missing, 78, "`age-plugin-pq`, which is not on PATH");
    fs::write(world.path("quantum.txt"), format!("# ours\n{recipient}\n")).unwrap();
    let mut from_file = ours(&world, "talosctl-snapshot-push");
    let store = format!("file://{}", world.path("store").display());
    from_file.args(["-f", "taken", &store, "-R", "quantum.txt"]);
    refused(
        &from_file.output().unwrap(),
        78,
        "`age-plugin-pq`, which is not on PATH",
    );

    let classic = age_key(&world, "native", &[]);
    refused(
        &push_with(&world, &with_plugin(), &[&recipient, &classic]),
        78,
        "post-quantum",
    );
    assert_eq!(fs::read_dir(world.path("store")).unwrap().count(), 0);
}

#[test]
fn post_quantum_with_its_plugin_works_both_ways() {
    let world = taken();
    let recipient = age_key(&world, "quantum", &["-pq"]);
    let pushed = push_with(&world, &with_plugin(), &[&recipient]);
    ok(&pushed);
    let url = text(&pushed.stdout).trim().to_owned();
    let stored = PathBuf::from(url.strip_prefix("file://").unwrap());
    let opened = opened_by_age(&world, &stored, "quantum");
    assert!(opened == talos_sim::sample::snapshot(SIZE), "other bytes");

    // Go's own form of the identity is not the plugin's: it is converted once.
    refused(
        &pull_with(&world, &with_plugin(), &url, "quantum"),
        78,
        "age-plugin-pq -identity",
    );
    let mut convert = age("age-plugin-pq");
    convert
        .args(["-identity", "-o"])
        .arg(world.path("converted"));
    printed(convert.arg(world.path("quantum")));
    refused(
        &pull_with(&world, PLAIN, &url, "converted"),
        78,
        "age-plugin-pq",
    );
    ok(&pull_with(&world, &with_plugin(), &url, "converted"));
    let theirs = sealed_by_age(
        &world,
        "prod-2026-01-02T03:04:05Z.snap.zst.age",
        &["-r", &recipient],
    );
    ok(&pull_with(&world, &with_plugin(), &theirs, "converted"));
    let pulled = fs::read(world.path("pulled")).unwrap();
    assert!(pulled == talos_sim::sample::snapshot(SIZE), "other bytes");
}
