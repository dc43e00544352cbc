//! What is checked in and made by the programs is what they make now.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use e2e::{programs, repository, text};

/// Name and content of every file.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn completions_man_pages_and_reference_are_current() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(repository().join("docs/generate"))
        .arg(programs())
        .arg(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    for (part, least) in [("completions", 36), ("docs/man", 30), ("docs/cli", 9)] {
        let now = files(&folder.path().join(part));
        assert!(now.len() >= least, "{part}: {}", now.len());
        let kept = files(&repository().join(part));
        let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&kept), names(&now), "{part}: run `make documents`");
        for (name, content) in &now {
            assert!(
                kept[name] == *content,
                "{part}/{name}: run `make documents`"
            );
            assert!(!content.trim().is_empty(), "{part}/{name}");
        }
    }
}

/// A page that `man` cannot read would be shown all the same, with what it did not understand
/// left out.
#[test]
fn every_flag_of_help_is_in_the_man_page() {
    for page in [
        "talosctl-snapshot-push",
        "talosctl-recover-wipe",
        "kubectl-etcdbackup-now",
    ] {
        let page = repository().join(format!("docs/man/{page}.1"));
        let roff = std::fs::read_to_string(&page).unwrap();
        let words: Vec<String> = match page.file_stem().unwrap().to_str().unwrap() {
            "kubectl-etcdbackup-now" => vec!["kubectl-etcdbackup".into(), "now".into()],
            program => vec![program.to_owned()],
        };
        let help = Command::new(programs().join(&words[0]))
            .args(&words[1..])
            .arg("--help")
            .output()
            .unwrap();
        let plain = roff
            .replace("\\-", "-")
            .replace("\\fB", "")
            .replace("\\fR", "");
        let shown = text(&help.stdout);
        let flags = shown.split_whitespace().filter(|word| {
            word.starts_with("--")
                && word[2..]
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-')
        });
        let mut seen = 0;
        for flag in flags.filter(|flag| flag.len() > 2) {
            assert!(plain.contains(flag), "{flag} is not in {}", page.display());
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
        assert!(plain.contains("Examples:"), "{}", page.display());
    }
}
