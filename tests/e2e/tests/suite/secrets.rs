//! Secrets show nowhere: not in arguments, not at `-vv`, not in errors.
//!
//! Every output of the whole suite is looked through (`e2e::secrets`); here every program runs
//! at its most talkative through success and failure, with secrets in every place they may be.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::{BUCKET, SECRET_KEY, World, secrets, text};
use talos_sim::Fault;

use crate::support::serving;
use crate::wrong_input::{PASSPHRASE, protect};

const SESSION_TOKEN: &str = "planted-session-token-0123456789";
const SIGNATURE: &str = "planted-signature-0123456789";

/// Runs a line at both talkative levels and in both forms; gives all that was said.
fn talkative(world: &World, line: &str, variables: &[(&str, &str)]) -> String {
    let mut said = String::new();
    for (verbose, format) in [("1", "text"), ("2", "text"), ("2", "json")] {
        let run = world
            .command("bash")
            .args(["-c", line])
            .env("ETCDBACKUP_VERBOSE", verbose)
            .env("ETCDBACKUP_LOG_FORMAT", format)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        said += &text(&run.stderr);
    }
    said
}

/// A world that has everything a secret can lie in.
fn planted() -> World {
    let world = serving();
    protect(&world);
    for secret in [SESSION_TOKEN, SIGNATURE, PASSPHRASE, SECRET_KEY] {
        secrets::plant(secret);
    }
    std::fs::write(
        world.path("url.txt"),
        format!(
            "{}/{BUCKET}/x?X-Amz-Signature={SIGNATURE}",
            world.s3.endpoint()
        ),
    )
    .unwrap();
    world
}

#[test]
fn every_program_at_its_most_talkative_keeps_them() {
    let world = planted();
    let now = "kubectl-etcdbackup now --direct s3://backups/prod -R recipients.txt";
    let said = [
        talkative(&world, now, &[]),
        talkative(
            &world,
            "talosctl-snapshot-take | talosctl-snapshot-push s3://backups/parts -R recipients.txt",
            &[],
        ),
        talkative(
            &world,
            "talosctl-snapshot-pull s3://backups/prod -i key.txt --force -o back",
            &[],
        ),
        talkative(
            &world,
            "kubectl-etcdbackup list s3://backups/prod -o json",
            &[],
        ),
    ];
    // That it talks at all shows that there was something to look through.
    assert!(
        said.iter().all(|said| said.lines().count() >= 2),
        "{said:?}"
    );
    assert!(said[0].contains("EtcdSnapshot"), "{}", said[0]);
}

#[test]
fn failures_of_every_kind_keep_them() {
    let world = planted();
    let now = "kubectl-etcdbackup now --direct s3://backups/prod -R recipients.txt --compress none";
    let pull = "talosctl-snapshot-pull s3://backups/prod --force -o back";
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = format!("http://user:{SIGNATURE}@{closed}");
    let bad_keys = ("AWS_SECRET_ACCESS_KEY", "planted-wrong-secret-0123456789");
    secrets::plant(bad_keys.1);
    let cases: Vec<(String, Vec<(&str, &str)>)> = vec![
        (now.to_owned(), vec![("AWS_SESSION_TOKEN", SESSION_TOKEN)]),
        (now.to_owned(), vec![bad_keys]),
        (now.to_owned(), vec![("AWS_ENDPOINT_URL_S3", &closed)]),
        (now.to_owned(), vec![("TALOSCONFIG", "key.txt")]),
        (
            format!("{now} --recipient \"$(grep SECRET key.txt)\""),
            vec![],
        ),
        (format!("{pull} -i \"$(grep SECRET key.txt)\""), vec![]),
        (format!("{pull} -i talosconfig"), vec![]),
        (format!("{pull} -i recipients.txt"), vec![]),
        (format!("setsid {pull} -i protected.age"), vec![]),
        (
            "talosctl-snapshot-pull --url-file url.txt --force -o back".to_owned(),
            vec![],
        ),
        (
            "talosctl-snapshot-pull --url-file key.txt --force -o back".to_owned(),
            vec![],
        ),
        (
            "talosctl-snapshot-push -f key.txt s3://backups/x -R recipients.txt".to_owned(),
            vec![],
        ),
        (
            "talosctl-snapshot-push -f db s3://backups/x -R key.txt".to_owned(),
            vec![],
        ),
        (
            "kubectl-etcdbackup list --config key.txt".to_owned(),
            vec![],
        ),
        (
            "kubectl-etcdbackup list --config talosconfig".to_owned(),
            vec![],
        ),
        (
            format!("kubectl-etcdbackup list s3://AKID:{SIGNATURE}@backups/x"),
            vec![],
        ),
        (
            format!(
                "kubectl-etcdbackup list '{}/{BUCKET}?X-Amz-Signature={SIGNATURE}'",
                world.s3.endpoint()
            ),
            vec![],
        ),
    ];
    for (line, variables) in cases {
        let said = talkative(&world, &line, &variables);
        // A session token that the server does not look at is no failure.
        let failed = said.contains("error: ") && said.contains("\"exit\":");
        assert!(
            failed
                || variables
                    .iter()
                    .any(|(name, _)| *name == "AWS_SESSION_TOKEN"),
            "{line}: {said}"
        );
    }
    for fault in [
        Fault::Denied,
        Fault::CutWithOk(9000),
        Fault::Reset(9000),
        Fault::Down,
    ] {
        (0..3).for_each(|node| world.talos.inject(node, fault.clone()).unwrap());
        let said = talkative(&world, now, &[]);
        assert!(said.contains("error: "), "{said}");
        world.talos.clear_faults().unwrap();
    }
}

