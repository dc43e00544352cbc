//! Moving over from talos-backup: its name, its environment, its objects.

use std::os::unix::fs::symlink;

use e2e::{BUCKET, Run, World, text};

use crate::support::{ok, refused, serving};

/// The program under talos-backup's name, with nothing but its environment.
fn talos_backup(world: &World) -> Run {
    let path = world.path("talos-backup");
    if !path.exists() {
        symlink(e2e::programs().join("kubectl-etcdbackup"), &path).unwrap();
    }
    let mut run = world.command(path);
    let endpoint = world.s3.endpoint();
    run.env_remove("AWS_ENDPOINT_URL_S3")
        .env("CUSTOM_S3_ENDPOINT", endpoint)
        .env("AWS_REGION", "us-east-1")
        .env("BUCKET", BUCKET);
    run
}

fn recipient(world: &World) -> String {
    std::fs::read_to_string(world.path("recipients.txt"))
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn its_environment_makes_its_object() {
    let world = serving();
    let run = talos_backup(&world)
        .env("CLUSTER_NAME", "prod")
        .env("AGE_X25519_PUBLIC_KEY", recipient(&world))
        .env("USE_PATH_STYLE", "true")
        .output()
        .unwrap();
    ok(&run);
    let keys = world.s3.keys(BUCKET, "prod");
    assert_eq!(
        text(&run.stdout).trim(),
        format!("s3://{BUCKET}/{}", keys[0])
    );
    assert!(
        keys[0].starts_with("prod/prod-20") && keys[0].ends_with("Z.snap.age"),
        "{keys:?}"
    );
    // Its users open their objects so.
    ok(&world.shell("talosctl-snapshot-pull s3://backups/prod -i key.txt -o back"));
}

#[test]
fn a_prefix_with_a_slash_compression_and_the_newer_name_of_the_key() {
    let world = serving();
    let run = talos_backup(&world)
        .env("S3_PREFIX", "etcd/prod/")
        .env("ENABLE_COMPRESSION", "true")
        .env("AGE_RECIPIENT_PUBLIC_KEY", recipient(&world))
        .env("AGE_X25519_PUBLIC_KEY", "")
        .output()
        .unwrap();
    ok(&run);
    let keys = world.s3.keys(BUCKET, "etcd/prod");
    // Without CLUSTER_NAME it is the talosconfig context.
    assert!(
        keys[0].starts_with("etcd/prod/sim-") && keys[0].ends_with(".snap.zst.age"),
        "{keys:?}"
    );
    let list = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/etcd/prod", "-o", "name"],
    );
    assert_eq!(text(&list.stdout), text(&run.stdout));
}

#[test]
fn encryption_off_is_said_in_log_and_manifest() {
    let world = serving();
    let run = talos_backup(&world)
        .env("CLUSTER_NAME", "open")
        .env("DISABLE_ENCRYPTION", "true")
        .output()
        .unwrap();
    ok(&run);
    assert!(
        text(&run.stderr).contains("warning: encryption is off"),
        "{}",
        text(&run.stderr)
    );
    let key = &world.s3.keys(BUCKET, "open")[0];
    assert!(key.ends_with(".snap"), "{key}");
    let manifest = &world.s3.keys(BUCKET, "open/.manifest")[0];
    let manifest = world.s3.object(BUCKET, manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["encrypted"], false);
    assert_eq!(manifest["recipients"], serde_json::json!([]));
}

#[test]
fn a_key_wins_over_encryption_off_and_neither_is_refused() {
    let world = serving();
    let both = talos_backup(&world)
        .env("CLUSTER_NAME", "both")
        .env("DISABLE_ENCRYPTION", "true")
        .env("AGE_X25519_PUBLIC_KEY", recipient(&world))
        .output()
        .unwrap();
    ok(&both);
    assert!(
        text(&both.stderr).contains("warning: DISABLE_ENCRYPTION is set"),
        "{}",
        text(&both.stderr)
    );
    assert!(world.s3.keys(BUCKET, "both")[0].ends_with(".snap.age"));
    let neither = talos_backup(&world)
        .env("CLUSTER_NAME", "none")
        .output()
        .unwrap();
    refused(&neither, 2, "no recipient");
    assert!(world.s3.keys(BUCKET, "none").is_empty());
}

#[test]
fn other_verbs_and_help_stay_what_they_are() {
    let world = serving();
    let list = talos_backup(&world)
        .args(["list", "s3://backups/prod"])
        .env("AWS_ENDPOINT_URL_S3", world.s3.endpoint())
        .output()
        .unwrap();
    ok(&list);
    assert!(text(&list.stderr).contains("no backup in s3://backups/prod"));
    let help = talos_backup(&world).arg("-h").output().unwrap();
    ok(&help);
    assert!(
        text(&help.stdout).contains("Usage: talos-backup "),
        "{}",
        text(&help.stdout)
    );
}
