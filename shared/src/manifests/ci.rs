//! Deep verification and pruning as jobs of a CI system (GitHub's workflow form): two jobs that
//! share nothing, each with secrets of its own.

use serde_json::{Map, Value, json};

use super::document::Document;
use super::systemd::{KEEP, environment};
use super::{Installation, Schedule};
use crate::shell::{quoted, shell};

/// The workflow.
pub fn workflow(installation: &Installation) -> Document {
    let verify = job(
        installation,
        &["VERIFY_S3_CREDENTIALS", "AGE_IDENTITY"],
        "verify",
        "--deep -i /run/secrets/AGE_IDENTITY",
    );
    let prune = job(
        installation,
        &["PRUNE_S3_CREDENTIALS"],
        "prune",
        &format!("{KEEP} --delete"),
    );
    Document::object(
        "etcdbackup.yaml",
        "Verifies the newest backup with its keys, and prunes. Secrets it needs: VERIFY_S3_CREDENTIALS\n(keys that may list and read, and write below .verified/) and AGE_IDENTITY;\nPRUNE_S3_CREDENTIALS (keys that may list, read and delete). S3 keys in the form of\n~/.aws/credentials.",
        json!({
            "name": "etcdbackup",
            "on": { "schedule": [{ "cron": Schedule::daily(&installation.cluster).cron }], "workflow_dispatch": {} },
            "permissions": {},
            "jobs": { "verify": verify, "prune": prune },
        }),
    )
}

fn job(installation: &Installation, secrets: &[&str], verb: &str, flags: &str) -> Value {
    let mut env = Map::new();
    for name in secrets {
        env.insert(
            (*name).to_owned(),
            format!("${{{{ secrets.{name} }}}}").into(),
        );
    }
    json!({
        "runs-on": "ubuntu-latest",
        "environment": format!("etcdbackup-{}", verb),
        "timeout-minutes": 60,
        "steps": [{
            "name": verb,
            "env": env,
            "run": script(installation, secrets, verb, flags),
        }],
    })
}

/// Secrets go into files for the container's user only, and leave with the runner.
fn script(installation: &Installation, secrets: &[&str], verb: &str, flags: &str) -> String {
    let mut lines = vec![
        "set -eu".to_owned(),
        "secrets=$(mktemp -d)".to_owned(),
        "trap 'rm -rf \"$secrets\"' EXIT".to_owned(),
        "umask 077".to_owned(),
    ];
    for name in secrets {
        lines.push(format!("printf '%s\\n' \"${name}\" > \"$secrets/{name}\""));
    }
    let variables: Vec<String> = environment(installation)
        .iter()
        .map(|(name, value)| format!("-e {}", quoted(&format!("{name}={value}"))))
        .collect();
    let variables = variables.join(" ");
    for destination in &installation.settings.destinations {
        let program = shell(
            "kubectl-etcdbackup",
            [verb, destination.to_string().as_str()],
        );
        lines.push(format!(
            "docker run --rm --user \"$(id -u)\" --read-only --tmpfs /tmp -v \"$secrets:/run/secrets:ro\" \\\n  -e AWS_SHARED_CREDENTIALS_FILE=/run/secrets/{} {variables} \\\n  {} {program} {flags}",
            secrets[0],
            quoted(&installation.image),
        ));
    }
    lines.join("\n") + "\n"
}
