//! GitHub's workflows, which run nowhere here, by actionlint: keys, expressions, events, runners,
//! the inputs of the actions they use, and by shellcheck the scripts in them.

use std::path::PathBuf;

use e2e::{repository, text, tool};

use crate::process::other;

/// What actionlint says of a workflow, and whether it has a complaint.
fn judged(workflow: &std::path::Path) -> (bool, String) {
    let mut actionlint = other(&tool("actionlint/actionlint"));
    actionlint
        .arg("-shellcheck")
        .arg(tool("shellcheck/shellcheck"))
        .args(["-no-color", "-oneline"])
        .arg(workflow)
        .current_dir(repository());
    let output = actionlint.output().unwrap();
    (
        output.status.success(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn every_workflow_is_one() {
    let folder = std::fs::read_dir(repository().join(".github/workflows")).unwrap();
    let workflows: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(workflows.len(), 2, "{workflows:?}");
    for workflow in workflows {
        let (fine, said) = judged(&workflow);
        assert!(fine, "{said}");
    }
}

#[test]
fn what_is_wrong_in_a_workflow_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let release = repository().join(".github/workflows/release.yml");
    let release = std::fs::read_to_string(release).unwrap();
    for (right, wrong, said) in [
        ("needs: [check, build]", "needs: [check, built]", "built"),
        ("matrix.target }}", "matrix.aim }}", "aim"),
        ("path: target/dist", "paths: target/dist", "paths"),
        // Of the script in it, by shellcheck.
        (
            "rustup target add \"$TARGET\"",
            "rustup target add $TARGET",
            "SC2086",
        ),
    ] {
        assert!(release.contains(right), "{right}");
        let file = folder.path().join("release.yml");
        std::fs::write(&file, release.replace(right, wrong)).unwrap();
        let (fine, complaint) = judged(&file);
        assert!(!fine && complaint.contains(said), "{wrong}: {complaint}");
    }
}
