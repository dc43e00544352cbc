//! `make demo`: the README's pipelines against a simulated control plane, to watch.

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    reason = "a demo talks and stops at the first surprise"
)]

use e2e::{S3Server, World, kubernetes, readme_pipelines};

fn main() {
    println!(
        "Starting three simulated Talos control planes with a real etcd, and an S3 server, on loopback…"
    );
    let world = World::demo();
    println!(
        "Talos API at {}, S3 at {}\n",
        world.talos.endpoints().join(", "),
        world.s3.endpoint()
    );
    for pipeline in readme_pipelines() {
        show(&world, &pipeline);
    }
    println!("Byte for byte, there and back:");
    show(
        &world,
        "talosctl-snapshot-take -o original.snapshot\n\
         talosctl-snapshot-push -f original.snapshot s3://backups/proof -R recipients.txt\n\
         talosctl-snapshot-pull s3://backups/proof -i key.txt -o back.snapshot\n\
         cmp original.snapshot back.snapshot && sha256sum original.snapshot back.snapshot",
    );
    show(&world, "kubectl-etcdbackup list s3://backups/prod -o wide");
    disaster(&world);
    println!("Done. Everything is stopped and removed.");
}

/// All three control planes lose their disks, and come back from the backup.
fn disaster(world: &World<impl S3Server>) {
    println!("The disaster: etcd's disk is wiped on all three nodes.\n");
    let admin = world.talos.talosconfig(&["os:admin"]);
    let admin = admin.expect("an administrator's talosconfig");
    admin
        .write(&world.path("talosconfig"))
        .expect("a written talosconfig");
    let hash = |node| world.talos.hash_kv(node).expect("a hash of all keys");
    let before = hash(0);
    for node in 0..3 {
        world.talos.wipe(node).expect("a wiped node");
    }
    for node in 0..3 {
        let waits = world.talos.await_etcd(node, "Preparing");
        waits.expect("a node that waits");
    }
    show(
        world,
        "talosctl-recover-check unrecoverable --survey-pause 1s",
    );
    show(
        world,
        &format!(
            "talosctl-snapshot-pull s3://backups/proof -i key.txt |\n  \
             talosctl-recover-bootstrap -n {} --restart-kubelets",
            world.talos.address(0)
        ),
    );
    for node in 0..3 {
        world.talos.await_healthy(node).expect("a healthy etcd");
        assert_eq!(hash(node), before, "the keys of node {node}");
    }
    println!(
        "On all three nodes the hash of all keys is the one before: {:08x}\n",
        before.0
    );
    println!("The API servers are back, too: they serve what lives in that etcd.\n");
    show(world, "talosctl-snapshot-take -o live.snapshot");
    let live = std::fs::read(world.path("live.snapshot")).expect("a snapshot");
    let api = kubernetes::serve(&world.talos, &live);
    kubernetes::mend(&api);
    show(
        world,
        "talosctl-recover-check recovered --against original.snapshot",
    );
}

fn show(world: &World<impl S3Server>, script: &str) {
    for line in script.lines() {
        println!("$ {line}");
    }
    let status = world
        .command("bash")
        .args(["-o", "pipefail", "-ec", script])
        .status()
        .expect("bash");
    assert!(status.success(), "the pipeline failed: {status}");
    println!();
}
