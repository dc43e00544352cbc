//! `make demo`: the README's pipelines against a simulated control plane, to watch.

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    reason = "a demo talks and stops at the first surprise"
)]

use e2e::{S3Server, World, readme_pipelines};

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
    println!("Done. Everything is stopped and removed.");
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
