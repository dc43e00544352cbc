//! `copy`, `rekey` and the audit of recipients: bytes that lie in a store already.

use std::process::Output;

use e2e::{BUCKET, World, text};
use s3_sim::{Effect, Fault, Operation};
use serde_json::Value;

use crate::prune::at;
use crate::support::{SIZE, backed_up, check_pull, code, ok, refused, sample, serving};

const PLACE: &str = "s3://backups/prod";
const SECOND: &str = "s3://backups/second";

fn ours(world: &World, arguments: &[&str]) -> Output {
    world.ours("kubectl-etcdbackup", arguments)
}

/// The array that a verb prints with `-o json`.
fn told(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

/// Three backups on three days, of `size`.
fn three(size: usize, more: &[&str]) -> World {
    let world = World::serving(sample(size));
    for day in 1..=3 {
        let time = format!("2026-01-0{day}T00:00:00Z");
        let now = [
            "now",
            "--direct",
            PLACE,
            "-R",
            "recipients.txt",
            "--cluster-name",
            "prod",
        ];
        ok(&at(&world, &time, &[&now[..], more].concat())
            .output()
            .unwrap());
    }
    world
}

#[test]
fn a_copy_is_the_same_proven_and_made_once() {
    for (size, more) in [(SIZE, &[][..]), (12 << 20, &["--compress", "none"])] {
        let world = three(size, more);
        let newest = ours(&world, &["copy", PLACE, SECOND, "-o", "json"]);
        ok(&newest);
        assert_eq!(told(&newest)[0]["proven"], "manifest");
        assert_eq!(world.s3.keys(BUCKET, "second").len(), 1);
        let dry = ours(
            &world,
            &["copy", PLACE, SECOND, "--all", "--dry-run", "-o", "json"],
        );
        let steps = |output: &Output| -> Vec<String> {
            let rows = told(output);
            rows.iter()
                .map(|row| row["step"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(steps(&dry), ["would-copy", "would-copy", "there"]);
        assert_eq!(world.s3.keys(BUCKET, "second").len(), 1);
        ok(&ours(
            &world,
            &["copy", PLACE, SECOND, "--since", "2026-01-02T00:00:00Z"],
        ));
        assert_eq!(world.s3.keys(BUCKET, "second").len(), 2);
        ok(&ours(&world, &["copy", PLACE, SECOND, "--all"]));
        let again = ours(&world, &["copy", PLACE, SECOND, "--all", "-o", "json"]);
        assert_eq!(steps(&again), ["there"; 3]);
        for key in world.s3.keys(BUCKET, "prod") {
            let copy = key.replace("prod/", "second/");
            assert!(
                world.s3.object(BUCKET, &key) == world.s3.object(BUCKET, &copy),
                "{copy}"
            );
        }
        assert_eq!(world.s3.keys(BUCKET, "second/.manifest").len(), 3);
        check_pull(&world, &world.s3.keys(BUCKET, "second")[2], size).unwrap();
        // To a folder, whose names have dashes, and back: they are known again.
        let nas = format!("file://{}", world.path("nas").display());
        ok(&ours(&world, &["copy", PLACE, &nas, "--all"]));
        let back = ours(&world, &["copy", &nas, SECOND, "--all", "-o", "json"]);
        ok(&back);
        assert_eq!(steps(&back), ["there"; 3]);
        ok(&ours(&world, &["verify", &nas, "--all"]));
    }
}

#[test]
fn what_is_damaged_or_cannot_be_proven_is_not_published_in_silence() {
    for (size, more) in [(SIZE, &[][..]), (12 << 20, &["--compress", "none"])] {
        let world = three(size, more);
        let key = world.s3.keys(BUCKET, "prod")[2].clone();
        let good = world.s3.object(BUCKET, &key).unwrap();
        let mut bytes = good.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        world.s3.put(BUCKET, &key, &bytes);
        let damaged = ours(&world, &["copy", PLACE, SECOND]);
        refused(&damaged, 65, "its manifest says");
        assert!(world.s3.keys(BUCKET, "second").is_empty());
        assert!(world.s3.uploads(BUCKET).is_empty());
        // The others go all the same.
        assert_eq!(code(&ours(&world, &["copy", PLACE, SECOND, "--all"])), 65);
        assert_eq!(world.s3.keys(BUCKET, "second").len(), 2);
        // Without manifest and key only its length is known; with the key, it opens or not.
        let manifest = key.replace("prod/", "prod/.manifest/") + ".json";
        world.s3.remove(BUCKET, &manifest);
        let keyed = ["copy", PLACE, SECOND, "-i", "key.txt", "-o", "json"];
        assert_eq!(code(&ours(&world, &keyed)), 65);
        world.s3.put(BUCKET, &key, &good);
        let proven = ours(&world, &keyed);
        ok(&proven);
        assert_eq!(told(&proven)[0]["proven"], "snapshot");
        let third = ours(&world, &["copy", PLACE, "s3://backups/third", "-o", "json"]);
        assert_eq!(told(&third)[0]["proven"], "length");
        // Another object of that name is never replaced.
        let copy = key.replace("prod/", "second/");
        world.s3.put(BUCKET, &copy, b"something else");
        refused(
            &ours(&world, &["copy", PLACE, SECOND]),
            65,
            "is another object",
        );
        assert_eq!(world.s3.object(BUCKET, &copy).unwrap(), b"something else");
    }
    let plain = serving();
    let now = ["now", "--direct", PLACE, "--no-encrypt", "--no-manifest"];
    ok(&ours(&plain, &now));
    let proven = ours(&plain, &["copy", PLACE, SECOND, "-o", "json"]);
    assert_eq!(told(&proven)[0]["proven"], "snapshot");
}

#[test]
fn a_broken_copy_leaves_nothing_and_a_lock_goes_along() {
    let world = three(12 << 20, &["--compress", "none"]);
    let fault = Fault::new(
        Operation::UploadPart,
        Effect::Status(403, "AccessDenied".to_owned()),
    );
    world.s3.inject(fault.after(1));
    refused(&ours(&world, &["copy", PLACE, SECOND]), 77, "UploadPart");
    world.s3.clear_faults();
    assert!(world.s3.keys(BUCKET, "second").is_empty());
    assert!(world.s3.uploads(BUCKET).is_empty());
    let lock = ["copy", PLACE, SECOND, "--lock-for", "30d"];
    refused(&ours(&world, &lock), 78, "--lock-for");
    refused(
        &ours(&world, &["copy", PLACE, PLACE, "--since", "soon"]),
        2,
        "--since",
    );
}

/// A second key, and what its owner can open.
fn second_key(world: &World) {
    ok(&world
        .shell("age-keygen -o new.txt 2>/dev/null && age-keygen -y new.txt > new-recipients.txt"));
}

#[test]
fn rekeyed_backups_open_with_the_new_key_only_and_the_old_ones_stay_until_told() {
    for (size, more) in [(SIZE, &[][..]), (12 << 20, &["--compress", "none"])] {
        let world = three(size, more);
        second_key(&world);
        let rekey = [
            "rekey",
            PLACE,
            "-i",
            "key.txt",
            "-R",
            "new-recipients.txt",
            "-o",
            "json",
        ];
        let run = |more: &[&str]| ours(&world, &[&rekey[..], more].concat());
        let states = |output: &Output, field: &str| -> Vec<String> {
            let rows = told(output);
            rows.iter()
                .map(|row| row[field].as_str().unwrap().to_owned())
                .collect()
        };
        let dry = run(&["--all", "--dry-run"]);
        assert_eq!(states(&dry, "state"), ["would rekey"; 3]);
        assert_eq!(world.s3.keys(BUCKET, "prod").len(), 3);
        ok(&run(&[]));
        assert_eq!(world.s3.keys(BUCKET, "prod").len(), 4);
        let all = run(&["--all"]);
        ok(&all);
        assert_eq!(
            states(&all, "state"),
            ["rekeyed", "rekeyed", "done before", "current"]
        );
        assert!(text(&all.stderr).contains("--delete-old"));
        let keys = world.s3.keys(BUCKET, "prod");
        assert_eq!(keys.len(), 6);
        assert!(keys[1].contains("2026-01-01T00:00:00.001Z"), "{keys:?}");
        let manifest = world.s3.object(
            BUCKET,
            &(keys[1].replace("prod/", "prod/.manifest/") + ".json"),
        );
        let manifest: Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
        assert_eq!(manifest["replaces"], keys[0].strip_prefix("prod/").unwrap());
        assert!(manifest["source"].as_str().unwrap().starts_with("node "));
        let deleted = run(&["--all", "--delete-old"]);
        ok(&deleted);
        assert_eq!(
            states(&deleted, "oldState")
                .iter()
                .filter(|one| *one == "deleted")
                .count(),
            3
        );
        let keys = world.s3.keys(BUCKET, "prod");
        assert_eq!(keys.len(), 3);
        assert_eq!(world.s3.keys(BUCKET, "prod/.manifest").len(), 3);
        for key in &keys {
            let url = format!("s3://{BUCKET}/{key}");
            let new = ours_pull(&world, &url, "new.txt");
            assert!(new.stdout == sample(size), "other bytes");
            refused(
                &ours_pull(&world, &url, "key.txt"),
                65,
                "none of the given identities",
            );
        }
    }
}

fn ours_pull(world: &World, url: &str, identity: &str) -> Output {
    world.ours("talosctl-snapshot-pull", &[url, "-i", identity])
}

#[test]
fn what_does_not_open_or_verify_keeps_its_old_object() {
    let world = three(SIZE, &[]);
    second_key(&world);
    let rekey = ["rekey", PLACE, "-R", "new-recipients.txt", "--delete-old"];
    refused(
        &ours(&world, &[&rekey[..], &["-i", "new.txt"]].concat()),
        65,
        "none of the given",
    );
    refused(&ours(&world, &rekey), 78, "no identity");
    refused(
        &ours(&world, &["rekey", PLACE, "-i", "key.txt"]),
        2,
        "no recipient",
    );
    assert_eq!(world.s3.keys(BUCKET, "prod").len(), 3);
    let key = world.s3.keys(BUCKET, "prod")[2].clone();
    let mut bytes = world.s3.object(BUCKET, &key).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    world.s3.put(BUCKET, &key, &bytes);
    let damaged = ours(&world, &[&rekey[..], &["-i", "key.txt"]].concat());
    assert_eq!(code(&damaged), 65, "{}", text(&damaged.stderr));
    assert_eq!(world.s3.keys(BUCKET, "prod").len(), 3);
    assert!(world.s3.uploads(BUCKET).is_empty());
}

/// Somebody's public key.
const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice\n";

#[test]
fn the_audit_tells_who_can_open_a_backup() {
    let world = serving();
    second_key(&world);
    std::fs::write(world.path("ssh.pub"), SSH).unwrap();
    ok(&world.shell(
        "cat recipients.txt ssh.pub > both.txt; cat recipients.txt new-recipients.txt > two.txt",
    ));
    let audit = |place: &str, more: &[&str]| {
        let output = ours(&world, &[&["verify", place, "-o", "json"], more].concat());
        let exit = code(&output);
        let row = told(&output).remove(0);
        (exit, row["recipients"].clone(), row["findings"].to_string())
    };
    ok(&backed_up(
        &world,
        &["s3://backups/both"],
        &["-R", "both.txt"],
    ));
    // The helper also names recipients.txt: the same key twice is two recipients.
    let twice = world.path("twice.txt");
    let lines = format!(
        "{}{}",
        std::fs::read_to_string(world.path("recipients.txt")).unwrap(),
        std::fs::read_to_string(world.path("both.txt")).unwrap()
    );
    std::fs::write(twice, lines).unwrap();
    let (exit, found, findings) = audit("s3://backups/both", &["-R", "twice.txt"]);
    assert_eq!((exit, &found["expected"]), (0, &true.into()), "{findings}");
    assert_eq!(found["found"].as_array().unwrap().len(), 3);
    let (exit, found, findings) = audit("s3://backups/both", &["-R", "both.txt"]);
    assert_eq!((exit, &found["expected"]), (1, &false.into()));
    assert!(
        findings.contains("more than expected: X25519"),
        "{findings}"
    );
    ok(&backed_up(&world, &[PLACE], &[]));
    let (exit, ..) = audit(PLACE, &["-R", "recipients.txt"]);
    assert_eq!(exit, 0);
    let (exit, _, findings) = audit(PLACE, &["-R", "new-recipients.txt"]);
    assert_eq!(exit, 1);
    assert!(
        findings.contains("manifest names other recipients"),
        "{findings}"
    );
    let (exit, _, findings) = audit(PLACE, &["-R", "two.txt"]);
    assert!(
        exit == 1 && findings.contains("X25519 is missing"),
        "{findings}"
    );
    assert!(
        world.s3.keys(BUCKET, "prod/.verified").is_empty(),
        "a look at the header proves nothing"
    );
    // Without a manifest an identity tells, and without both nothing does.
    let manifest = world.s3.keys(BUCKET, "prod/.manifest")[0].clone();
    world.s3.remove(BUCKET, &manifest);
    let (exit, found, _) = audit(PLACE, &["-R", "recipients.txt"]);
    assert_eq!((exit, &found["expected"]), (1, &Value::Null));
    assert_eq!(
        audit(PLACE, &["-R", "recipients.txt", "-i", "key.txt"]).0,
        0
    );
    assert_eq!(
        audit(PLACE, &["-R", "recipients.txt", "-i", "new.txt"]).0,
        1
    );
    // The sample is no real database, as a deep look says; who can open it is another matter.
    let deep = ["-R", "recipients.txt", "--deep", "-i", "key.txt"];
    let (_, found, _) = audit(PLACE, &deep);
    assert_eq!(found["expected"], true);
    ok(&ours(
        &world,
        &["now", "--direct", "s3://backups/plain", "--no-encrypt"],
    ));
    let (exit, _, findings) = audit("s3://backups/plain", &["-R", "recipients.txt"]);
    assert!(
        exit == 1 && findings.contains("not encrypted"),
        "{findings}"
    );
}
