//! talos-backup's environment: moving over from it is a change of image.
//!
//! Its variables fill what no flag and no variable of ours said.

use etcdbackup::seal::Compression;

use crate::cli::Now;

/// What is used of the environment; a function so that tests need none of their own.
pub(crate) fn fill(now: &mut Now, variable: impl Fn(&str) -> Option<String>) {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let yes = |name: &str| {
        text(name)
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "t"))
    };
    if now.cluster_name.is_none() {
        now.cluster_name = text("CLUSTER_NAME");
    }
    if let Some(bucket) = text("BUCKET").filter(|_| now.destinations.is_empty()) {
        // Its objects lie under the prefix, or under the cluster's name.
        let prefix = text("S3_PREFIX")
            .or_else(|| now.cluster_name.clone())
            .unwrap_or_default();
        now.destinations = vec![format!("s3://{bucket}/{prefix}")];
        if now.compress.is_none() && !yes("ENABLE_COMPRESSION") {
            now.compress = Some(Compression::None.to_string());
        }
    }
    now.store.s3_endpoint = now
        .store
        .s3_endpoint
        .take()
        .or_else(|| text("CUSTOM_S3_ENDPOINT"));
    now.store.s3_region = now.store.s3_region.take().or_else(|| text("AWS_REGION"));
    if yes("USE_PATH_STYLE") {
        now.store.s3_path_style = etcdbackup::cli::flags::PathStyleFlag::Path;
    }
    if now.recipients.recipient.is_empty() && now.recipients.recipients_file.is_empty() {
        now.recipients
            .recipient
            .extend(text("AGE_X25519_PUBLIC_KEY").or_else(|| text("AGE_RECIPIENT_PUBLIC_KEY")));
        now.recipients.no_encrypt |=
            now.recipients.recipient.is_empty() && yes("DISABLE_ENCRYPTION");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Etcdbackup, Verb};

    fn filled(arguments: &[&str], variables: &[(&str, &str)]) -> Now {
        let Verb::Now(mut now) = Etcdbackup::try_parse_from(arguments).unwrap().verb else {
            panic!("not now")
        };
        fill(&mut now, |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        });
        *now
    }

    #[test]
    fn its_sample_environment_becomes_a_destination() {
        let now = filled(
            &["kubectl-etcdbackup", "now"],
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
    }

    #[test]
    fn flags_win_and_encryption_goes_off_only_when_said() {
        let now = filled(
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
        let now = filled(
            &["kubectl-etcdbackup", "now"],
            &[
                ("BUCKET", "b"),
                ("DISABLE_ENCRYPTION", "true"),
                ("ENABLE_COMPRESSION", "true"),
            ],
        );
        assert!(now.recipients.no_encrypt);
        assert_eq!(now.compress, None);
    }
}
