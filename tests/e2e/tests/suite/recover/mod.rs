//! `talosctl-recover-bootstrap` and `talosctl-recover-wipe`: from a lost quorum to the same keys.

mod damaged;
mod document;
mod pages;
mod restore;
mod runbook;
mod salvage;
mod scenarios;
mod wiping;

use std::collections::BTreeSet;
use std::process::Output;

use e2e::{World, text};
use talos_sim::{Arguments, Call, Layer, Simulator};

use crate::screen::{conclusion, reviewed};
use crate::support::ok;

/// Three control planes with a real etcd, and an administrator's talosconfig.
fn builder() -> talos_sim::Builder {
    Simulator::builder()
        .etcd(&e2e::tool("etcd-3.5/etcd"))
        .cluster_name("prod")
        .machine_config(&config())
}

/// The part of a machine config that is compared: no keys, so that what is plain is readable.
fn config() -> String {
    "version: v1alpha1\nmachine:\n  type: controlplane\ncluster:\n  clusterName: prod\n".to_owned()
}

fn world(talos: Simulator) -> World {
    let world = World::around(talos);
    let config = world.talos.talosconfig(&["os:admin"]).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
    world
}

/// A filled cluster whose snapshot lies in `db.snapshot`.
pub(crate) fn backed_up() -> World {
    let world = world(builder().start().unwrap());
    world.fill(300);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "db.snapshot"]));
    world
}

/// The same after all three were wiped, waiting.
fn all_lost() -> World {
    let world = backed_up();
    for node in 0..3 {
        world.talos.wipe(node).unwrap();
    }
    for node in 0..3 {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
    forget(&world);
    world
}

fn run(world: &World, program: &str, arguments: &[&str]) -> Output {
    world
        .command(e2e::programs().join(program))
        .args(arguments)
        .env("ETCDBACKUP_SURVEY_PAUSE", "1ms")
        .output()
        .unwrap()
}

fn bootstrap(world: &World, node: usize, more: &[&str]) -> Output {
    let address = world.talos.address(node);
    let arguments = [&["-n", &address], more].concat();
    run(world, "talosctl-recover-bootstrap", &arguments)
}

fn nodes(world: &World, nodes: &[usize]) -> String {
    let addresses = nodes.iter().map(|node| world.talos.address(*node));
    addresses.collect::<Vec<_>>().join(",")
}

/// The control planes whose etcd is gone wait for a bootstrap.
fn await_preparing(world: &World, nodes: impl IntoIterator<Item = usize>) {
    for node in nodes {
        world.talos.await_etcd(node, "Preparing").unwrap();
    }
}

/// The triage's verdict, reviewed.
fn triage(world: &World, name: &str, more: &[&str]) {
    let output = run(world, "talosctl-recover-check", more);
    reviewed(world, &format!("recover-check/{name}"), &output);
}

/// What was called so far is no matter of the test.
pub(crate) fn forget(world: &World) {
    drop(world.talos.take_calls());
}

/// What changed something, as the nodes saw it.
pub(crate) fn changes(world: &World) -> Vec<Call> {
    let calls = world.talos.calls().into_iter();
    calls
        .filter(|call| call.is_mutating() && call.layer == Layer::Machined)
        .collect()
}

/// Nodes that were bootstrapped. Of every Reset that was ever sent, one partition is wiped.
pub(crate) fn bootstrapped(world: &World) -> BTreeSet<String> {
    for call in changes(world) {
        if let Arguments::Reset {
            wipe,
            graceful,
            reboot,
            user_disks,
            ..
        } = &call.arguments
        {
            assert_eq!(wipe.len(), 1, "{call:?}");
            assert!(!graceful && *reboot && user_disks.is_empty(), "{call:?}");
        }
    }
    let calls = changes(world).into_iter();
    calls
        .filter(|call| call.method == "Bootstrap")
        .map(|call| call.node)
        .collect()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
