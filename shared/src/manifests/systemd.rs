//! Deep verification and pruning for another host, as units of systemd: what needs an age
//! identity or a right to delete does not belong into the cluster that is protected. Each has
//! credentials of its own.

use std::fmt::Write as _;

use super::Installation;
use super::document::Document;

/// Where the credentials of both lie on the host, readable by root only.
const FOLDER: &str = "/etc/etcdbackup";
const PROGRAM: &str = "/usr/local/bin/kubectl-etcdbackup";
/// How many of each kind `prune` keeps.
pub(super) const KEEP: &str = "--keep-last 12 --keep-daily 14 --keep-weekly 8 --keep-monthly 12";

/// Services and timers.
pub fn units(installation: &Installation) -> Vec<Document> {
    let (verify, prune) = (verify(installation), prune(installation));
    vec![
        Document::text_file("etcdbackup-verify.service", verify),
        Document::text_file(
            "etcdbackup-verify.timer",
            timer("deep verification", "daily"),
        ),
        Document::text_file("etcdbackup-prune.service", prune),
        Document::text_file("etcdbackup-prune.timer", timer("pruning", "weekly")),
    ]
}

fn verify(installation: &Installation) -> String {
    let note = format!(
        "# Decrypts and checks the newest backup, and keeps the result beside it.\n# Needs, for root only (0600):\n#   {FOLDER}/verify/credentials    S3 keys that may list and read, and write below .verified/\n#   {FOLDER}/verify/identity.txt   the age identity\n"
    );
    let credentials = format!(
        "LoadCredential=s3:{FOLDER}/verify/credentials\nLoadCredential=identity:{FOLDER}/verify/identity.txt\nEnvironment=AWS_SHARED_CREDENTIALS_FILE=%d/s3\nEnvironment=ETCDBACKUP_IDENTITY=%d/identity\n"
    );
    let run = |place: &str| format!("ExecStart={PROGRAM} verify {place} --deep\n");
    service(installation, "Deep verification", &(note, credentials), run)
}

fn prune(installation: &Installation) -> String {
    let note = format!(
        "# Deletes what the policy does not keep. Leave `--delete` out to see what it would do.\n# Needs, for root only (0600):\n#   {FOLDER}/prune/credentials     S3 keys that may list, read and delete; of no other use\n"
    );
    let credentials = format!(
        "LoadCredential=s3:{FOLDER}/prune/credentials\nEnvironment=AWS_SHARED_CREDENTIALS_FILE=%d/s3\n"
    );
    let run = |place: &str| format!("ExecStart={PROGRAM} prune {place} {KEEP} --delete\n");
    service(installation, "Pruning", &(note, credentials), run)
}

fn service(
    installation: &Installation,
    what: &str,
    (note, credentials): &(String, String),
    run: impl Fn(&str) -> String,
) -> String {
    let mut text = format!(
        "{note}[Unit]\nDescription={what} of the etcd backups of {}\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\nDynamicUser=yes\nPrivateTmp=yes\nProtectSystem=strict\nProtectHome=yes\nNoNewPrivileges=yes\n{credentials}",
        quoted(&installation.cluster)
    );
    for (name, value) in environment(installation) {
        // Writing to a text does not fail.
        let _written = writeln!(text, "Environment=\"{name}={}\"", quoted(&value));
    }
    for destination in &installation.settings.destinations {
        text += &run(&argument(&destination.to_string()));
    }
    text
}

/// What another host must know of the store.
pub(super) fn environment(installation: &Installation) -> Vec<(&'static str, String)> {
    let settings = &installation.settings;
    let optional = [
        ("ETCDBACKUP_CLUSTER_NAME", Some(&installation.cluster)),
        ("ETCDBACKUP_S3_ENDPOINT", settings.s3_endpoint.as_ref()),
        ("ETCDBACKUP_S3_REGION", settings.s3_region.as_ref()),
        ("ETCDBACKUP_S3_PATH_STYLE", settings.s3_path_style.as_ref()),
    ];
    let said = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.clone())));
    said.collect()
}

fn timer(what: &str, calendar: &str) -> String {
    format!(
        "[Unit]\nDescription=When the {what} of etcd backups runs\n\n[Timer]\nOnCalendar={calendar}\nRandomizedDelaySec=1h\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
}

/// A text in systemd's quotes: `%` begins a specifier there.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
}

/// One argument of `ExecStart`, where `$` begins a variable, too.
fn argument(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=,".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", quoted(text).replace('$', "$$"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;

    #[test]
    fn verify_and_prune_have_credentials_of_their_own() {
        let units = units(&installation());
        let text = |file: &str| {
            let unit = units.iter().find(|unit| unit.file == file).unwrap();
            unit.text()
        };
        let verify = text("etcdbackup-verify.service");
        assert!(verify.contains("verify s3://backups/prod --deep\n"));
        assert!(verify.contains("verify/identity.txt") && !verify.contains("--delete"));
        let prune = text("etcdbackup-prune.service");
        assert!(prune.contains("--delete\n") && !prune.contains("identity"));
        assert!(!prune.contains("verify/credentials"));
    }

    #[test]
    fn nothing_of_a_name_is_taken_for_a_specifier_or_a_variable() {
        assert_eq!(argument("s3://b/100%$x y"), "\"s3://b/100%%$$x y\"");
        assert_eq!(argument("s3://b/prod"), "s3://b/prod");
    }
}
