//! What the pod is told, and what is public in it: destinations, recipients, the cluster's name.

use serde_json::{Map, json};

use super::document::Document;
use super::{Installation, names};
use crate::store::Destination;

/// Where backups go, and who can open them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Destinations.
    pub destinations: Vec<Destination>,
    /// age recipients, without comments.
    pub recipients: Vec<String>,
    /// S3 endpoint; none: AWS.
    pub s3_endpoint: Option<String>,
    /// S3 region.
    pub s3_region: Option<String>,
    /// `path` or `virtual`; none: decided by the endpoint.
    pub s3_path_style: Option<String>,
    /// CAs to trust besides the image's, as PEM.
    pub s3_ca: Option<String>,
    /// Pushgateway that metrics are pushed to.
    pub pushgateway: Option<String>,
    /// Any other variable of ours that shall be set, with its value.
    pub more: Vec<(String, String)>,
}

/// The key with the CAs; every other key is a variable.
pub(super) const CA_KEY: &str = "ca.pem";
/// Where the pod finds it.
pub(super) const CA_FOLDER: &str = "/etc/etcdbackup";
/// The ConfigMap with it: not part of the environment.
pub(super) const CA_CONFIG_MAP: &str = "etcdbackup-ca";

const NOTE: &str = "Where backups go, and who can open them: read by the pod as its environment, and by\n`kubectl etcdbackup` where nothing else says it. Nothing in it is secret.";
const UNFILLED: &str = "\nFill in destination (s3://BUCKET/PREFIX), cluster name and recipients (one `age1…` or\n`ssh-ed25519 …` a line), and the endpoint unless it is AWS. Until then each run ends with\nexit code 2 and says what is missing.";

/// The ConfigMap.
pub(super) fn config_map(installation: &Installation) -> Document {
    let settings = &installation.settings;
    let destinations: Vec<String> = settings
        .destinations
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut data = Map::new();
    let mut set = |name: &str, value: String| data.insert(name.to_owned(), value.into());
    set("ETCDBACKUP_CLUSTER_NAME", installation.cluster.clone());
    set("ETCDBACKUP_DESTINATION", destinations.join(" "));
    if !installation.unencrypted {
        set("ETCDBACKUP_RECIPIENTS", settings.recipients.join("\n"));
    }
    let optional = [
        ("ETCDBACKUP_S3_ENDPOINT", &settings.s3_endpoint),
        ("ETCDBACKUP_S3_REGION", &settings.s3_region),
        ("ETCDBACKUP_S3_PATH_STYLE", &settings.s3_path_style),
    ];
    for (name, value) in optional {
        // Open ones are shown where they shall be filled in.
        let shown = value
            .clone()
            .or_else(|| installation.unfilled.then(String::new));
        shown.into_iter().for_each(|value| drop(set(name, value)));
    }
    if settings.s3_ca.is_some() {
        set("ETCDBACKUP_S3_CA_FILE", format!("{CA_FOLDER}/{CA_KEY}"));
    }
    if let Some(gateway) = &settings.pushgateway {
        set("ETCDBACKUP_PUSHGATEWAY", gateway.clone());
    }
    for (name, value) in &settings.more {
        set(name, value.clone());
    }
    let note = if installation.unfilled {
        NOTE.to_owned() + UNFILLED
    } else {
        NOTE.to_owned()
    };
    Document::object(
        "configmap.yaml",
        &note,
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": names::metadata(installation, names::NAME),
            "data": data,
        }),
    )
}

/// The CAs, where some were given.
pub(super) fn ca(installation: &Installation) -> Option<Document> {
    let pem = installation.settings.s3_ca.as_ref()?;
    Some(Document::object(
        "configmap-ca.yaml",
        "Certificate authorities that the store is trusted by, besides those of the image.",
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": names::metadata(installation, CA_CONFIG_MAP),
            "data": { CA_KEY: pem },
        }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;

    #[test]
    fn what_is_said_is_in_it_and_nothing_else() {
        let map = config_map(&installation());
        let data = map.value["data"].as_object().unwrap();
        let keys: Vec<&String> = data.keys().collect();
        assert_eq!(
            keys,
            [
                "ETCDBACKUP_CLUSTER_NAME",
                "ETCDBACKUP_DESTINATION",
                "ETCDBACKUP_RECIPIENTS",
                "ETCDBACKUP_S3_ENDPOINT"
            ]
        );
        assert_eq!(data["ETCDBACKUP_DESTINATION"], "s3://backups/prod");
    }

    #[test]
    fn what_is_open_is_shown_empty() {
        let open = Installation {
            unfilled: true,
            settings: Settings::default(),
            ..installation()
        };
        let map = config_map(&open);
        assert_eq!(map.value["data"]["ETCDBACKUP_DESTINATION"], "");
        assert_eq!(map.value["data"]["ETCDBACKUP_S3_REGION"], "");
        assert!(map.note.contains("Fill in"));
        assert!(ca(&open).is_none());
    }
}
