//! `kubernetes/backups/talos/` of the repository: what the program prints, and what kubectl takes.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{repository, text};

use crate::support::{ok, serving};

/// Where it is; `make kubernetes` writes it anew.
const FOLDER: &str = "kubernetes/backups/talos";

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn it_is_what_the_program_prints() {
    let world = serving();
    ok(&world.shell("kubectl etcdbackup manifests --unfilled --out set"));
    let printed = files(&world.path("set"));
    let kept = files(&repository().join(FOLDER));
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        printed.keys().collect::<Vec<_>>(),
        "`make kubernetes` writes it anew"
    );
    for (name, text) in printed {
        assert_eq!(
            kept[&name], text,
            "{name} (`make kubernetes` writes it anew)"
        );
    }
}

#[test]
fn kubectl_takes_it_with_and_without_what_is_optional() {
    let world = serving();
    let folder = repository().join(FOLDER);
    let plain = world.shell(&format!("kubectl kustomize {}", folder.display()));
    ok(&plain);
    let kinds = |output: &str| {
        let lines = output
            .lines()
            .filter_map(|line| line.strip_prefix("kind: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(&text(&plain.stdout)),
        [
            "Namespace",
            "ServiceAccount",
            "ServiceAccount",
            "ConfigMap",
            "CronJob"
        ]
    );
    // Filled in as the documentation says.
    let copy = world.shell(&format!(
        "cp -r {} set && printf '[default]\\naws_access_key_id = a\\naws_secret_access_key = b\\n' > set/components/s3-credentials/credentials && printf 'components:\\n- components/s3-credentials\\n- components/monitoring\\n' >> set/kustomization.yaml && kubectl kustomize set",
        folder.display()
    ));
    ok(&copy);
    let all = text(&copy.stdout);
    assert!(
        kinds(&all).contains(&"Secret".to_owned()),
        "{:?}",
        kinds(&all)
    );
    assert!(kinds(&all).contains(&"PrometheusRule".to_owned()));
    assert!(
        all.contains("  name: etcdbackup-s3\n"),
        "the pod mounts it by this name"
    );
    // Without its file the component says so, and nothing is applied.
    let absent =
        world.shell("rm set/components/s3-credentials/credentials && kubectl kustomize set");
    assert!(!absent.status.success());
    assert!(
        text(&absent.stderr).contains("credentials"),
        "{}",
        text(&absent.stderr)
    );
}

#[test]
fn nothing_in_it_is_filled_in_by_a_placeholder() {
    for (name, text) in files(&repository().join(FOLDER)) {
        for held in ["CHANGEME", "REPLACE", "<", "age1q", "kind: Secret\n"] {
            assert!(
                !text.contains(held) || name.contains("monitoring"),
                "{name}: {held}"
            );
        }
    }
}
