//! Certificates that end or are replaced while a program runs, as Talos renews them in a pod.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use e2e::{BUCKET, World, text};
use talos_sim::{Fault, Validity};

use crate::in_cluster::installed;
use crate::support::{asked, now, ok, refused, serving};

const PLACE: &str = "s3://backups/prod";
/// How long the first certificate holds: longer than a program takes to begin.
const HELD: Duration = Duration::from_secs(8);

/// A talosconfig with a certificate of these roles, over what was there.
fn give(world: &World, roles: &[&str], validity: Validity) {
    let identity = world.talos.authority().client(roles, validity).unwrap();
    let config = world.talos.talosconfig_for(identity);
    config.write(&world.path("talosconfig")).unwrap();
}

/// A backup whose first member stalls until its certificate has ended, and then goes away with
/// its connection: the second one is dialled after that.
fn outlived(world: &World, while_it_runs: impl FnOnce()) -> Output {
    drop(world.talos.take_calls());
    let ends = Instant::now() + HELD;
    give(world, &["os:etcd:backup"], Validity::of(HELD));
    let stall = Fault::StallAfter(50_000);
    world.talos.inject_times(0, stall, 1).unwrap();
    let both = [world.talos.address(0), world.talos.address(1)].join(",");
    let more = ["--nodes", &both, "--endpoints", &both];
    let mut command = now(world, &[PLACE], &more);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !asked(world, "EtcdSnapshot") && Instant::now() < ends {
        std::thread::sleep(Duration::from_millis(20));
    }
    while_it_runs();
    std::thread::sleep(ends.saturating_duration_since(Instant::now()) + Duration::from_secs(2));
    world.talos.take_down(0).unwrap();
    let output = child.wait_with_output().unwrap();
    world.talos.bring_up(0).unwrap();
    output
}

#[test]
fn a_renewed_certificate_is_used_by_a_backup_that_runs() {
    let world = serving();
    let run = outlived(&world, || {
        give(&world, &["os:etcd:backup"], Validity::year());
    });
    ok(&run);
    let said = text(&run.stderr);
    assert!(said.contains("trying another node"), "{said}");
    assert_eq!(world.s3.keys(BUCKET, "prod").len(), 1);
}

#[test]
fn one_that_ended_and_is_not_renewed_is_said() {
    let world = serving();
    refused(&outlived(&world, || {}), 69, "CertificateExpired");
    assert!(world.s3.keys(BUCKET, "prod").is_empty());
    // What is being written is no certificate yet.
    let half = || std::fs::write(world.path("talosconfig"), "context: prod\ncont").unwrap();
    refused(&outlived(&world, half), 69, "CertificateExpired");
}

#[test]
fn a_status_that_is_watched_shows_the_certificate_that_is_there_now() {
    let cluster = installed();
    let mut command = cluster.command(&["status", "--watch", "--every", "200ms"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |words: &str| {
        let mut lines = lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(words)).unwrap()
    };
    until("(os:etcd:backup), certificate valid for");
    give(&cluster.world, &["os:reader"], Validity::expired());
    let ended = until("not seen: Talos: ");
    assert!(ended.contains("expired at"), "{ended}");
    give(&cluster.world, &["os:operator"], Validity::year());
    until("(os:operator), certificate valid for 36");
    child.kill().unwrap();
    child.wait().unwrap();
}
