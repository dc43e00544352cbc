//! `kubectl etcdbackup configs`: machine configs beside the backups.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use e2e::golden::{compare, replaced};
use e2e::terminal::Terminal;
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, secrets, text};
use s3_sim::{Operation, Policy};
use serde_json::Value;
use talos_sim::Simulator;

use crate::support::{SIZE, backed_up, code, ok, refused, sample};

const PLACE: &str = "s3://backups/prod";

/// A machine config as Talos 1.13 writes it, in short; its secrets are looked for everywhere.
fn config(node: usize) -> String {
    let config = format!(
        "version: v1alpha1\nmachine:\n  type: controlplane\n  token: planted.machine-token-of-all-nodes\n  ca:\n    crt: none\n    key: planted-talos-ca-key-0123456789\n  network:\n    hostname: cp-{}\n  kubelet:\n    image: ghcr.io/siderolabs/kubelet:v1.36.3\ncluster:\n  clusterName: sim\n  secret: planted-cluster-secret-0123456789\n  secretboxEncryptionSecret: planted-secretbox-0123456789abcdef\n",
        node + 1
    );
    secrets::plant_machine_config(&config);
    config
}

/// Three control planes with a config each, and an administrator.
pub(crate) fn world() -> World {
    let talos = Simulator::builder()
        .workers(1)
        .snapshot_bytes(sample(SIZE))
        .start();
    let world = World::around(talos.unwrap());
    (0..3).for_each(|node| world.talos.set_machine_config(node, &config(node)));
    as_role(&world, "os:admin");
    world
}

fn as_role(world: &World, role: &str) {
    let config = world.talos.talosconfig(&[role]).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
}

fn configs(world: &World, verb: &str, more: &[&str]) -> Output {
    world.ours("kubectl-etcdbackup", &[&["configs", verb], more].concat())
}

fn save(world: &World, more: &[&str]) -> Output {
    let given = [&[PLACE, "-R", "recipients.txt"], more].concat();
    configs(world, "save", &given)
}

fn get(world: &World, more: &[&str]) -> Output {
    configs(world, "get", &[&[PLACE, "-i", "key.txt"], more].concat())
}

fn saved(world: &World) -> Vec<String> {
    let mut keys = world.s3.all_keys(BUCKET);
    keys.retain(|key| key.starts_with("prod/.configs/"));
    keys
}

