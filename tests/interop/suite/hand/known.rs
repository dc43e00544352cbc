//! Each command of talosctl that a document or a program of ours tells to type is one of talosctl's,
//! with flags that it has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::golden::replaced;
use e2e::{repository, text, tool};

use crate::process::other;

/// Where a command ends within a line.
const ENDS: [&str; 9] = ["`", "'", "|", ";", ">", ")", "#", "…", "</"];

/// What a text tells to type, from `talosctl` on.
fn commands(text: &str) -> Vec<String> {
    // Lines go on behind a backslash, and in a sentence within its backticks.
    let joined = text.replace("\\\n", " ");
    let joined = replaced(&joined, r"(`(?:talosctl|t) [^`\n]*)\n\s*", "$1 ");
    let mut found = Vec::new();
    for line in joined.lines() {
        // The runbook's alias is the same program.
        let line = replaced(line, r"(^|[` ])t -n ", "${1}talosctl -n ");
        for part in line.split("talosctl ").skip(1) {
            let ends = ENDS.iter().filter_map(|end| part.find(end));
            let command = part[..ends.min().unwrap_or(part.len())].trim();
            if is_typed(command) {
                found.push(command.trim_end_matches(['.', ',', ':']).to_owned());
            }
        }
    }
    found
}

/// In a sentence talosctl is the name of a thing; what is typed begins with a verb, or with flags
/// and has one behind them. Flags alone are what an alias stands for.
fn is_typed(command: &str) -> bool {
    let mut words = command.split_whitespace().peekable();
    let begins_with_flag = command.starts_with('-');
    while words.next_if(|word| word.starts_with('-')).is_some() {
        words.next();
    }
    words
        .next()
        .is_some_and(|verb| begins_with_flag || VERBS.contains(&verb))
}

/// Verbs that documents name.
const VERBS: [&str; 12] = [
    "apply-config",
    "bootstrap",
    "config",
    "edit",
    "etcd",
    "gen",
    "get",
    "image",
    "logs",
    "patch",
    "reset",
    "service",
];

/// What talosctl says of a command when it is asked for help behind it, with every flag read.
fn help(command: &str) -> Result<String, String> {
    let mut bash = other(Path::new("bash"));
    let typed = format!(
        "n=10.0.0.2 NODE1=10.0.0.2 NODE2=10.0.0.3 NODE3=10.0.0.4; '{}' {command} --help",
        tool("talosctl/talosctl").display()
    );
    let output = bash
        .args(["-c", &typed])
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// Files that show what our programs print.
fn screens(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                screens(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn every_talosctl_command_that_is_told_is_one() {
    let goldens = repository().join("tests/e2e/goldens");
    let documents = e2e::documents::all().into_iter();
    let files = documents.map(|document| repository().join(document));
    let files = files.chain(screens(&goldens));
    let mut told = BTreeSet::new();
    for file in files {
        // Some goldens are no text.
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        told.extend(commands(&text));
    }
    let mut wrong = Vec::new();
    for command in &told {
        let answer = match help(command) {
            // A group of commands is no command.
            Ok(help) if help.contains("Available Commands:") => help,
            Ok(_) => continue,
            Err(error) => error,
        };
        wrong.push(format!("{command}: {answer}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(told.len() > 60, "{told:#?}");
}

#[test]
fn an_unknown_flag_or_verb_is_seen() {
    assert!(help("-n 10.0.0.2 etcd members").is_ok());
    assert!(help("-n 10.0.0.2 reset --system-labels EPHEMERAL").is_err());
    assert!(help("-n 10.0.0.2 etcd-members").is_err());
    assert!(help("etcd remove").unwrap().contains("Available Commands:"));
    assert_eq!(
        commands(
            "do `t -n 10.0.0.2 service etcd`, or talosctl looks\ntimeout 2 talosctl -n $n etcd \\\n members | x"
        ),
        ["-n 10.0.0.2 service etcd", "-n $n etcd   members"]
    );
}
