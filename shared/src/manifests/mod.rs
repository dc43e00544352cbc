//! What runs the backup in the cluster, as objects: one pure function per kind, from an
//! [`Installation`] that says everything. Nothing here asks a cluster or a store, and nothing
//! here can hold an age identity or a right to delete: what needs those is rendered for another
//! host ([`systemd`], [`ci`]).

mod access;
pub mod ci;
mod config_map;
mod cron_job;
mod document;
mod kustomization;
pub mod lint;
mod monitoring;
pub mod names;
mod network_policy;
mod peer;
mod ping;
mod schedule;
pub mod sealing;
mod secret;
pub mod systemd;
pub mod talos;

use std::time::Duration;

pub use config_map::Settings;
pub use document::{Document, stream};
pub use network_policy::NetworkPolicy;
pub use ping::{Ping, PingUrl, check_pushgateway};
pub use schedule::Schedule;
pub use secret::Keys;

/// Everything that is rendered follows from this.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The namespace it lives in.
    pub namespace: String,
    /// Our name of the cluster, in object names and in labels of metrics; empty: still open.
    pub cluster: String,
    /// Where backups go, and how; recipients.
    pub settings: Settings,
    /// Whether backups are stored in the clear, as the operator said.
    pub unencrypted: bool,
    /// When it runs.
    pub schedule: Schedule,
    /// The zone of the schedule.
    pub time_zone: String,
    /// Whether it is installed without running yet.
    pub suspend: bool,
    /// How long one run may take.
    pub deadline: Duration,
    /// The container image.
    pub image: String,
    /// Whether an Event is written after each run.
    pub event: bool,
    /// Where the S3 credentials come from.
    pub credentials: Credentials,
    /// A URL that is pinged at begin and end.
    pub ping: Option<Ping>,
    /// Whether rules for Prometheus and a dashboard are wanted.
    pub monitoring: bool,
    /// Whether, and for which kind of network, traffic is limited.
    pub network_policy: Option<NetworkPolicy>,
    /// Whether bucket and keys are left open, and with them what is optional.
    pub unfilled: bool,
}

/// Where the S3 credentials of the backup come from.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A Secret of this name that somebody else makes.
    Existing(String),
    /// Keys that were given: a Secret is rendered.
    Given(Keys),
    /// Keys that were given and sealed: a SealedSecret is rendered.
    Sealed(sealing::Sealed),
}

impl Credentials {
    /// Name of the Secret that the pod mounts.
    pub fn secret(&self) -> &str {
        match self {
            Self::Existing(name) => name,
            Self::Given(_) | Self::Sealed(_) => names::S3_SECRET,
        }
    }
}

/// The objects that are applied, in the order in which they are of use.
pub fn objects(installation: &Installation) -> Vec<Document> {
    let mut objects = vec![
        access::namespace(installation),
        access::service_account(installation),
    ];
    if installation.event {
        objects.extend([
            access::role(installation),
            access::role_binding(installation),
        ]);
    }
    objects.push(talos::service_account(installation));
    objects.push(config_map::config_map(installation));
    objects.extend(config_map::ca(installation));
    objects.extend(match &installation.credentials {
        Credentials::Existing(_) => None,
        Credentials::Given(keys) => {
            let file = keys.file();
            Some(secret::secret(installation, secret::S3, file.as_bytes()))
        }
        Credentials::Sealed(sealed) => {
            Some(sealing::sealed_secret(installation, secret::S3, sealed))
        }
    });
    let ping = installation.ping.iter();
    objects.extend(ping.map(|ping| ping.document(installation)));
    objects.push(cron_job::cron_job(installation));
    let policy = installation.network_policy;
    objects.extend(policy.map(|kind| network_policy::policy(installation, kind)));
    if installation.monitoring {
        objects.extend(monitoring::objects(installation));
    }
    objects
}

/// The objects as files, with what kustomize needs around them.
pub fn files(installation: &Installation) -> Vec<Document> {
    let objects = objects(installation);
    let mut files = kustomization::files(installation, &objects);
    files.extend(objects);
    files.extend(talos::patches(installation));
    files
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::store::Destination;

    /// An installation as most are.
    pub(crate) fn installation() -> Installation {
        Installation {
            namespace: names::NAMESPACE.to_owned(),
            cluster: "prod".to_owned(),
            settings: Settings {
                destinations: vec![Destination::parse("s3://backups/prod").unwrap()],
                recipients: vec!["age1example".to_owned()],
                s3_endpoint: Some("https://s3.example.com".to_owned()),
                ..Settings::default()
            },
            unencrypted: false,
            schedule: Schedule::every(Duration::from_secs(6 * 3600), "prod").unwrap(),
            time_zone: "Etc/UTC".to_owned(),
            suspend: false,
            deadline: Duration::from_secs(1800),
            image: "ghcr.io/etcdbackup/etcdbackup:v0.1.0".to_owned(),
            event: false,
            credentials: Credentials::Existing(names::S3_SECRET.to_owned()),
            ping: None,
            monitoring: false,
            network_policy: None,
            unfilled: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identity_no_placeholder_secret_and_no_right_to_delete_is_rendered() {
        let everything = Installation {
            event: true,
            monitoring: true,
            network_policy: Some(NetworkPolicy::Cilium),
            ..samples::installation()
        };
        for document in files(&everything) {
            let text = document.value.to_string();
            for forbidden in [
                "AGE-SECRET-KEY",
                "os:admin",
                "delete",
                "\"patch\"",
                "\"verbs\":[\"*\"]",
            ] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", document.file);
            }
        }
        let kinds: Vec<String> = objects(&everything).iter().map(Document::kind).collect();
        assert!(!kinds.iter().any(|kind| kind == "Secret"), "{kinds:?}");
    }

    #[test]
    fn every_object_has_the_common_labels_and_lives_in_the_namespace() {
        let everything = Installation {
            event: true,
            monitoring: true,
            network_policy: Some(NetworkPolicy::Kubernetes),
            ..samples::installation()
        };
        for object in objects(&everything) {
            let metadata = &object.value["metadata"];
            let labels = metadata["labels"].as_object().unwrap();
            for label in [
                "name",
                "instance",
                "version",
                "component",
                "part-of",
                "managed-by",
            ] {
                let label = format!("app.kubernetes.io/{label}");
                assert!(labels.contains_key(&label), "{}: {label}", object.file);
            }
            let namespaced = object.kind() != "Namespace";
            assert_eq!(
                metadata["namespace"] == names::NAMESPACE,
                namespaced,
                "{}",
                object.file
            );
        }
    }
}
