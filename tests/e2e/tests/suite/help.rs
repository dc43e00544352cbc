//! Help as a person sees it: examples first, one screen, and nothing in it that is not true.

use e2e::golden::compare;
use e2e::{World, repository, text};

use crate::support::{code, ok, serving};

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

/// The examples of a screen, a pipeline each, and what comes next.
pub(crate) fn examples(screen: &[&str]) -> Vec<String> {
    let shown = help(screen, "-h");
    let lines = shown.lines().skip(1).take_while(|line| !line.is_empty());
    let joined = lines.map(str::trim).collect::<Vec<_>>().join("\n");
    let joined = joined.replace("|\n", "| ");
    let all = joined.lines();
    all.map(|line| line.trim_start_matches("Then: ").to_owned())
        .collect()
}

/// Runs those that start with one of `programs`, with what `here` makes of their names.
fn run_examples(world: &World, screens: &[&[&str]], here: impl Fn(&str) -> String) {
    let mut seen = 0;
    for example in screens.iter().flat_map(|screen| examples(screen)) {
        let foreign = ["talosctl ", "kubectl apply", "print it", "what it prints"];
        if foreign.iter().any(|start| example.starts_with(start)) || example.contains("-recover-") {
            continue;
        }
        let run = world.shell(&here(&example));
        // 1 is an answer: they differ, or something is odd.
        assert!(
            matches!(code(&run), 0 | 1),
            "{example}: {}",
            text(&run.stderr)
        );
        assert!(
            code(&run) == 0 || example.contains("diff "),
            "{example}: {}",
            text(&run.stderr)
        );
        seen += 1;
    }
    assert!(seen >= screens.len(), "{seen}");
}

/// In a snapshot of a real Kubernetes, with objects of it for those of the examples.
#[test]
fn the_examples_of_the_inspector_run_as_printed() {
    let world = serving();
    let fixture = |name: &str| repository().join("tests/fixtures").join(name);
    for (name, file) in [("after", "db"), ("before", "yesterday"), ("after", "today")] {
        let snapshot = e2e::kubernetes::fixture(name);
        std::fs::write(world.path(&format!("{file}.snapshot")), snapshot).unwrap();
    }
    let config = std::fs::read_to_string(fixture("controlplane-v1alpha1.yaml")).unwrap();
    std::fs::write(world.path("controlplane.yaml"), &config).unwrap();
    std::fs::copy(fixture("secrets-bundle.yaml"), world.path("secrets.yaml")).unwrap();
    world.talos.set_machine_config(0, &config);
    let admin = world.talos.talosconfig(&["os:admin"]).unwrap();
    admin.write(&world.path("talosconfig")).unwrap();
    let node = world.talos.address(0);
    let screens: Vec<&[&str]> = INSPECTOR
        .into_iter()
        .filter(|screen| screen[0] == "talosctl-snapshot-inspect")
        .collect();
    run_examples(&world, &screens, |example| {
        // etcd's own tools are of another version here: what they do is tested with its drill.
        let drilled = example.replace(" drill db.snapshot", " status db.snapshot");
        drilled
            .replace("deploy/shop -n web", "deploy/webhook -n cert-manager")
            .replace("-n web", "-n cert-manager")
            .replace("-l app=shop ", "")
            .replace(" KEY", " deploy/webhook -n cert-manager")
            .replace("10.0.0.2", &node)
    });
}

#[test]
fn the_examples_of_configs_runbook_link_and_completion_run_as_printed() {
    let world = crate::configs::world();
    ok(&crate::support::backed_up(
        &world,
        &["s3://backups/prod"],
        &[],
    ));
    std::fs::create_dir_all(world.path(".local/bin")).unwrap();
    let fish = e2e::tool("fish/fish");
    let screens: [&[&str]; 7] = [
        &["kubectl-etcdbackup", "configs", "save"],
        &["kubectl-etcdbackup", "configs"],
        &["kubectl-etcdbackup", "configs", "list"],
        &["kubectl-etcdbackup", "configs", "get"],
        &["kubectl-etcdbackup", "runbook"],
        &["kubectl-etcdbackup", "completion"],
        &["kubectl-etcdbackup", "link"],
    ];
    run_examples(&world, &screens, |example| {
        let example = if example.ends_with("| source") {
            format!("{} --no-config -c '{example}'", fish.display())
        } else {
            // The same file is asked for more than once.
            example.replace("-o cp-1.yaml", "-o cp-1.yaml --force")
        };
        format!("export ETCDBACKUP_DESTINATION=s3://backups/prod; {example}")
    });
}

/// Those that need a cluster in distress are run by the tests of recoveries; here their flags are
/// known, and those of what comes next.
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
