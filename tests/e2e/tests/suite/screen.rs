//! What an operator sees of a command in a recovery, reviewed: `goldens/recover*/SCENARIO.txt`.

use std::process::Output;

use e2e::golden::{compare, filtered, replaced};
use e2e::{World, text};
use regex::Regex;

use crate::support::code;

/// Compares exit code, stdout and stderr of a command with the golden of this name.
pub(crate) fn reviewed(world: &World, name: &str, output: &Output) {
    let stdout = steady(world, &text(&output.stdout));
    let stderr = steady(world, &text(&output.stderr));
    compared(name, code(output), [&stdout, &stderr]);
}

/// Only what it comes to: verdict, repair and next command, error and hint. For a cluster whose
/// etcd starts and ends again, or is on its way, so that what is seen of it is chance.
pub(crate) fn conclusion(world: &World, name: &str, output: &Output) {
    let stdout = steady(world, &text(&output.stdout));
    let verdict = stdout.find("Verdict:").map_or("", |start| &stdout[start..]);
    let stderr = steady(world, &text(&output.stderr));
    let failure = |line: &&str| line.starts_with("error: ") || line.starts_with("hint: ");
    let failure: String = stderr
        .lines()
        .filter(failure)
        .map(|line| format!("{line}\n"))
        .collect();
    compared(name, code(output), [verdict, &failure]);
}

fn compared(name: &str, exit: i32, shown: [&str; 2]) {
    let mut screen = format!("exit {exit}\n");
    for (title, shown) in ["stdout", "stderr"].iter().zip(shown) {
        if !shown.is_empty() {
            screen += &format!("== {title}\n{shown}");
        }
    }
    compare(&format!("{name}.txt"), &screen);
}

/// What differs from run to run besides: what is counted and measured, and what is told of nodes
/// while they work, which are as many lines as there was time for.
fn steady(world: &World, shown: &str) -> String {
    let text = measured_once(&filtered(world, shown));
    let rules = [
        (
            r"(?m)^node (cp-\d \()?\$NODE\d+\)?: (Preparing|Starting|Running|Waiting|Finished|the old|Failed|its services stop|its partition is wiped|it reboots|a restore or a join may).*\n",
            "",
        ),
        // Whether it has joined by the time it is looked at again is chance.
        (
            r"(?m)^node cp-\d \(\$NODE\d\) (waits, empty|is a member again)\n",
            "",
        ),
        (r"(?m)^\d of \d control planes vote\n", ""),
        (r"\b\d+(\.\d)? (KiB|MiB|bytes)", "N $2"),
        (r"\b\d+ of N bytes", "N of N bytes"),
        (r"\b\d+ min\b", "N min"),
        (r"\b\d+ h ago\b", "N h ago"),
        (r"\b\d+ entries\b", "N entries"),
        // A member that no node is.
        (r"\b127\.\d+\.\d+\.77\b", "$$PHANTOM"),
        (r"\bfor \d+ days", "for N days"),
        (r"revision \d+", "revision N"),
        (r"\b\d+ keys", "N keys"),
        // Ids of real members are chance, and so is who leads.
        (r"\b[0-9a-f]{16}\b( leader)?", "MEMBER"),
    ];
    let text = rules
        .iter()
        .fold(text, |text, (pattern, with)| replaced(&text, pattern, with));
    in_order_of_nodes(&text)
}

/// Findings that measure: nodes that measure the same share a line, so that how many lines there
/// are is chance. One for all of them.
fn measured_once(text: &str) -> String {
    let phrases = [
        (
            "data",
            "database and log, [0-9.]+ [KM]iB",
            "database and log, SIZE",
        ),
        ("space", "[0-9]+ MiB free on /var", "SIZE free on /var"),
        (
            "state",
            "etcd is Preparing, [0-9]+ min left",
            "etcd is Preparing, N min left",
        ),
        (
            "reboot",
            "[0-9]+ min until it would reboot by itself",
            "N min until it would reboot by itself",
        ),
    ];
    let node = Regex::new(r"\$NODE\d+").expect("a pattern");
    let mut text = text.to_owned();
    for (check, measured, steady) in phrases {
        // A line may be broken at any of its spaces.
        let measured = measured.replace(' ', r"\s+");
        let several = format!(r"(?m)(?:^ok +{check} +(?:[^\n]|\n {{10,}})*?{measured}\n)+");
        let several = Regex::new(&several).expect("a pattern");
        let once = several.replace_all(&text, |found: &regex::Captures<'_>| {
            let mut nodes: Vec<&str> = node.find_iter(&found[0]).map(|one| one.as_str()).collect();
            nodes.sort_unstable();
            let start = found[0].split('$').next().unwrap_or_default();
            format!("{start}{}: {steady}\n", nodes.join(", "))
        });
        text = once.into_owned();
    }
    text
}

/// Nodes that are wiped side by side are told of as they come.
fn in_order_of_nodes(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let one = |line: &&str| line.starts_with("node cp-");
    for group in lines.chunk_by_mut(|before, after| one(before) && one(after)) {
        // By node; what one of them tells stays in its order.
        group.sort_by_key(|line| line.split(' ').nth(1).unwrap_or_default());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
