//! Commands of the documentation, run as printed.

use std::collections::BTreeMap;

use e2e::documents::{all, blocks, fenced};
use e2e::{BUCKET, World, repository, text};

use crate::support::{backed_up, code, ok, serving};

/// A world with the files that a document speaks of, and one backup.
fn world() -> World {
    let world = World::with_etcd();
    ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    let keys = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n";
    std::fs::write(world.path("credentials"), keys).unwrap();
    let certificate = repository().join("tests/fixtures/sealing/tls.crt");
    std::fs::copy(certificate, world.path("cert.pem")).unwrap();
    world
}

fn run(world: &World, document: &str, least: usize) {
    let blocks = blocks(document);
    assert!(blocks.len() >= least, "{document}: {}", blocks.len());
    for block in blocks {
        let output = world.shell(&block);
        assert!(
            output.status.success(),
            "{document}:\n{block}\n{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn install_runs_from_the_first_key_to_the_last_unit() {
    let world = world();
    // The backup that is there was made for the key that is there.
    let key = std::fs::read_to_string(world.path("key.txt")).unwrap();
    std::fs::remove_file(world.path("key.txt")).unwrap();
    let blocks = blocks("docs/install.md");
    ok(&world.shell(&blocks[0]));
    std::fs::write(world.path("key.txt"), key).unwrap();
    for block in &blocks[1..] {
        let output = world.shell(block);
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
    assert!(blocks.len() >= 8);
    for made in [
        "patch.yaml",
        "talos/cronjob.yaml",
        "filled/configmap.yaml",
        "sealed/s3-sealedsecret.yaml",
        "units/etcdbackup-prune.timer",
        "etcdbackup.yaml",
    ] {
        assert!(world.path(made).exists(), "{made}");
    }
    let all = std::fs::read_to_string(world.path("all.yaml")).unwrap();
    assert!(all.contains("kind: Secret\n"));
}

#[test]
fn moving_over_from_talos_backup_runs_as_written() {
    let world = world();
    let sample = "kind: CronJob\nmetadata: {name: talos-backup}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: b, image: talos-backup}]}}}}}\n";
    std::fs::write(world.path("cronjob.yaml"), sample).unwrap();
    run(&world, "docs/migrate-from-talos-backup.md", 4);
    // The last words of it.
    ok(&backed_up(&world, &["s3://backups/old//"], &[]));
    let keys = world.s3.keys(BUCKET, "old/");
    assert!(keys[0].starts_with("old//prod-"), "{keys:?}");
    let list = world.shell("kubectl etcdbackup list s3://backups/old// -o name");
    assert!(
        text(&list.stdout).contains("old//prod-"),
        "{}",
        text(&list.stdout)
    );
}

/// `kubectl etcdbackup …` of the prose: each is a command that is there, with flags it knows.
#[test]
fn what_operations_tells_to_type_is_known() {
    let document = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let world = serving();
    let joined = document.replace("\n   ", " ").replace('\n', " ");
    let mut seen = 0;
    for part in joined.split('`').skip(1).step_by(2) {
        let Some(line) = part.strip_prefix("kubectl etcdbackup ") else {
            continue;
        };
        // Help ends before anything is asked; a flag that is not known ends before help.
        let output = world.shell(&format!("kubectl etcdbackup {line} --help"));
        assert!(output.status.success(), "{part}: {}", text(&output.stderr));
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn the_readme_runs_as_printed() {
    let world = world();
    let blocks = blocks("README.md");
    // `make demo` and `make test` are what runs this.
    let blocks: Vec<_> = blocks
        .iter()
        .filter(|block| !block.contains("make "))
        .collect();
    assert!(blocks.len() >= 5, "{blocks:?}");
    for block in blocks {
        let output = world.shell(block);
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
}

/// The first key, the first backup, the first verify, the first drill, by who has nothing yet.
#[test]
fn the_readmes_first_hour_runs_as_printed() {
    let world = World::with_etcd();
    for file in ["key.txt", "recipients.txt"] {
        std::fs::remove_file(world.path(file)).unwrap();
    }
    let first = fenced("README.md", "").into_iter();
    let mut first = first.filter(|block| block.starts_with("age-keygen"));
    let (check, drill) = ("kubectl etcdbackup verify ", "--drill");
    let verify = blocks("README.md").into_iter();
    let verify = verify.filter(|block| block.starts_with(check));
    let drills = fenced("README.md", "").into_iter();
    let drills = drills.filter(|block| block.starts_with(check) && block.contains(drill));
    let all: Vec<String> = first.by_ref().chain(verify).chain(drills).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    for block in all {
        let etcd = e2e::tool("etcd-3.5");
        let output = world.shell(&format!("export PATH=$PATH:{}\n{block}", etcd.display()));
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
}

#[test]
fn what_configs_tells_runs_as_written() {
    let world = crate::configs::world();
    let blocks = blocks("docs/configs.md");
    // The name of the cluster in there is the Talos context here.
    let block = blocks[0].replace("cp-1.yaml", "saved.yaml");
    ok(&world.shell(&block));
    let saved = std::fs::read_to_string(world.path("saved.yaml")).unwrap();
    assert!(saved.contains("hostname: cp-1"), "another node's");
    // By age alone, whatever fetches the object.
    let open = blocks
        .iter()
        .find(|block| block.contains("age -d"))
        .unwrap();
    let key = world.s3.all_keys(BUCKET);
    let key = key.iter().find(|key| key.contains(".configs/")).unwrap();
    std::fs::write(world.path("object"), world.s3.object(BUCKET, key).unwrap()).unwrap();
    let (fetch, open) = open.split_once(" | ").unwrap();
    assert!(
        fetch.starts_with("aws s3 cp s3://backups/prod/.configs/"),
        "{fetch}"
    );
    ok(&world.shell(&format!("cat object | {open}")));
    assert_eq!(
        std::fs::read_to_string(world.path("cp-1.yaml")).unwrap(),
        saved
    );
}

#[test]
fn what_configuration_and_retention_tell_runs_as_written() {
    let world = world();
    ok(&backed_up(&world, &["s3://backups/other"], &[]));
    for block in blocks("docs/configuration.md") {
        let block = block.replace("s3://other/place", "s3://backups/other -o o");
        ok(&world.shell(&block));
    }
    let blocks = fenced("docs/retention.md", "");
    assert!(blocks.len() >= 2, "{blocks:?}");
    for block in blocks {
        ok(&world.shell(&block));
    }
}

#[test]
fn what_is_told_of_a_cluster_with_a_cron_job_runs_as_written() {
    let cluster = crate::in_cluster::installed();
    for document in ["README.md", "docs/install.md"] {
        let blocks = fenced(document, "");
        let block = blocks
            .iter()
            .find(|block| block.contains("etcdbackup now") && block.contains("etcdbackup status"));
        ok(&cluster.world.shell(block.expect("a first run")));
    }
}

/// What old state would do at once is read out of a snapshot of a real cluster.
#[test]
fn what_old_state_tells_to_look_for_is_found() {
    let world = serving();
    let snapshot = e2e::kubernetes::fixture("after");
    std::fs::write(world.path("db.snapshot"), snapshot).unwrap();
    let mut found = 0;
    let lines = blocks("docs/recovery/old-state.md").join("");
    let is_ours = |line: &&str| line.starts_with("talosctl-snapshot-inspect ");
    for line in lines.lines().filter(is_ours) {
        let output = world.shell(line);
        // What this cluster does not have is no error of the command.
        assert!(
            matches!(code(&output), 0 | 1),
            "{line}: {}",
            text(&output.stderr)
        );
        found += usize::from(code(&output) == 0);
    }
    assert!(found >= 3, "{found}");
}

/// Commands of ours in the fenced blocks of a document, a line each.
fn commands(document: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let (mut found, mut inside, mut line) = (Vec::new(), false, String::new());
    for raw in text.lines() {
        let trimmed = raw.trim();
        if let Some(kind) = trimmed.strip_prefix("```") {
            inside = !inside && ["", "sh"].contains(&kind);
            continue;
        }
        if !inside {
            continue;
        }
        let more = trimmed.strip_suffix('\\').unwrap_or(trimmed);
        line += &format!("{more} ");
        if trimmed.ends_with(['\\', '|']) {
            continue;
        }
        let whole = std::mem::take(&mut line);
        let bare = whole.split(" #").next().unwrap_or_default();
        found.extend(bare.split(['|', '&', ';']).filter_map(ours));
    }
    found
}

/// One of ours, without what the shell does with its output.
fn ours(part: &str) -> Option<String> {
    let part = part.trim().trim_start_matches("$ ");
    let known = [
        "kubectl etcdbackup",
        "kubectl-etcdbackup",
        "talosctl-snapshot-",
        "talosctl-recover-",
    ];
    let is_ours = known.iter().any(|start| part.starts_with(start));
    let part = part.split(['>', '<']).next()?.trim();
    (is_ours && !part.contains('…')).then(|| part.to_owned())
}

/// Whatever a document tells to type is there, with flags it knows.
#[test]
fn every_command_of_every_document_is_known() {
    let world = serving();
    let mut seen = 0;
    for document in all() {
        for command in commands(&repository().join(&document)) {
            // Help ends before anything is asked; a flag that is not known ends before help.
            let output = world.shell(&format!("{command} --help"));
            assert!(
                output.status.success(),
                "{document}: {command}: {}",
                text(&output.stderr)
            );
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

/// Blocks of each document that tell what to type, and the tests that type them: a block more, or
/// a test less, is seen here. What no test runs is said where it stands.
const TYPED: [(&str, usize, &[&str]); 21] = [
    (
        "README.md",
        // A picture, and `make demo` and `make test`, which run this.
        15,
        &[
            "the_readme_runs_as_printed",
            "the_readmes_first_hour_runs_as_printed",
            "what_the_documents_tell_of_the_archive_runs_as_written",
            "what_is_told_of_krew_is_typed_as_printed",
            "what_is_told_of_a_cluster_with_a_cron_job_runs_as_written",
            "the_readmes_last_pages_bring_a_dead_cluster_back",
        ],
    ),
    (
        "SECURITY.md",
        1,
        &["what_the_documents_tell_of_the_archive_runs_as_written"],
    ),
    // A picture, and what a program of the repository prints.
    ("docs/architecture.md", 1, &[]),
    ("docs/benchmarks.md", 1, &[]),
    (
        "docs/configs.md",
        // One shows how an object is named.
        4,
        &[
            "what_configs_tells_runs_as_written",
            "a_replaced_node_gets_its_config_by_hand",
        ],
    ),
    (
        "docs/configuration.md",
        1,
        &["what_configuration_and_retention_tell_runs_as_written"],
    ),
    (
        "docs/install-programs.md",
        11,
        &[
            // In `make from-source`: it builds everything anew.
            "what_is_told_of_cargo_install_is_typed_as_printed",
            "what_the_documents_tell_of_the_archive_runs_as_written",
            "what_is_told_of_krew_is_typed_as_printed",
        ],
    ),
    (
        "docs/install.md",
        9,
        &[
            "install_runs_from_the_first_key_to_the_last_unit",
            "what_is_told_of_a_cluster_with_a_cron_job_runs_as_written",
        ],
    ),
    (
        "docs/migrate-from-talos-backup.md",
        4,
        &["moving_over_from_talos_backup_runs_as_written"],
    ),
    (
        "docs/retention.md",
        2,
        &["what_configuration_and_retention_tell_runs_as_written"],
    ),
    (
        "docs/runbook.md",
        25,
        &[
            "the_runbook_brings_a_dead_cluster_back_line_by_line",
            "a_dead_cluster_comes_back_by_hand",
        ],
    ),
    (
        "docs/recovery/access.md",
        3,
        &[
            "a_deleted_namespace_comes_back_by_hand",
            "a_replaced_node_gets_its_config_by_hand",
        ],
    ),
    (
        "docs/recovery/admin-certificate.md",
        6,
        &["an_admin_certificate_is_minted_by_hand"],
    ),
    (
        "docs/recovery/damaged-backup.md",
        4,
        &["a_backup_from_before_the_damage_is_found_line_by_line"],
    ),
    (
        "docs/recovery/deleted-namespace.md",
        5,
        &["a_deleted_namespace_comes_back_by_hand"],
    ),
    (
        "docs/recovery/dependencies.md",
        // `talosctl image pull` is known to talosctl; nothing here has a registry.
        2,
        &["a_replaced_node_gets_its_config_by_hand"],
    ),
    (
        "docs/recovery/old-state.md",
        2,
        &[
            "what_old_state_tells_to_look_for_is_found",
            "what_acts_at_once_is_scaled_away_by_hand",
        ],
    ),
    // Omni is a service, and `omnictl` asks nobody else.
    ("docs/recovery/omni.md", 4, &[]),
    (
        "docs/recovery/replaced-node.md",
        7,
        &[
            "a_replaced_node_gets_its_config_by_hand",
            "the_keys_of_a_new_machines_config_are_proven_line_by_line",
        ],
    ),
    (
        "docs/recovery/salvage.md",
        6,
        &[
            "what_survives_is_saved_and_restored_line_by_line",
            "databases_that_are_damaged_everywhere_give_way_line_by_line",
            "what_survives_is_copied_by_hand",
        ],
    ),
    (
        "docs/recovery/wrong-snapshot.md",
        5,
        &["another_snapshot_than_the_restored_one_is_restored_line_by_line"],
    ),
];

/// The text of every module in a folder.
fn sources(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false => std::fs::read_to_string(path).unwrap(),
    };
    paths.map(text).collect()
}

#[test]
fn what_is_told_to_type_is_typed_by_a_test() {
    let suites = ["tests/e2e/tests/suite", "tests/interop/suite"];
    let sources: String = suites
        .map(|folder| sources(&repository().join(folder)))
        .concat();
    let told = |document: &String| blocks(document).len() + fenced(document, "").len();
    let documents = all()
        .into_iter()
        .map(|document| (told(&document), document));
    let documents = documents.filter(|(told, _)| *told > 0);
    let documents: BTreeMap<_, _> = documents.map(|(told, name)| (name, told)).collect();
    let claimed = TYPED
        .iter()
        .map(|(name, told, _)| ((*name).to_owned(), *told));
    assert_eq!(documents, claimed.collect(), "blocks of each document");
    for (document, _, tests) in TYPED {
        for test in tests {
            assert!(
                sources.contains(&format!("]\nfn {test}()")),
                "{document}: no test is named {test}"
            );
        }
    }
}
