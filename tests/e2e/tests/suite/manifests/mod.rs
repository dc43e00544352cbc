//! What is installed in the cluster: rendered, looked through, and judged by others.

mod lint;
mod repository;
mod schema;
mod sealing;
mod shapes;

use std::process::Output;

use base64::Engine as _;
use e2e::golden::{compare, filtered};
use e2e::{World, text, tool};
use serde_json::Value;

use crate::support::{code, ok, refused, serving};

/// `kubectl etcdbackup manifests` for a cluster called prod, through the real kubectl.
fn manifests(world: &World, more: &str) -> Output {
    world.shell(&format!(
        "kubectl etcdbackup manifests s3://backups/prod -R recipients.txt --cluster-name prod {more}"
    ))
}

/// Its stdout.
fn rendered(world: &World, more: &str) -> String {
    let output = manifests(world, more);
    ok(&output);
    text(&output.stdout)
}

/// As kubectl reads YAML: JSON of each object.
pub(crate) fn objects(world: &World, set: &str) -> Vec<Value> {
    std::fs::write(world.path("set.yaml"), set).unwrap();
    let script = "import json, sys, yaml\nfor one in yaml.safe_load_all(open('set.yaml')): print(json.dumps(one))";
    let packages = tool("kubernetes-validate/packages");
    let output = world
        .command("python3")
        .args(["-c", script])
        .env("PYTHONPATH", packages)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap();
    ok(&output);
    let text = text(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What most want, with everything optional but sealing.
const EVERYTHING: &str = "--s3-endpoint https://s3.example.com --event --monitoring";

/// Told of each run: a Pushgateway in the cluster, and a service elsewhere.
const REPORTS: &str =
    "--pushgateway http://pushgateway.monitoring.svc:9091 --ping-url-file ping-url";
const PING: &str = "https://hc.example.com/5f1c-of-a-ping";

/// The file with the URL.
fn give_ping(world: &World) {
    std::fs::write(world.path("ping-url"), format!("{PING}\n")).unwrap();
}

#[test]
fn a_url_to_ping_is_in_a_secret_only() {
    let world = serving();
    give_ping(&world);
    let certificate = e2e::repository().join("tests/fixtures/sealing/tls.crt");
    std::fs::copy(certificate, world.path("cert.pem")).unwrap();
    let packed = base64::prelude::BASE64_STANDARD.encode(PING);
    let plain = rendered(&world, REPORTS);
    assert!(!plain.contains(PING) && plain.contains(&packed), "{plain}");
    let holder = objects(&world, &plain)
        .into_iter()
        .filter(|object| object.to_string().contains(&packed));
    let kinds: Vec<Value> = holder.map(|object| object["kind"].clone()).collect();
    assert_eq!(kinds, ["Secret"]);
    let sealed = rendered(&world, &format!("{REPORTS} --seal-cert cert.pem"));
    assert!(
        !sealed.contains(PING) && !sealed.contains(&packed),
        "{sealed}"
    );
    assert!(sealed.contains("kind: SealedSecret\n"), "{sealed}");
    // In a folder its file is for its owner only, and that is said.
    let output = manifests(&world, &format!("{REPORTS} --out set"));
    ok(&output);
    assert!(text(&output.stderr).contains("warning: `set/ping-secret.yaml` holds keys"));
}

#[test]
fn the_objects_are_as_reviewed() {
    let world = serving();
    give_ping(&world);
    for (name, more) in [
        ("usual", String::new()),
        (
            "everything",
            format!("{EVERYTHING} --network-policy cilium"),
        ),
        (
            "network-policy",
            "--s3-endpoint http://192.0.2.7:9000 --network-policy kubernetes".to_owned(),
        ),
        (
            "reports-kubernetes",
            format!("{REPORTS} --network-policy kubernetes"),
        ),
        (
            "reports-cilium",
            format!("{REPORTS} --network-policy cilium"),
        ),
        (
            "talos-1.13",
            "--for talos --talos-version v1.13.9".to_owned(),
        ),
        ("talos-1.14", "--for talos".to_owned()),
        ("ci", "--for ci".to_owned()),
    ] {
        let shown = filtered(&world, &rendered(&world, &more));
        compare(&format!("manifests/{name}.yaml"), &shown);
    }
    ok(&manifests(&world, "--for systemd --out units"));
    for unit in [
        "verify.service",
        "verify.timer",
        "prune.service",
        "prune.timer",
    ] {
        let file = world.path("units").join(format!("etcdbackup-{unit}"));
        let shown = std::fs::read_to_string(file).unwrap();
        compare(&format!("manifests/etcdbackup-{unit}"), &shown);
    }
}

#[test]
fn a_stream_and_a_folder_hold_the_same_objects() {
    let world = serving();
    ok(&manifests(&world, &format!("{EVERYTHING} --out set")));
    let folder = world.shell("kubectl kustomize set");
    ok(&folder);
    std::fs::create_dir(world.path("stream")).unwrap();
    let stream = rendered(&world, EVERYTHING);
    std::fs::write(world.path("stream/all.yaml"), stream).unwrap();
    std::fs::write(
        world.path("stream/kustomization.yaml"),
        "resources: [all.yaml]\n",
    )
    .unwrap();
    let stream = world.shell("kubectl kustomize stream");
    ok(&stream);
    assert_eq!(text(&folder.stdout), text(&stream.stdout));
}

#[test]
fn a_file_that_differs_stays_unless_it_is_said() {
    let world = serving();
    ok(&manifests(&world, "--out set"));
    // The same again changes nothing.
    ok(&manifests(&world, "--out set"));
    refused(
        &manifests(&world, "--out set --every 1h"),
        2,
        "set/cronjob.yaml",
    );
    ok(&manifests(&world, "--out set --every 1h --force"));
    let changed = std::fs::read_to_string(world.path("set/cronjob.yaml")).unwrap();
    assert!(changed.contains(" * * * *"), "{changed}");
}

#[test]
fn the_exit_code_comes_through_kubectl() {
    let world = serving();
    for (more, exit) in [
        ("--every 7h", 2),
        ("--schedule '61 * * * *'", 2),
        ("--every 1h --deadline 2h", 2),
        ("-n Wrong", 2),
        ("file:///mnt", 2),
        ("--seal-cert absent", 2),
        ("--s3-credentials-file absent", 78),
        ("--s3-endpoint http://minio.storage.svc:9000", 2),
        ("--for systemd", 2),
        ("--pushgateway pushgateway:9091", 2),
        ("--pushgateway https://me:word@push.example.com", 2),
        ("--ping-url-file recipients.txt", 78),
        ("--for talos --talos-version new", 2),
    ] {
        let output = manifests(&world, more);
        assert_eq!(code(&output), exit, "{more}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{more}");
    }
    let nothing = world.shell("kubectl etcdbackup manifests --cluster-name prod -R recipients.txt");
    refused(&nothing, 2, "s3://BUCKET/PREFIX");
    let nobody = world.shell("kubectl etcdbackup manifests s3://backups/prod --cluster-name prod");
    refused(&nobody, 2, "no recipient");
}

#[test]
fn keys_come_from_files_only_one_profile_of_them_and_a_folder_keeps_them_to_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = serving();
    let credentials = "[default]\naws_access_key_id = OTHERS\naws_secret_access_key = not-this-one\n[backup]\naws_access_key_id = MINE\naws_secret_access_key = this-one\n";
    std::fs::write(world.path("credentials"), credentials).unwrap();
    let line = "--s3-credentials-file credentials --s3-profile backup --out set";
    let output = manifests(&world, line);
    ok(&output);
    assert!(text(&output.stderr).contains("warning: `set/s3-secret.yaml` holds keys"));
    let file = world.path("set/s3-secret.yaml");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = world.shell(
        "kubectl kustomize set | grep -A1 '^data:' | sed -n 's/.*credentials: //p' | base64 -d",
    );
    assert_eq!(
        text(&kept.stdout),
        "[default]\naws_access_key_id = MINE\naws_secret_access_key = this-one\n"
    );
    std::fs::write(world.path("id"), "MINE\n").unwrap();
    std::fs::write(world.path("key"), "this-one\n").unwrap();
    let pair = "--s3-access-key-id-file id --s3-secret-access-key-file key --out set";
    ok(&manifests(&world, pair));
}

#[test]
fn the_settings_of_the_pod_are_settings_of_the_program() {
    let world = serving();
    let shown = rendered(
        &world,
        "--s3-endpoint https://s3.example.com --s3-region x --s3-path-style path",
    );
    let names = shown
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ETCDBACKUP_"));
    let names: Vec<&str> = names.filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let documented =
        std::fs::read_to_string(e2e::repository().join("docs/configuration.md")).unwrap();
    for name in names {
        assert!(
            documented.contains(&format!("| `ETCDBACKUP_{name}` |")),
            "{name}"
        );
    }
}
