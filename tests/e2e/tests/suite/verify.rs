//! Is what is stored good? `verify` at its three depths, and `inspect drill`.

use e2e::{BUCKET, World, text, tool};
use serde_json::Value;

use crate::support::{code, ok, refused, serving};

fn back_up(world: &World, to: &str) -> String {
    let now = world.ours(
        "kubectl-etcdbackup",
        &["now", "--direct", to, "-R", "recipients.txt"],
    );
    ok(&now);
    text(&now.stdout).trim().to_owned()
}

fn verify(world: &World, arguments: &[&str]) -> (i32, Vec<Value>) {
    let mut all = vec!["verify"];
    all.extend(arguments);
    all.extend(["-o", "json"]);
    let output = world.ours("kubectl-etcdbackup", &all);
    let found = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (code(&output), found)
}

#[test]
fn quick_reads_the_stored_bytes_and_finds_what_rots() {
    let world = serving();
    let folder = world.path("nas");
    std::fs::create_dir(&folder).unwrap();
    let to = format!("file://{}", folder.display());
    let url = back_up(&world, &to);
    let (exit, found) = verify(&world, &[&to]);
    assert_eq!(exit, 0, "{found:?}");
    assert_eq!(found[0]["verdict"], "good");
    assert_eq!(found[0]["verify_ok"], 1);
    let object = std::path::PathBuf::from(url.strip_prefix("file://").unwrap());
    let name = object.file_name().unwrap().to_str().unwrap();
    let kept = folder.join(".verified").join(format!("{name}.json"));
    let kept: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(kept["depth"], "quick");
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let (exit, found) = verify(&world, &[&url]);
    assert_eq!(exit, 65, "{found:?}");
    assert!(
        found[0]["findings"][0]
            .as_str()
            .unwrap()
            .contains("manifest")
    );
    let (exit, found) = verify(&world, &[&url, "--deep", "-i", "key.txt"]);
    assert_eq!((exit, &found[0]["verdict"]), (65, &"failed".into()));
    std::fs::remove_dir_all(folder.join(".manifest")).unwrap();
    let (exit, found) = verify(&world, &[&url]);
    assert_eq!((exit, &found[0]["verdict"]), (1, &"unproven".into()));
    // A listing shows backups, not what was found out about them.
    let list = world.ours("kubectl-etcdbackup", &["list", &to, "-o", "name"]);
    assert_eq!(text(&list.stdout).lines().count(), 1);
}

#[test]
fn a_real_backup_is_proven_deeply_and_drilled() {
    let world = World::with_etcd();
    let url = back_up(&world, "s3://backups/prod");
    let etcd = tool("etcd-3.5/etcd").display().to_string();
    let flags = ["--drill", "-i", "key.txt", "--etcd", &etcd];
    let mut arguments = vec!["s3://backups/prod", "--all"];
    arguments.extend(flags);
    let (exit, found) = verify(&world, &arguments);
    assert_eq!(exit, 0, "{found:#?}");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["url"], url.as_str());
    let drill = found[0]["drill"]["assertions"].as_array().unwrap();
    let names: Vec<&str> = drill
        .iter()
        .map(|one| {
            assert_eq!(one["outcome"], "ok", "{one}");
            one["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        names,
        [
            "revision", "hash-kv", "health", "alarms", "keys", "members", "write"
        ]
    );
    assert_eq!(world.s3.keys(BUCKET, "prod/.verified").len(), 1);
    let wrong = world.shell("age-keygen -o other.txt 2>/dev/null");
    ok(&wrong);
    let (exit, found) = verify(&world, &[&url, "--deep", "-i", "other.txt"]);
    assert_eq!(exit, 65, "{found:?}");
}

#[test]
fn a_drill_runs_from_a_file_and_a_pipe_on_3_5_and_3_4_and_leaves_nothing() {
    let world = World::with_etcd();
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    let spool = world.path("spool");
    std::fs::create_dir(&spool).unwrap();
    let etcd = tool("etcd-3.5/etcd");
    let drilled = world.shell(&format!(
        "talosctl-snapshot-inspect drill db.snapshot --etcd {0} --spool-dir spool
         talosctl-snapshot-inspect drill --etcd {0} --spool-dir spool <db.snapshot",
        etcd.display()
    ));
    ok(&drilled);
    let shown = text(&drilled.stdout);
    assert_eq!(shown.matches("it restores").count(), 2, "{shown}");
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
    let older = tool("etcd-3.4/etcd").display().to_string();
    let arguments = ["drill", "db.snapshot", "--etcd", &older];
    refused(
        &world.ours("talosctl-snapshot-inspect", &arguments),
        78,
        "data are of etcd 3.5",
    );
    let missing = ["drill", "db.snapshot", "--etcd", "/nowhere/etcd"];
    refused(
        &world.ours("talosctl-snapshot-inspect", &missing),
        78,
        "/nowhere/etcd",
    );
    let mut damaged = std::fs::read(world.path("db.snapshot")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(world.path("damaged"), damaged).unwrap();
    let etcd = etcd.display().to_string();
    let arguments = ["drill", "damaged", "--etcd", &etcd];
    refused(
        &world.ours("talosctl-snapshot-inspect", &arguments),
        65,
        "damaged",
    );
}
