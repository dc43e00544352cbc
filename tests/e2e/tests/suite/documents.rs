//! Commands of the documentation, run as printed.

use e2e::documents::{blocks, fenced};
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
    // The drill needs what the README says.
    let mut drill = world.command(e2e::programs().join("kubectl-etcdbackup"));
    drill.args(["verify", "s3://backups/prod", "--drill", "-i", "key.txt"]);
    let path = format!("{}:/usr/bin:/bin", e2e::tool("etcd-3.5").display());
    ok(&drill.env("PATH", path).output().unwrap());
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
    let mut documents = vec![repository().join("README.md")];
    for folder in ["docs", "docs/recovery"] {
        let entries = std::fs::read_dir(repository().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        documents.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let mut seen = 0;
    for document in documents {
        for command in commands(&document) {
            // Help ends before anything is asked; a flag that is not known ends before help.
            let output = world.shell(&format!("{command} --help"));
            assert!(
                output.status.success(),
                "{}: {command}: {}",
                document.display(),
                text(&output.stderr)
            );
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}