/// A program on PATH that keeps its own command line, and then does what `then` says.
fn witness(world: &World, name: &str, then: &str) -> PathBuf {
    let seen = world.path(&format!("{name}.seen"));
    let script = format!(
        "#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline >> {}\n{then}\n",
        seen.display()
    );
    let path = world.path("bin").join(name);
    std::fs::create_dir_all(world.path("bin")).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    seen
}

#[test]
fn programs_started_by_ours_get_none_as_arguments_and_their_words_are_not_repeated() {
    let world = planted();
    let plugin = witness(&world, "age-plugin-witness", "exit 1");
    let said = format!("echo 'cannot log in with {SESSION_TOKEN}' >&2; exit 1");
    let helper = witness(&world, "credential-helper", &said);
    let profile = format!(
        "[default]\ncredential_process = {}\n",
        world.path("bin/credential-helper").display()
    );
    std::fs::create_dir_all(world.path(".aws")).unwrap();
    std::fs::write(world.path(".aws/config"), profile).unwrap();
    let path = "PATH=$PWD/bin:$PATH;";
    let list = format!(
        "{path} env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY kubectl-etcdbackup list s3://backups/prod"
    );
    let said = talkative(&world, &list, &[]);
    assert!(
        said.contains("error: S3 credentials could not be had"),
        "{said}"
    );
    let push = format!(
        "{path} talosctl-snapshot-take -q | talosctl-snapshot-push s3://backups/prod -r {WITNESS}"
    );
    let said = talkative(&world, &push, &[]);
    assert!(said.contains("error: "), "{said}");
    for seen in [plugin, helper] {
        let seen =
            std::fs::read(&seen).unwrap_or_else(|error| panic!("{}: {error}", seen.display()));
        assert!(!seen.is_empty());
        secrets::assert_none("a command line", &seen);
    }
}

/// A recipient of a plugin called `witness`.
const WITNESS: &str = "age1witness1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sjwv3kl";

#[test]
fn command_lines_of_a_running_backup_hold_none() {
    let world = planted();
    let drip = Fault::Drip {
        bytes: 20_000,
        pause: Duration::from_millis(100),
    };
    (0..3).for_each(|node| world.talos.inject(node, drip.clone()).unwrap());
    let mut run = world.command("bash");
    run.args([
        "-c",
        "talosctl-snapshot-take | talosctl-snapshot-push s3://backups/prod -R recipients.txt",
    ]);
    run.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().unwrap();
    let mut looked = 0;
    let end = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not end");
        for (program, line) in command_lines() {
            if program.starts_with("talosctl-snap") {
                looked += 1;
                secrets::assert_none(&program, line.as_bytes());
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(child.wait().unwrap().success());
    assert!(looked >= 2, "nothing was seen running");
}

/// Name and command line of every process.
fn command_lines() -> Vec<(String, String)> {
    let read = |entry: std::fs::DirEntry| {
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((name, text(&line)))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(read)
        .collect()
}