fn json(output: &Output) -> Value {
    let shown = text(&output.stdout);
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

#[test]
fn what_was_saved_comes_back_byte_by_byte() {
    let world = world();
    std::fs::create_dir(world.path("nas")).unwrap();
    let nas = format!("file://{}", world.path("nas").display());
    let first = save(&world, &[&nas]);
    ok(&first);
    let urls = text(&first.stdout);
    assert_eq!(urls.lines().count(), 6, "{urls}");
    assert_eq!(saved(&world).len(), 3);
    for node in 0..3 {
        let name = format!("cp-{}", node + 1);
        let key = &saved(&world)[node];
        let address = world.talos.address(node);
        let start = format!("prod/.configs/sim/{name}_{address}-20");
        assert!(key.starts_with(&start), "{key}");
        assert!(urls.contains(&format!("s3://{BUCKET}/{key}\n")), "{urls}");
        // By our program, by host name and by address, from both places.
        for (place, node_name) in [(PLACE, &name), (nas.as_str(), &address)] {
            let got = ["get", place, "--node", node_name, "-i", "key.txt"];
            let file = ["-o", "got.yaml", "--force"];
            let got = world.ours(
                "kubectl-etcdbackup",
                &[&["configs"], &got[..], &file].concat(),
            );
            ok(&got);
            let read = std::fs::read_to_string(world.path("got.yaml")).unwrap();
            assert_eq!(read, config(node), "{place} {node_name}");
        }
        // By age itself.
        std::fs::write(world.path("o.age"), world.s3.object(BUCKET, key).unwrap()).unwrap();
        let opened = world.shell("age -d -i key.txt o.age > opened.yaml");
        assert!(opened.status.success(), "{}", text(&opened.stderr));
        let read = std::fs::read_to_string(world.path("opened.yaml")).unwrap();
        assert_eq!(read, config(node));
    }
    // Nothing of it lies in the clear.
    for key in saved(&world) {
        let bytes = world.s3.object(BUCKET, &key).unwrap();
        assert!(bytes.starts_with(b"age-encryption.org/v1"));
        secrets::assert_none(&key, &bytes);
    }
}

#[test]
fn nothing_is_saved_anew_until_it_changes() {
    let world = world();
    ok(&save(&world, &[]));
    let first = saved(&world);
    world.s3.clear_requests();
    let again = save(&world, &[]);
    ok(&again);
    assert!(
        text(&again.stderr).contains("cp-2: unchanged"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(text(&again.stdout).lines().count(), 3);
    let asked: Vec<Operation> = world
        .s3
        .requests()
        .iter()
        .map(|one| one.operation)
        .collect();
    assert!(!asked.contains(&Operation::PutObject), "{asked:?}");
    assert_eq!(saved(&world), first);

    let changed = config(1).replace("v1.36.3", "v1.36.4");
    world.talos.set_machine_config(1, &changed);
    let receipt = save(&world, &["-o", "json"]);
    ok(&receipt);
    let receipt = json(&receipt);
    let stored: Vec<bool> = receipt["configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["stored"].as_bool().unwrap())
        .collect();
    assert_eq!(stored, [false, true, false], "{receipt}");
    assert_eq!(saved(&world).len(), 4);
    ok(&get(&world, &["--node", "cp-2", "-o", "new.yaml"]));
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(read("new.yaml"), changed);
    // The older one, by its time.
    let at = &receipt["configs"][0]["takenAt"];
    ok(&get(
        &world,
        &[
            "--node",
            "cp-2",
            "--at",
            at.as_str().unwrap(),
            "-o",
            "old.yaml",
        ],
    ));
    assert_eq!(read("old.yaml"), config(1));
    // Others shall open it: the one that is the same is saved for them.
    ok(&world.shell("age-keygen -o other.txt 2> /dev/null"));
    let rekeyed = world
        .shell("kubectl-etcdbackup configs save s3://backups/prod -r $(age-keygen -y other.txt)");
    assert!(rekeyed.status.success(), "{}", text(&rekeyed.stderr));
    assert_eq!(saved(&world).len(), 7);
}

#[test]
fn a_file_is_private_and_never_replaced_unasked() {
    let world = world();
    ok(&save(&world, &[]));
    let node = ["--node", "cp-1", "-o", "cp-1.yaml"];
    ok(&get(&world, &node));
    let mode = std::fs::metadata(world.path("cp-1.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    refused(&get(&world, &node), 74, "exists");
    ok(&get(&world, &[&node[..], &["--force"]].concat()));
    let parts = std::fs::read_dir(world.folder.path()).unwrap().flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0);
    let mut by_variables = world.command(e2e::programs().join("kubectl-etcdbackup"));
    by_variables.args(["configs", "get", "-o", "v.yaml"]).envs(
        [
            ("NODE", "cp-1"),
            ("DESTINATION", PLACE),
            ("IDENTITY", "key.txt"),
        ]
        .map(|(name, value)| (format!("ETCDBACKUP_{name}"), value)),
    );
    ok(&by_variables.output().unwrap());
    let piped = world.shell(
        "kubectl-etcdbackup configs get s3://backups/prod --node cp-1 -i key.txt > piped.yaml",
    );
    assert!(piped.status.success(), "{}", text(&piped.stderr));
    let read = std::fs::read_to_string(world.path("piped.yaml")).unwrap();
    assert_eq!(read, config(0));
    let shown = ["configs", "get", PLACE, "--node", "cp-1", "-i", "key.txt"];
    let (status, shown) = Terminal::start(&world, "kubectl-etcdbackup", &shown).end();
    assert_eq!(status.code(), Some(2), "{shown}");
    assert!(shown.contains("holds every key of the cluster"), "{shown}");
    secrets::assert_none("the terminal", shown.as_bytes());
}

#[test]
fn exit_codes_tell_what_is_the_matter() {
    let world = world();
    refused(
        &get(&world, &["--node", "cp-1", "-o", "x"]),
        1,
        "no machine config of node cp-1",
    );
    refused(&configs(&world, "save", &[PLACE]), 2, "no recipient");
    refused(
        &configs(&world, "save", &["-R", "recipients.txt"]),
        2,
        "no destination",
    );
    as_role(&world, "os:reader");
    let reader = save(&world, &[]);
    refused(&reader, 77, "not authorized");
    assert!(
        text(&reader.stderr).contains("os:admin"),
        "{}",
        text(&reader.stderr)
    );
    assert_eq!(saved(&world), [""; 0]);
    as_role(&world, "os:admin");
    let worker = save(&world, &["--nodes", &world.talos.address(3)]);
    refused(&worker, 78, "no control plane");
    ok(&save(&world, &[]));
    refused(&get(&world, &["--node", "cp-9", "-o", "x"]), 1, "cp-9");
    let early = ["--node", "cp-1", "--at", "2020-01-01T00:00:00Z", "-o", "x"];
    refused(&get(&world, &early), 1, "was saved by");
    refused(
        &get(&world, &["--node", "cp-1", "--at", "soon", "-o", "x"]),
        2,
        "soon",
    );
    let no_key = ["--node", "cp-1", PLACE, "-o", "x"];
    refused(&configs(&world, "get", &no_key), 78, "no identity");
    ok(&world.shell("age-keygen -o other.txt 2> /dev/null"));
    let other = configs(&world, "get", &[&no_key[..], &["-i", "other.txt"]].concat());
    refused(&other, 65, "none of the given identities");
    // Two saved ones exchanged: each opens, and neither is what its name says.
    let keys = saved(&world);
    let bytes = world.s3.object(BUCKET, &keys[1]).unwrap();
    world.s3.put(BUCKET, &keys[0], &bytes);
    let exchanged = get(&world, &["--node", "cp-1", "-o", "x"]);
    refused(&exchanged, 65, "not what its name says");
    world.s3.put(BUCKET, &keys[0], &bytes[..bytes.len() - 1]);
    refused(&get(&world, &["--node", "cp-1", "-o", "x"]), 65, "damaged");
    assert!(!world.path("x").exists() && !world.path("x.part").exists());
}

#[test]
fn what_fails_stops_nothing_else() {
    let world = world();
    world.talos.take_down(1).unwrap();
    let nowhere = format!("file://{}/not/there", world.folder.path().display());
    let output = save(&world, &[&nowhere]);
    assert_eq!(code(&output), 69, "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 2);
    let names: Vec<String> = saved(&world)
        .iter()
        .map(|key| key.split(['/', '_']).nth(3).unwrap().to_owned())
        .collect();
    assert_eq!(names, ["cp-1", "cp-3"]);
    // A key that may only write is enough, and saves everything.
    world.talos.clear_faults().unwrap();
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::write_only());
    let output = save(&world, &[]);
    ok(&output);
    assert!(
        text(&output.stderr).contains("saved anew"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(saved(&world).len(), 5);
    // Only the node that was named.
    let one = save(&world, &["--nodes", &world.talos.address(2)]);
    ok(&one);
    assert_eq!(text(&one.stdout).lines().count(), 1);
}

/// Addresses as numbers, in names of objects, too.
pub(crate) fn numbered(world: &World, shown: &str) -> String {
    let nodes = world.talos.nodes().into_iter().enumerate();
    nodes.fold(shown.to_owned(), |shown, (place, node)| {
        shown.replace(
            &format!("_{}-", node.address),
            &format!("_$NODE{}-", place + 1),
        )
    })
}

/// Without what differs from run to run.
fn steady(world: &World, shown: &str) -> String {
    let shown = numbered(world, shown);
    let shown = e2e::golden::filtered(world, &shown);
    let shown = replaced(&shown, r"\b\d+[smh]\b", "$$AGE");
    // age adds a stanza of any length that nobody reads.
    let shown = replaced(&shown, r"\b\d+ B\b", "$$SIZE");
    let shown = replaced(&shown, r#"(size"?): \d+"#, "$1: 0");
    let shown = replaced(&shown, r"-\d{4}-\d\d-\d\dT[0-9:.]+Z-", "-$$TIME-");
    let shown = replaced(&shown, r"\b[0-9a-f]{8}(\.yaml\.age|\b)", "$$RECIPIENTS$1");
    // YAML quotes what could be a number.
    let shown = replaced(&shown, r#"sealedFor: "(\$\w+)""#, "sealedFor: $1");
    replaced(&shown, r"(\S) {2,}", "$1   ")
}

#[test]
fn each_listing_is_the_reviewed_one() {
    let world = world();
    let empty = configs(&world, "list", &[PLACE]);
    ok(&empty);
    assert_eq!(text(&empty.stdout), "");
    assert!(text(&empty.stderr).contains("no machine config is saved"));
    ok(&save(&world, &[]));
    for form in ["table", "wide", "json", "yaml", "name"] {
        let list = configs(&world, "list", &[PLACE, "-o", form]);
        ok(&list);
        let mut shown = steady(&world, &text(&list.stdout));
        if form == "json" {
            let sorted = |value: &Value| value["node"].to_string();
            let mut values: Vec<Value> = serde_json::from_str(&shown).unwrap();
            values.sort_by_key(sorted);
            shown = serde_json::to_string_pretty(&values).unwrap() + "\n";
        }
        compare(&format!("configs/{form}.txt"), &shown);
    }
    let current = configs(&world, "list", &[PLACE, "--live"]);
    ok(&current);
    assert_eq!(text(&current.stdout).matches("yes").count(), 3);
    // Another cluster with nodes of the same names is not compared.
    let other = ["--cluster-name", "other"];
    ok(&save(&world, &other));
    let both = configs(&world, "list", &[PLACE, "--live", "-o", "json"]);
    ok(&both);
    let compared = json(&both);
    let compared = compared.as_array().unwrap().iter();
    let compared: Vec<&Value> = compared
        .filter(|one| one.get("current").is_some())
        .collect();
    assert!(compared.len() == 3 && compared.iter().all(|one| one["cluster"] == "sim"));
    for key in world.s3.all_keys(BUCKET) {
        if key.starts_with("prod/.configs/other/") {
            world.s3.remove(BUCKET, &key);
        }
    }
    world.talos.set_machine_config(1, &config(7));
    world.talos.take_down(2).unwrap();
    let changed = configs(&world, "list", &[PLACE, "--live"]);
    assert_eq!(code(&changed), 1, "{}", text(&changed.stderr));
    let shown = steady(&world, &text(&changed.stdout));
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    compare("configs/live.txt", &shown);
    let stderr = text(&changed.stderr);
    assert!(
        stderr.contains("warning: cp-2: it was changed since"),
        "{stderr}"
    );
    // Nothing saved at all: every node that answers lacks one.
    let none = configs(
        &world,
        "list",
        &["s3://backups/other", "--live", "-o", "json"],
    );
    assert_eq!((code(&none), text(&none.stdout).as_str()), (1, "[]\n"));
}

/// What `status` says of the nodes' machine configs: those that are not saved, its warnings, and
/// what it could not see.
fn status(world: &World) -> (Option<Vec<String>>, String, String) {
    let run = world.ours(
        "kubectl-etcdbackup",
        &["status", PLACE, "--live", "-o", "json"],
    );
    ok(&run);
    let found = json(&run);
    let outdated = found["destinations"][0]["outdatedConfigs"].as_array();
    let name = |one: &Value| one["node"].as_str().unwrap().to_owned();
    let nodes = outdated.map(|all| all.iter().map(name).collect());
    let joined = |field: &str| found[field].to_string();
    (nodes, joined("warnings"), joined("unseen"))
}

/// Whether the screen says that all that is saved is what the nodes run with.
fn claims_current(world: &World) -> bool {
    let screen = world.ours("kubectl-etcdbackup", &["status", PLACE, "--live"]);
    let shown = text(&screen.stdout);
    assert!(
        shown.contains("  machine configs of cp-1, cp-2, cp-3 saved, "),
        "{shown}"
    );
    shown.contains("ago at most: what the nodes run with\n")
}

#[test]
fn status_says_whose_saved_config_is_not_the_live_one() {
    let world = world();
    let named = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let (nodes, warnings, _) = status(&world);
    assert_eq!(nodes, named(&["cp-1", "cp-2", "cp-3"]));
    assert!(
        warnings.contains("cp-1 has no saved machine config"),
        "{warnings}"
    );
    ok(&save(&world, &[]));
    let (nodes, warnings, unseen) = status(&world);
    assert_eq!(nodes, named(&[]));
    assert!(!warnings.contains("machine config"), "{warnings}");
    assert!(!unseen.contains("machine config"), "{unseen}");
    assert!(claims_current(&world));
    // One does not answer: of it nothing is claimed.
    world.talos.take_down(2).unwrap();
    assert!(!claims_current(&world));
    // Another was changed.
    world.talos.set_machine_config(1, &config(7));
    let (nodes, warnings, unseen) = status(&world);
    assert_eq!(nodes, named(&["cp-2"]));
    assert!(
        warnings.contains("cp-2 runs with another machine config"),
        "{warnings}"
    );
    assert!(unseen.contains("no machine config: "), "{unseen}");
    // Who may not read them is told so, and sees the rest.
    as_role(&world, "os:etcd:backup");
    let (nodes, _, unseen) = status(&world);
    assert_eq!(nodes, None);
    assert!(unseen.contains("no machine config: "), "{unseen}");
    assert!(!claims_current(&world));
    // Without the flag no node is asked.
    drop(world.talos.take_calls());
    ok(&world.ours("kubectl-etcdbackup", &["status", PLACE]));
    assert!(world.talos.take_calls().is_empty());
}

#[test]
fn no_other_listing_takes_them_for_backups() {
    let world = world();
    ok(&save(&world, &[]));
    let list = world.ours("kubectl-etcdbackup", &["list", PLACE, "-o", "name"]);
    ok(&list);
    assert_eq!(text(&list.stdout), "");
    let pull = ["talosctl-snapshot-pull", PLACE, "-i", "key.txt", "-o", "b"];
    refused(&world.ours(pull[0], &pull[1..]), 1, "no snapshot");
    let verify = world.ours("kubectl-etcdbackup", &["verify", PLACE]);
    refused(&verify, 1, "no snapshot");
    ok(&backed_up(&world, &[PLACE], &[]));
    ok(&world.ours(pull[0], &pull[1..]));
}

#[test]
fn at_their_most_talkative_they_show_no_secret() {
    let world = world();
    for (verb, more) in [
        ("save", &["-R", "recipients.txt"][..]),
        ("list", &["--live"]),
        ("get", &["--node", "cp-1", "-i", "key.txt", "-o", "a"]),
        (
            "get",
            &["--node", "cp-1", "-i", "key.txt", "-o", "/dev/full"],
        ),
        ("save", &["--no-encrypt"]),
    ] {
        for format in ["text", "json"] {
            let mut command = world.command(e2e::programs().join("kubectl-etcdbackup"));
            let output = command
                .args(["configs", verb, PLACE, "-vv"])
                .args(more)
                .args((verb == "get" && more[5] == "a").then_some("--force"))
                .env("ETCDBACKUP_LOG_FORMAT", format)
                .output()
                .unwrap();
            // `Run` has looked for secrets.
            assert!(text(&output.stderr).lines().count() >= 2, "{verb}");
            assert!(
                output.status.success() || more.contains(&"/dev/full"),
                "{verb}: {}",
                text(&output.stderr)
            );
        }
    }
}
