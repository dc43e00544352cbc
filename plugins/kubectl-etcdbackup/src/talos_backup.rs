//! talos-backup's name and environment: moving over from it is a change of image.
//!
//! Its variables fill what no flag, variable or configuration of ours said.

use std::ffi::OsString;
use std::path::Path;

use etcdbackup::cli::flags::PathStyleFlag;
use etcdbackup::seal::Compression;

use crate::cli::Now;

/// Called as `talos-backup` without a sub-command, this is `now --direct`.
pub(crate) fn arguments(arguments: Vec<OsString>) -> Vec<OsString> {
    let file = arguments
        .first()
        .and_then(|path| Path::new(path).file_name());
    let called_so = file.is_some_and(|file| file == "talos-backup");
    let next = arguments.get(1).map(|word| word.to_string_lossy());
    let verb = next.as_deref().is_some_and(|word| !word.starts_with('-'));
    let about = matches!(next.as_deref(), Some("-h" | "--help" | "-V" | "--version"));
    if !called_so || verb || about {
        return arguments;
    }
    let mut words = arguments;
    words.splice(1..1, ["now".into(), "--direct".into()]);
    words
}

/// Everything but the destination. A function reads the environment, so that tests need none
/// of their own. Gives what a person should be told.
pub(crate) fn fill(now: &mut Now, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut notes = Vec::new();
    now.cluster_name = now.cluster_name.take().or_else(|| text("CLUSTER_NAME"));
    if now.store.s3_endpoint.is_none() {
        now.store.s3_endpoint = text("CUSTOM_S3_ENDPOINT").map(with_scheme);
    }
    now.store.s3_region = now.store.s3_region.take().or_else(|| text("AWS_REGION"));
    if is_true(text("USE_PATH_STYLE")) {
        now.store.s3_path_style = PathStyleFlag::Path;
    }
    let recipients = &mut now.recipients;
    if recipients.recipient.is_empty() && recipients.recipients_file.is_empty() {
        for name in ["AGE_RECIPIENT_PUBLIC_KEY", "AGE_X25519_PUBLIC_KEY"] {
            for recipient in text(name).unwrap_or_default().split(',').map(str::trim) {
                if !recipient.is_empty()
                    && !recipients.recipient.iter().any(|known| known == recipient)
                {
                    recipients.recipient.push(recipient.to_owned());
                }
            }
        }
        match (is_true(text("DISABLE_ENCRYPTION")), recipients.recipient.is_empty()) {
            (true, true) => recipients.no_encrypt = true,
            // The safe reading: what is encrypted to the operator's own key is not lost.
            (true, false) => notes.push(
                "DISABLE_ENCRYPTION is set, and a public key too: the backup is encrypted to that key".to_owned(),
            ),
            _ => {}
        }
    }
    notes
}

/// Its objects lie under the prefix, or under the cluster's name.
pub(crate) fn fill_destination(
    now: &mut Now,
    cluster: &str,
    variable: impl Fn(&str) -> Option<String>,
) {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let Some(bucket) = text("BUCKET").filter(|_| now.destinations.is_empty()) else {
        return;
    };
    let prefix = text("S3_PREFIX").unwrap_or_else(|| cluster.to_owned());
    now.destinations = vec![format!("s3://{bucket}/{prefix}")];
    if now.compress.is_none() && !is_true(text("ENABLE_COMPRESSION")) {
        now.compress = Some(Compression::None.to_string());
    }
}

/// It takes endpoints without a scheme, and means HTTPS.
fn with_scheme(endpoint: String) -> String {
    if endpoint.contains("://") {
        endpoint
    } else {
        format!("https://{endpoint}")
    }
}

