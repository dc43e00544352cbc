//! Help as a person sees it: examples first, one screen, and nothing in it that is not true.

use e2e::golden::compare;
use e2e::{World, text};

use crate::support::{ok, serving};

/// Programs and verbs, in the order in which their examples build on each other.
const SCREENS: [&[&str]; 12] = [
    &["talosctl-snapshot-take"],
    &["talosctl-snapshot-push"],
    &["talosctl-snapshot-pull"],
    &["kubectl-etcdbackup"],
    &["kubectl-etcdbackup", "now"],
    &["kubectl-etcdbackup", "status"],
    &["kubectl-etcdbackup", "list"],
    &["kubectl-etcdbackup", "verify"],
    &["kubectl-etcdbackup", "prune"],
    &["kubectl-etcdbackup", "manifests"],
    &["kubectl-etcdbackup", "copy"],
    &["kubectl-etcdbackup", "rekey"],
];

/// Screens whose examples need objects or files of a real cluster.
const INSPECTOR: [&[&str]; 20] = [
    &["kubectl-etcdbackup", "completion"],
    &["kubectl-etcdbackup", "link"],
    &["talosctl-snapshot-inspect"],
    &["talosctl-snapshot-inspect", "status"],
    &["talosctl-snapshot-inspect", "check"],
    &["talosctl-snapshot-inspect", "drill"],
    &["talosctl-snapshot-inspect", "ls"],
    &["talosctl-snapshot-inspect", "get"],
    &["talosctl-snapshot-inspect", "inventory"],
    &["talosctl-snapshot-inspect", "diff"],
    &["talosctl-snapshot-inspect", "keys"],
    &["talosctl-recover-check"],
    &["talosctl-recover-guide"],
    &["kubectl-etcdbackup", "configs"],
    &["kubectl-etcdbackup", "configs", "save"],
    &["kubectl-etcdbackup", "configs", "list"],
    &["kubectl-etcdbackup", "configs", "get"],
    &["kubectl-etcdbackup", "runbook"],
    &["talosctl-recover-wipe"],
    &["talosctl-recover-bootstrap"],
];

/// Flags without a variable: guards, formats, what is asked for this once or is so anyway, and
/// kubectl's own.
const WITHOUT_VARIABLE: [&str; 22] = [
    "--help",
    "--version",
    "--output",
    "--latest",
    "--for",
    "--lint",
    "--out",
    "--unfilled",
    "--force",
    "--delete",
    "--delete-old",
    "--dry-run",
    "--no-encrypt",
    "--raw",
    "--kubeconfig",
    "--context",
    "--cluster",
    "--user",
    "--namespace",
    "--as",
    "--as-group",
    "--request-timeout",
];

fn help(screen: &[&str], flag: &str) -> String {
    let world = serving();
    let shown = world.ours(screen[0], &[&screen[1..], &[flag]].concat());
    ok(&shown);
    text(&shown.stdout)
}

#[test]
fn short_help_fits_a_screen_and_begins_with_examples() {
    for screen in SCREENS.iter().chain(&INSPECTOR) {
        let shown = help(screen, "-h");
        let name = screen.join(" ");
        assert!(shown.starts_with("Examples:\n  "), "{name}: {shown}");
        assert!(shown.contains("\nThen: "), "{name}: {shown}");
        assert!(
            shown.lines().count() <= 24,
            "{name} has {} lines:\n{shown}",
            shown.lines().count()
        );
        let widest = shown
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(widest <= 80, "{name} is {widest} wide:\n{shown}");
        compare(&format!("help/{}.txt", screen.join("-")), &shown);
    }
}

#[test]
fn the_examples_of_help_run_as_printed() {
    let cluster = crate::in_cluster::installed_around(World::with_etcd());
    let world = &cluster.world;
    for screen in SCREENS {
        let shown = help(screen, "-h");
        let examples = shown.lines().skip(1).take_while(|line| !line.is_empty());
        for example in examples {
            // What comes next may need more than is here: that it is known is enough.
            let example = match example.strip_prefix("Then: ") {
                Some(next) => format!("{next} --help"),
                None => example.to_owned(),
            };
            let run = world.shell(&example);
            assert!(run.status.success(), "{example}: {}", text(&run.stderr));
        }
    }
}

/// Those that need a cluster in distress or files of a real one: their flags are known. What they
/// do is run by the tests of their programs.
#[test]
fn the_other_examples_of_help_are_known() {
    let world = serving();
    let mut seen = 0;
    for screen in INSPECTOR {
        let shown = help(screen, "-h");
        let lines = shown.lines().skip(1).take_while(|line| !line.is_empty());
        let lines: Vec<&str> = lines
            .map(|line| line.trim_start_matches("Then: "))
            .collect();
        let joined = lines.join("\n").replace("|\n", "| ");
        for part in joined.split(['\n', '|']) {
            let part = part.split('>').next().unwrap_or_default().trim();
            if !part.starts_with("talosctl-") && !part.starts_with("kubectl etcdbackup") {
                continue;
            }
            let run = world.shell(&format!("{part} --help"));
            assert!(run.status.success(), "{part}: {}", text(&run.stderr));
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn every_flag_has_a_variable_unless_it_lowers_a_guard() {
    for screen in SCREENS {
        let shown = help(screen, "--help");
        let flags = flags(&shown);
        assert!(flags.len() > 8, "{screen:?}: {flags:?}");
        for (flag, text) in flags {
            // Under kubectl `--context` is kubectl's; elsewhere it is Talos'.
            let kubectls = flag != "--context" || screen[0].starts_with("kubectl");
            let without = WITHOUT_VARIABLE.contains(&flag.as_str()) && kubectls;
            assert_ne!(
                text.contains("[env: ETCDBACKUP_"),
                without,
                "{screen:?}: {flag}"
            );
        }
        assert!(shown.contains("Exit codes:\n"), "{screen:?}");
    }
}

/// Long flags of a long help, each with the text below it.
fn flags(help: &str) -> Vec<(String, String)> {
    let mut flags: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let inner = line.trim_start();
        if inner.starts_with('-') && line.len() - inner.len() <= 6 {
            let long = inner
                .split([' ', ',', '['])
                .find(|word| word.starts_with("--"));
            flags.push((long.unwrap().to_owned(), String::new()));
        } else if let Some((_, text)) = flags.last_mut() {
            text.push_str(line);
        }
    }
    flags
}
