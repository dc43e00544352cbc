//! Kubernetes objects of a snapshot, as an operator asks for them.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use e2e::{World, golden, programs, repository, text, tool};
use serde_json::Value as Json;
use talos_sim::Simulator;
use tempfile::TempDir;

use crate::support::{SIZE, code, ok, refused};

/// The two snapshots of `tests/fixtures`, unpacked, and the machine configs beside them.
struct Snapshots {
    folder: TempDir,
}

impl Snapshots {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = repository().join("tests/fixtures");
        for name in ["before", "after"] {
            let packed = std::fs::File::open(fixtures.join(format!("{name}.snap.zst"))).unwrap();
            let file =
                std::fs::File::create(folder.path().join(format!("{name}.snapshot"))).unwrap();
            zstd::stream::copy_decode(packed, file).unwrap();
        }
        for entry in std::fs::read_dir(&fixtures).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        Self { folder }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(programs().join("talosctl-snapshot-inspect"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        command
    }

    fn inspect(&self, arguments: &str) -> Output {
        self.command(arguments)
            .output()
            .expect("talosctl-snapshot-inspect (cargo build --workspace --bins)")
    }

    /// stdout and stderr as the operator sees them, compared with a golden.
    fn shown(&self, name: &str, arguments: &str, exit: i32) {
        let output = self.inspect(arguments);
        assert_eq!(code(&output), exit, "{}", text(&output.stderr));
        let shown = format!(
            "$ talosctl-snapshot-inspect {arguments}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        // Ages grow while the fixtures do not.
        let shown = golden::replaced(&shown, r" +(\d+s|\d+m|\d+h\d+m|\d+d\d+h)\b", "   $$AGE");
        golden::compare(&format!("inspect/{name}.txt"), &shown);
        for line in shown
            .lines()
            .filter(|line| !line.starts_with("$ ") && !line.contains("/registry/"))
        {
            let talk = line.starts_with("error: ")
                || line.starts_with("hint: ")
                || text(&output.stderr).contains(line);
            assert!(
                talk || line.chars().count() <= 80,
                "wider than a terminal: {line}"
            );
        }
    }
}

#[test]
fn reports_read_as_they_should() {
    let snapshots = Snapshots::new();
    snapshots.shown("inventory", "inventory before.snapshot", 0);
    snapshots.shown("ls-namespace", "ls before.snapshot pods,secrets -n data", 0);
    snapshots.shown(
        "ls-selector",
        "ls before.snapshot deploy,svc -l app.kubernetes.io/name=alpha",
        0,
    );
    snapshots.shown(
        "diff",
        "diff before.snapshot after.snapshot --secrets secrets-bundle.yaml",
        1,
    );
    snapshots.shown("diff-same", "diff after.snapshot after.snapshot", 0);
    snapshots.shown(
        "get-deployment",
        "get before.snapshot deploy/alpha -n web",
        0,
    );
    snapshots.shown(
        "get-definition",
        "get before.snapshot crd/widgets.example.org",
        0,
    );
    snapshots.shown(
        "get-hidden",
        "get before.snapshot secrets/plain-0 -n web",
        0,
    );
    snapshots.shown("get-encrypted", "get before.snapshot secrets -n data", 65);
    snapshots.shown("get-missing", "get before.snapshot deploy nope -n web", 1);
}

#[test]
fn each_machine_config_is_judged() {
    let snapshots = Snapshots::new();
    for (config, exit) in [
        ("controlplane-v1alpha1", 0),
        ("controlplane-documents", 1),
        ("controlplane-wrong-name", 1),
        ("controlplane-wrong-key", 1),
    ] {
        snapshots.shown(
            &format!("keys-{config}"),
            &format!("keys before.snapshot --machine-config {config}.yaml"),
            exit,
        );
    }
    ok(&snapshots.inspect("keys before.snapshot --secrets secrets-bundle.yaml"));
    ok(&snapshots.inspect("keys after.snapshot --machine-config controlplane-documents.yaml"));
    refused(
        &snapshots.inspect("keys before.snapshot"),
        2,
        "--machine-config",
    );
    refused(
        &snapshots.inspect("keys before.snapshot --secrets before.snapshot"),
        78,
        "before.snapshot",
    );
}

#[test]
fn no_key_of_a_config_ever_shows() {
    let snapshots = Snapshots::new();
    let keys = [
        "TUOI2xzyrYePH0w/tvFeSzZ97DnqWNcmcBvBitlUAE0=",
        "u5h9S6+K8qIJOzx4PTuaBp0KM6hsY0Ho3nmYk/4F9QY=",
        "QGuzYyN26Ub2TikASHfHzcFNZgcO6wEUOA6W25nTUlw=",
    ];
    for config in [
        "controlplane-v1alpha1",
        "controlplane-documents",
        "controlplane-wrong-name",
        "controlplane-wrong-key",
        "secrets-bundle",
    ] {
        for format in ["wide", "json", "yaml"] {
            let shown = snapshots.inspect(&format!(
                "-vv keys before.snapshot --machine-config {config}.yaml -o {format}"
            ));
            let shown = text(&shown.stdout) + &text(&shown.stderr);
            assert!(shown.contains("secretbox"), "{shown}");
            assert!(
                keys.iter().all(|key| !shown.contains(key)),
                "a key shows: {shown}"
            );
        }
    }
}

#[test]
fn kubectl_reads_every_object_as_it_was() {
    let snapshots = Snapshots::new();
    let all = "get before.snapshot --all --full --show-secrets --secrets secrets-bundle.yaml -o";
    let yaml = snapshots.inspect(&format!("{all} yaml"));
    ok(&yaml);
    std::fs::write(snapshots.folder.path().join("all.yaml"), &yaml.stdout).unwrap();
    let json = snapshots.inspect(&format!("{all} json"));
    ok(&json);
    let ours: Json = serde_json::from_slice(&json.stdout).unwrap();
    let ours = ours["items"].as_array().unwrap();
    assert_eq!(ours.len(), 829);
    let kubectl = Command::new(tool("kubectl/kubectl"))
        .args([
            "label",
            "--local",
            "--overwrite",
            "--show-managed-fields",
            "-o",
            "json",
            "-f",
            "all.yaml",
            "read-by=kubectl",
        ])
        .current_dir(snapshots.folder.path())
        .env("HOME", snapshots.folder.path())
        .output()
        .unwrap();
    assert!(kubectl.status.success(), "{}", text(&kubectl.stderr));
    let theirs: Vec<Json> = serde_json::Deserializer::from_slice(&kubectl.stdout)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(theirs.len(), ours.len());
    for (ours, mut theirs) in ours.iter().zip(theirs) {
        let labels = theirs["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove("read-by").unwrap();
        if labels.is_empty() && ours["metadata"].get("labels").is_none() {
            theirs["metadata"].as_object_mut().unwrap().remove("labels");
        }
        assert_eq!(*ours, theirs);
    }
}

#[test]
fn a_namespace_comes_back_whole_and_in_order() {
    let snapshots = Snapshots::new();
    let got = snapshots.inspect("get before.snapshot --all -n web -o json --show-secrets --machine-config controlplane-v1alpha1.yaml");
    ok(&got);
    let list: Json = serde_json::from_slice(&got.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(
        (
            items[0]["kind"].as_str(),
            items[0]["metadata"]["name"].as_str()
        ),
        (Some("Namespace"), Some("web"))
    );
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        *kinds.entry(item["kind"].as_str().unwrap()).or_default() += 1;
        let metadata = item["metadata"].as_object().unwrap();
        for left in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "ownerReferences",
        ] {
            assert!(!metadata.contains_key(left), "{left}: {item}");
        }
        assert!(item.get("status").is_none(), "{item}");
    }
    assert_eq!(
        (
            kinds["Secret"],
            kinds["Deployment"],
            kinds["Service"],
            kinds["SealedSecret"]
        ),
        (14, 8, 8, 5)
    );
    assert!(
        ["Pod", "ReplicaSet", "Event", "EndpointSlice", "Endpoints"]
            .iter()
            .all(|kind| !kinds.contains_key(kind)),
        "{kinds:?}"
    );
    assert!(
        text(&got.stderr).contains("make again"),
        "{}",
        text(&got.stderr)
    );
}

#[test]
fn what_is_in_secrets_shows_only_when_asked_for() {
    let snapshots = Snapshots::new();
    let asked =
        snapshots.inspect("get before.snapshot secrets/plain-0 -n web -o json --show-secrets");
    ok(&asked);
    let secret: Json = serde_json::from_slice(&asked.stdout).unwrap();
    let value = secret["data"]["k"].as_str().unwrap();
    for arguments in [
        "get before.snapshot secrets -n web -o yaml --full --secrets secrets-bundle.yaml",
        "get before.snapshot secrets/plain-0 -n web -o json",
        "get before.snapshot /registry/secrets/web/plain-0",
        "ls before.snapshot secrets -o json --secrets secrets-bundle.yaml",
        "diff before.snapshot after.snapshot -o json --all --secrets secrets-bundle.yaml",
    ] {
        let shown = snapshots.inspect(arguments);
        let shown = text(&shown.stdout) + &text(&shown.stderr);
        assert!(
            shown.contains("plain-0") && !shown.contains(value),
            "{arguments}: {shown}"
        );
    }
    refused(
        &snapshots.inspect("get before.snapshot secrets/plain-0 -n web -o raw"),
        2,
        "shows what is in it",
    );
    let raw = snapshots.inspect("get before.snapshot /registry/secrets/web/secret-4 -o raw --show-secrets --secrets secrets-bundle.yaml");
    ok(&raw);
    assert!(raw.stdout.starts_with(b"k8s\0"));
}

#[test]
fn lists_are_for_scripts_too() {
    let snapshots = Snapshots::new();
    let names = snapshots.inspect("ls before.snapshot widgets -o name");
    ok(&names);
    let names: Vec<String> = text(&names.stdout).lines().map(str::to_owned).collect();
    assert_eq!(
        (names.len(), names[0].as_str()),
        (12, "/registry/example.org/widgets/w0")
    );
    let one = snapshots.inspect(&format!("get before.snapshot {}", names[3]));
    ok(&one);
    assert!(text(&one.stdout).contains("kind: Widget"));
    let rows: Json =
        serde_json::from_slice(&snapshots.inspect("ls before.snapshot nodes -o json").stdout)
            .unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 5);
    assert_eq!(rows[0]["stored"], "protobuf");
    let inventory: Json =
        serde_json::from_slice(&snapshots.inspect("inventory after.snapshot -o json").stdout)
            .unwrap();
    assert_eq!(
        (
            inventory["objects"]["count"].as_u64(),
            inventory["prefix"].as_str()
        ),
        (Some(518), Some("/registry"))
    );
    let diff: Json = serde_json::from_slice(
        &snapshots
            .inspect("diff before.snapshot after.snapshot -o json")
            .stdout,
    )
    .unwrap();
    assert_eq!(
        (diff["same"].as_bool(), diff["total"]["removed"].as_u64()),
        (Some(false), Some(113))
    );
}

#[test]
fn a_snapshot_comes_from_a_pipe_too() {
    let snapshots = Snapshots::new();
    let file = std::fs::File::open(snapshots.folder.path().join("before.snapshot")).unwrap();
    let list = snapshots
        .command("ls - nodes -o name")
        .stdin(Stdio::from(file))
        .output()
        .unwrap();
    ok(&list);
    assert_eq!(text(&list.stdout).lines().count(), 5);
    refused(&snapshots.inspect("diff - -"), 2, "stdin");
}

#[test]
fn a_damaged_snapshot_is_said_and_leads_to_the_check() {
    let snapshots = Snapshots::new();
    let path = snapshots.folder.path().join("before.snapshot");
    let mut bytes = std::fs::read(&path).unwrap();
    let quarter = bytes.len() / 4 / 4096 * 4096;
    bytes[quarter..3 * quarter].fill(0);
    std::fs::write(&path, bytes).unwrap();
    for verb in [
        "ls before.snapshot",
        "inventory before.snapshot",
        "get before.snapshot deploy/alpha",
        "keys before.snapshot --secrets secrets-bundle.yaml",
        "diff before.snapshot after.snapshot",
    ] {
        refused(&snapshots.inspect(verb), 65, "check");
    }
}

#[test]
fn the_keys_of_a_live_node_are_tried_by_an_admin() {
    let snapshots = Snapshots::new();
    let config =
        std::fs::read_to_string(repository().join("tests/fixtures/controlplane-v1alpha1.yaml"))
            .unwrap();
    let talos = Simulator::builder()
        .snapshot_bytes(talos_sim::sample::snapshot(SIZE))
        .machine_config(&config)
        .start()
        .unwrap();
    let node = talos.address(0);
    let world = World::around(talos);
    let file = snapshots
        .folder
        .path()
        .join("before.snapshot")
        .display()
        .to_string();
    let keys = || {
        world.ours(
            "talosctl-snapshot-inspect",
            &["keys", &file, "-n", &node, "-o", "json"],
        )
    };
    refused(&keys(), 77, "os:admin");
    let admin = world.talos.talosconfig(&["os:admin"]).unwrap();
    admin.write(&world.path("talosconfig")).unwrap();
    let judged = keys();
    ok(&judged);
    let report: Json = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(
        (report["verdict"].as_str(), report["unreadable"].as_u64()),
        (Some("readable"), Some(0))
    );
    assert_eq!(
        report["configKeys"],
        serde_json::json!(["secretbox:key2", "aescbc:key1"])
    );
}