/// It knows `true`; other tools' charts write it in other ways.
fn is_true(value: Option<String>) -> bool {
    value.is_some_and(|value| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "1" | "t" | "yes"
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Etcdbackup, Verb};

    fn filled(arguments: &[&str], variables: &[(&str, &str)]) -> (Now, Vec<String>) {
        let Verb::Now(mut now) = Etcdbackup::try_parse_from(arguments).unwrap().verb else {
            panic!("not now")
        };
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let notes = fill(&mut now, variable);
        let cluster = now
            .cluster_name
            .clone()
            .unwrap_or_else(|| "context".to_owned());
        fill_destination(&mut now, &cluster, variable);
        (*now, notes)
    }

    const BARE: [&str; 2] = ["kubectl-etcdbackup", "now"];

    #[test]
    fn its_sample_environment_becomes_a_destination() {
        let (now, notes) = filled(
            &BARE,
            &[
                ("BUCKET", "b"),
                ("CLUSTER_NAME", "c"),
                ("AGE_X25519_PUBLIC_KEY", "age1x"),
                ("CUSTOM_S3_ENDPOINT", "http://e"),
                ("USE_PATH_STYLE", "true"),
            ],
        );
        assert_eq!(now.destinations, ["s3://b/c"]);
        assert_eq!(now.recipients.recipient, ["age1x"]);
        assert_eq!(now.compress.as_deref(), Some("none"));
        assert_eq!(now.store.s3_endpoint.as_deref(), Some("http://e"));
        assert!(matches!(now.store.s3_path_style, PathStyleFlag::Path));
        assert!(notes.is_empty());
    }

    #[test]
    fn names_and_endpoints_are_completed_as_it_does() {
        let (now, _) = filled(&BARE, &[("BUCKET", "b"), ("CUSTOM_S3_ENDPOINT", "e:9000")]);
        assert_eq!(now.destinations, ["s3://b/context"]);
        assert_eq!(now.store.s3_endpoint.as_deref(), Some("https://e:9000"));
        let (now, _) = filled(
            &BARE,
            &[("BUCKET", "b"), ("S3_PREFIX", "p/"), ("CLUSTER_NAME", "c")],
        );
        assert_eq!(now.destinations, ["s3://b/p/"]);
    }

    #[test]
    fn both_names_of_the_key_hold_lists_and_are_joined() {
        let (now, _) = filled(
            &BARE,
            &[
                ("BUCKET", "b"),
                ("AGE_RECIPIENT_PUBLIC_KEY", "age1a, age1b"),
                ("AGE_X25519_PUBLIC_KEY", "age1a"),
            ],
        );
        assert_eq!(now.recipients.recipient, ["age1a", "age1b"]);
    }

    #[test]
    fn flags_win_and_encryption_goes_off_only_when_said() {
        let (now, _) = filled(
            &["kubectl-etcdbackup", "now", "s3://mine/p", "-r", "age1mine"],
            &[
                ("BUCKET", "b"),
                ("DISABLE_ENCRYPTION", "true"),
                ("AGE_X25519_PUBLIC_KEY", "age1x"),
            ],
        );
        assert_eq!(now.destinations, ["s3://mine/p"]);
        assert_eq!(now.recipients.recipient, ["age1mine"]);
        assert!(!now.recipients.no_encrypt);
        let off = ("DISABLE_ENCRYPTION", "true");
        let (now, _) = filled(
            &BARE,
            &[("BUCKET", "b"), off, ("ENABLE_COMPRESSION", "true")],
        );
        assert!(now.recipients.no_encrypt);
        assert_eq!(now.compress, None);
        let (now, notes) = filled(
            &BARE,
            &[("BUCKET", "b"), off, ("AGE_X25519_PUBLIC_KEY", "age1x")],
        );
        assert!(!now.recipients.no_encrypt);
        assert!(notes[0].contains("encrypted to that key"), "{notes:?}");
    }

    #[test]
    fn its_name_is_a_sub_command() {
        let words = |line: &[&str]| {
            let line = line.iter().map(OsString::from).collect();
            arguments(line)
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(&["/talos-backup"]),
            ["/talos-backup", "now", "--direct"]
        );
        assert_eq!(
            words(&["/talos-backup", "-v"]),
            ["/talos-backup", "now", "--direct", "-v"]
        );
        for kept in [
            &["/talos-backup", "list"][..],
            &["/talos-backup", "--version"],
            &["kubectl-etcdbackup"],
        ] {
            assert_eq!(words(kept), kept);
        }
    }
}
