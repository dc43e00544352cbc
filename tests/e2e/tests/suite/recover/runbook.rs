//! The commands of a cluster's own runbook, run as they are printed.

use serde_json::Value;

use super::*;
use crate::support::code;

/// Commands of a document, in order; those of `talosctl` itself and of the other ways apart.
fn commands(document: &Value) -> Vec<String> {
    let others = ["A node must be replaced", "The same with talosctl alone"];
    let sections = document["sections"].as_array().unwrap().iter();
    let sections = sections.filter(|one| !others.contains(&one["title"].as_str().unwrap()));
    let blocks = sections.flat_map(|section| section["blocks"].as_array().unwrap());
    let lines = blocks.filter_map(|block| block["commands"].as_array());
    let lines = lines
        .flatten()
        .map(|line| line.as_str().unwrap().to_owned());
    lines
        .filter(|line| {
            !line.starts_with("talosctl ") && !line.starts_with("talosctl-recover-guide")
        })
        .collect()
}

#[test]
fn the_commands_of_a_runbook_bring_the_cluster_back() {
    let world = backed_up();
    let before = world.talos.hash_kv(0).unwrap();
    std::fs::remove_file(world.path("db.snapshot")).unwrap();
    let place = "s3://backups/prod";
    let now = ["now", "--direct", place, "-R", "recipients.txt"];
    ok(&world.ours("kubectl-etcdbackup", &now));
    let document = world.ours("kubectl-etcdbackup", &["runbook", place, "-o", "json"]);
    ok(&document);
    let document: Value = serde_json::from_slice(&document.stdout).unwrap();
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    let mut exports = String::new();
    let mut run = 0;
    for command in commands(&document) {
        let command = command
            .replace("____ADMIN_TALOSCONFIG____", "talosconfig")
            .replace("____IDENTITY_FILE____", "key.txt")
            .replace("____RECIPIENTS_FILE____", "recipients.txt");
        assert!(!command.contains("____"), "{command}");
        if command.starts_with("export ") {
            exports += &format!("{command}; ");
            continue;
        }
        let script = format!("export ETCDBACKUP_SURVEY_PAUSE=1ms; {exports}{command}");
        let output = world.shell(&script);
        let exit = code(&output);
        let fine = match command.as_str() {
            // What is the matter, it says at the beginning; at the end there is no Kubernetes.
            "talosctl-recover-check" => [0, 1].contains(&exit),
            // A member that was just promoted may still be listed as a learner (etcd 3.5).
            verify if verify.contains(" verify ") => [0, 1].contains(&exit),
            "talosctl-recover-check recovered" => exit != 2,
            _ => exit == 0,
        };
        assert!(
            fine,
            "{command}: {exit}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        run += 1;
    }
    assert!(run >= 14, "{run} commands");
    for node in 0..3 {
        world.talos.await_healthy(node).unwrap();
    }
    let (_, revision) = world.talos.hash_kv(0).unwrap();
    assert!(revision >= before.1);
    assert_eq!(bootstrapped(&world).len(), 1);
}
