//! What the documentation tells to type by hand, typed as printed: with Talos' own talosctl, with
//! kubectl against real API servers, with etcd's tools. One module for each way in.

mod api_server;
mod known;
mod namespace;
mod pages;
mod runbook;
mod salvage;

use std::process::Output;

use e2e::documents::blocks;
use e2e::{World, text, tool};
use talos_sim::{Builder, Simulator};

use crate::process::wait_for;

/// Long enough for a restore on a machine that does other things, too.
const LIMIT: &str = "180";

/// Three control planes and two workers with etcd as Talos 1.13 has it.
fn cluster() -> Builder {
    Simulator::builder()
        .etcd(&tool("etcd-3.6/etcd"))
        .workers(2)
        .cluster_name("prod")
}

/// A world around it for an administrator.
fn admin(talos: Builder) -> World {
    let world = World::around(talos.start().unwrap()).by_hand();
    let config = world.talos.talosconfig(&["os:admin"]).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
    world
}

/// A snapshot of the fixtures, as a file of a world.
fn fixture(world: &World, name: &str, file: &str) {
    std::fs::write(world.path(file), e2e::kubernetes::fixture(name)).unwrap();
}

/// A text with the addresses of this cluster for those of the examples.
fn here(talos: &Simulator, text: &str) -> String {
    let examples = ["2", "3", "4", "11", "12"];
    let nodes = talos.nodes().into_iter().zip(examples);
    // The longest first: 10.0.0.11 is no 10.0.0.1 of anything.
    nodes.rev().fold(text.to_owned(), |text, (node, last)| {
        text.replace(&format!("10.0.0.{last}"), &node.address.to_string())
    })
}

/// What a shell is given before a block: programs, the runbook's alias.
fn script(talos: &Simulator, block: &str) -> String {
    let programs = ["talosctl", "yq", "etcd-3.6", "aws"];
    let path: Vec<String> = programs
        .iter()
        .map(|name| tool(name).display().to_string())
        .collect();
    // Of a document, and from the line after it on.
    let alias = of("docs/runbook.md", "alias t=");
    let alias = alias.lines().next().unwrap();
    here(
        talos,
        &format!(
            "export PATH={}:$PATH\nshopt -s expand_aliases\n{alias}\n{block}",
            path.join(":")
        ),
    )
}

/// A block, typed into a shell.
fn typed(world: &World, block: &str) -> Output {
    let script = script(&world.talos, block);
    let mut bash = world.command("timeout");
    bash.args([LIMIT, "bash", "-o", "pipefail", "-c", &script]);
    // The store as the AWS CLI wants to have it.
    bash.env("AWS_DEFAULT_REGION", "us-east-1");
    bash.env("ETCDBACKUP_SURVEY_PAUSE", "1ms");
    bash.output().unwrap()
}

/// Both streams of a run.
fn both(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// A block that succeeds and prints these.
fn tells(world: &World, block: &str, words: &[&str]) -> String {
    let output = typed(world, block);
    let ended = output.status;
    assert!(ended.success(), "{block}\n{ended}\n{}", both(&output));
    printed(world, block, &output, words)
}

/// A block that prints these, however its commands end.
fn says(world: &World, block: &str, words: &[&str]) -> String {
    printed(world, block, &typed(world, block), words)
}

fn printed(world: &World, block: &str, output: &Output, words: &[&str]) -> String {
    let said = both(output);
    for word in words {
        let word = here(&world.talos, word);
        assert!(said.contains(&word), "`{word}` is not in:\n{block}\n{said}");
    }
    said
}

/// The same, as soon as it does: who types it looks again.
fn comes_to_tell(world: &World, block: &str, words: &[&str]) {
    wait_for(block, || {
        let said = both(&typed(world, block));
        words.iter().all(|word| said.contains(word)).then_some(())
    });
}

/// The one block of a document that begins so.
fn of(document: &str, start: &str) -> String {
    let all = blocks(document).into_iter();
    let mut found: Vec<String> = all.filter(|block| block.starts_with(start)).collect();
    assert_eq!(found.len(), 1, "{document}: {start}");
    found.remove(0)
}
