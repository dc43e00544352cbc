//! A snapshot that lies in a store: `recover-check` fetches, opens and proves it by itself.

use e2e::{World, text};

use super::{check, code, json, of, refused, three};
use crate::support::ok;

/// A cluster with its backup in the store, encrypted, and the same in a file.
fn stored() -> World {
    let world = three();
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    push(&world, "s3://backups/prod", "prod");
    world
}

fn push(world: &World, destination: &str, cluster: &str) -> String {
    let arguments = [
        "-f",
        "db.snapshot",
        destination,
        "-R",
        "recipients.txt",
        "--cluster-name",
        cluster,
    ];
    let pushed = world.ours("talosctl-snapshot-push", &arguments);
    ok(&pushed);
    text(&pushed.stdout).trim().to_owned()
}

/// What was found about the file itself.
fn proofs(world: &World, name: &str, more: &[&str]) -> Vec<String> {
    let (_, value) = json(world, &[&["snapshot", name], more].concat());
    let found = ["digest", "structure", "age", "members"].map(|check| of(&value, check));
    let lines = found.into_iter().flatten();
    lines
        .map(|(severity, what)| format!("{severity} {what}"))
        .collect()
}

#[test]
fn a_url_is_as_good_as_a_file_and_leaves_nothing_behind() {
    let world = stored();
    let spool = world.path("spool");
    std::fs::create_dir(&spool).unwrap();
    let kept = ["--spool-dir", spool.to_str().unwrap(), "-i", "key.txt"];
    let object = push(&world, "s3://backups/other", "prod");
    let folder = format!("file://{}/store", world.folder.path().display());
    let file = push(&world, &folder, "prod");
    let expected = proofs(&world, "db.snapshot", &[]);
    assert!(
        expected[0].starts_with("ok the SHA-256 holds"),
        "{expected:?}"
    );
    for url in ["s3://backups/prod", &object, &folder, &file] {
        assert_eq!(proofs(&world, url, &kept), expected, "{url}");
    }
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
    // What it is called is where it lies, and what was fetched is told.
    let told = check(&world, &["snapshot", "s3://backups/prod", "-i", "key.txt"]);
    assert!(
        text(&told.stderr).contains("fetched s3://backups/prod/prod-"),
        "{}",
        text(&told.stderr)
    );
    // Its members count in every sentence.
    let (_, value) = json(&world, &["preparing", "s3://backups/prod", "-i", "key.txt"]);
    assert_eq!(value["holds"], false, "{value}");
}

#[test]
fn a_url_that_leads_to_no_proven_snapshot_is_refused() {
    let world = stored();
    let snapshot = |source: &str, more: &[&str]| {
        let arguments = [&["snapshot", source], more].concat();
        check(&world, &arguments)
    };
    refused(&snapshot("s3://backups/prod", &[]), 78, "-i");
    let absent = snapshot("s3://backups/nothing", &["-i", "key.txt"]);
    assert_eq!(code(&absent), 1, "{}", text(&absent.stderr));
    refused(&snapshot("https://example.com/db", &[]), 2, "web address");
    refused(
        &snapshot("s3://backups/prod", &["-i", "absent.txt"]),
        78,
        "absent.txt",
    );
    // Two clusters under one prefix: which one is asked for, never guessed.
    push(&world, "s3://backups/prod", "test");
    refused(
        &snapshot("s3://backups/prod", &["-i", "key.txt"]),
        2,
        "test",
    );
    let named = ["-i", "key.txt", "--cluster-name", "prod"];
    let (_, value) = json(
        &world,
        &[&["snapshot", "s3://backups/prod"], &named[..]].concat(),
    );
    assert_eq!(of(&value, "digest")[0].0, "ok");
    // An unusable newest is an error that names the next older.
    let store = format!("file://{}/store", world.folder.path().display());
    push(&world, &store, "prod");
    let newer = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let name = format!("prod-{newer:.3}.snap").replace(':', "-");
    std::fs::write(world.path("store").join(name), b"no snapshot").unwrap();
    refused(
        &snapshot(&store, &["-i", "key.txt"]),
        65,
        "the next older one is",
    );
    let piped = world.shell("talosctl-recover-check snapshot - -i - < db.snapshot || test $? = 2");
    assert!(
        text(&piped.stderr).contains("stdin"),
        "{}",
        text(&piped.stderr)
    );
}
