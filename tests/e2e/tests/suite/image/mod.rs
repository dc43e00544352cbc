//! The container image, without an engine: its root file system, in which nothing else is.

mod root;
mod tls;

use std::collections::BTreeMap;

use e2e::{World, text};
use s3_sim::S3Sim;

use crate::support::{SIZE, ok, serving};
use root::Root;

/// What is in the image.
const PROGRAMS: [&str; 9] = [
    "kubectl-etcdbackup",
    "talosctl-recover-bootstrap",
    "talosctl-recover-check",
    "talosctl-recover-guide",
    "talosctl-recover-wipe",
    "talosctl-snapshot-inspect",
    "talosctl-snapshot-pull",
    "talosctl-snapshot-push",
    "talosctl-snapshot-take",
];

fn no_variables() -> BTreeMap<String, String> {
    BTreeMap::new()
}

#[test]
fn every_program_runs_there_and_nothing_else_is_there() {
    let root = Root::build();
    for program in PROGRAMS {
        let path = format!("/usr/local/bin/{program}");
        for flag in ["--version", "-h"] {
            let run = root.run(&[&path, flag], &no_variables());
            ok(&run);
            assert!(text(&run.stdout).contains(&program.replace("kubectl-", "kubectl ")));
        }
    }
    let executables: Vec<String> = root
        .files()
        .into_iter()
        .filter(|file| !file.contains("/lib") && file.contains("bin/"))
        .collect();
    let expected: Vec<String> = PROGRAMS
        .iter()
        .map(|program| format!("usr/local/bin/{program}"))
        .collect();
    assert_eq!(executables, expected);
    for shell in ["bin/sh", "bin/bash", "bin/busybox"] {
        assert!(!root.files().iter().any(|file| file.ends_with(shell)));
    }
}

/// As it is in the sample of talos-backup's repository: names and values.
const SAMPLE: [(&str, &str); 9] = [
    ("AWS_ACCESS_KEY_ID", "talosbackupawsaccesskeyid"),
    ("AWS_SECRET_ACCESS_KEY", "d7m4WgVWxUd2jNPKwsoQLWzFG"),
    ("AWS_REGION", "us-west-2"),
    (
        "CUSTOM_S3_ENDPOINT",
        "https://my-s3-compatible-api.example.com:1234",
    ),
    ("BUCKET", "talos-backups"),
    ("CLUSTER_NAME", "prod-cluster"),
    ("S3_PREFIX", "important/backups"),
    (
        "AGE_X25519_PUBLIC_KEY",
        "age1khpnnl86pzx96ttyjmldptsl5yn2v9jgmmzcjcufvk00ttkph9zs0ytgec",
    ),
    ("ENABLE_COMPRESSION", "false"),
];

/// The sample's `command`, `env` and mounts (`/tmp`, the Secret of Talos), as its user 1000. Its
/// endpoint is an S3 server with TLS, found by name, trusted by the image's own bundle.
#[test]
fn the_sample_of_talos_backup_succeeds_with_nothing_changed_but_the_image() {
    let world = serving();
    let variables: BTreeMap<String, String> = SAMPLE
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let s3 = S3Sim::builder()
        .bucket("talos-backups")
        .credentials(SAMPLE[0].1, SAMPLE[1].1)
        .start();
    let root = Root::build();
    let front = tls::Front::start(
        &world,
        1234,
        "my-s3-compatible-api.example.com",
        &s3.endpoint(),
    );
    root.trust(&front.authority);
    root.name(&front.address, "my-s3-compatible-api.example.com");
    root.mount_talosconfig(&world);
    let before = root.files();
    let run = root.run_as(1000, &["/talos-backup"], &variables);
    ok(&run);
    let keys = s3.keys("talos-backups", "important/backups");
    assert_eq!(keys.len(), 1, "{keys:?}");
    let name = keys[0].trim_start_matches("important/backups/");
    assert!(
        name.starts_with("prod-cluster-20") && name.ends_with("Z.snap.age"),
        "{keys:?}"
    );
    assert_eq!(
        text(&run.stdout).trim(),
        format!("s3://talos-backups/{}", keys[0])
    );
    let stored = s3.object("talos-backups", &keys[0]).unwrap();
    assert!(stored.starts_with(b"age-encryption.org/v1\n-> X25519 ") && stored.len() > SIZE);
    assert_eq!(root.files(), before, "it wrote something");
}

/// The command, environment and mounts of our own CronJob, as its user.
#[test]
fn our_own_cron_job_backs_up_with_what_its_pod_has() {
    let world = serving();
    let root = Root::build();
    let front = tls::Front::start(&world, 8443, "s3.example.test", &world.s3.endpoint());
    root.trust(&front.authority);
    root.name(&front.address, "s3.example.test");
    root.mount_talosconfig(&world);
    let keys = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        e2e::ACCESS_KEY,
        e2e::SECRET_KEY
    );
    root.put("var/run/secrets/etcdbackup/s3/credentials", &keys);
    let (command, variables) = pod(&world);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let before = root.files();
    ok(&root.run(&words, &variables));
    assert_eq!(root.files(), before, "it wrote something");
    let stored = world.s3.keys(e2e::BUCKET, "prod");
    crate::support::check_pull(&world, &stored[0], SIZE).unwrap();
    // As the repository has it, before it is filled in.
    let open = |(name, value): (&String, &String)| {
        let value = if name.starts_with("ETCDBACKUP_") {
            ""
        } else {
            value
        };
        (name.clone(), value.to_owned())
    };
    let refused = root.run(&words, &variables.iter().map(open).collect());
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    // What is missing is said, by a code after which the Job does not try again.
    let mut without = variables.clone();
    without.remove("ETCDBACKUP_RECIPIENTS");
    let refused = root.run(&words, &without);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
}

/// Command and environment of the rendered CronJob, its ConfigMap in it.
fn pod(world: &World) -> (Vec<String>, BTreeMap<String, String>) {
    let line = "kubectl etcdbackup manifests s3://backups/prod -R recipients.txt --cluster-name prod --s3-endpoint https://s3.example.test:8443";
    let output = world.shell(line);
    ok(&output);
    let objects = crate::manifests::objects(world, &text(&output.stdout));
    let of_kind = |kind: &str| {
        objects
            .iter()
            .find(|object| object["kind"] == kind)
            .unwrap()
    };
    let data = of_kind("ConfigMap")["data"].as_object().unwrap();
    let mut variables: BTreeMap<String, String> = data
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let spec = &of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    for one in container["env"].as_array().unwrap() {
        let of = |key: &str| one[key].as_str().unwrap().to_owned();
        variables.insert(of("name"), of("value"));
    }
    let command = container["command"].as_array().unwrap();
    let command = command.iter().map(|word| word.as_str().unwrap().to_owned());
    (command.collect(), variables)
}
