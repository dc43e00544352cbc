//! The parts of machine configs and secrets bundles that say how Secrets are encrypted and
//! which CA signs for the API server. Everything else in them is passed over.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Text that leaves memory when dropped and shows nowhere.
#[derive(Default, Clone)]
pub struct Hidden(pub(super) Zeroizing<String>);

impl Hidden {
    /// What it hides.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

/// What tells the kinds of documents apart.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Head {
    pub(super) kind: String,
    pub(super) version: String,
}

/// `version: v1alpha1`: the document every Talos reads.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Machine {
    pub(super) machine: MachinePart,
    pub(super) cluster: ClusterPart,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct MachinePart {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClusterPart {
    pub(super) secretbox_encryption_secret: Hidden,
    pub(super) aescbc_encryption_secret: Hidden,
    pub(super) ca: Certificate,
    #[serde(rename = "acceptedCAs")]
    pub(super) accepted_cas: Vec<Certificate>,
}

/// A certificate: base64 of PEM in `crt`, or PEM in `cert`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Certificate {
    pub(super) crt: String,
    pub(super) cert: String,
}

/// `kind: KubeAPIServerCAConfig`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AuthorityDocument {
    #[serde(rename = "issuingCA")]
    pub(super) issuing: Certificate,
    #[serde(rename = "acceptedCAs")]
    pub(super) accepted: Vec<Accepted>,
}

/// A bare PEM, or one in a field.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Accepted {
    Pem(String),
    Field(Certificate),
}

/// `kind: KubeEtcdEncryptionConfig`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct EncryptionDocument {
    pub(super) config: Encryption,
}

/// Kubernetes' `EncryptionConfiguration`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Encryption {
    pub(super) resources: Vec<Resources>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) resources: Vec<String>,
    pub(super) providers: Vec<ProviderPart>,
}

/// One of these is set.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ProviderPart {
    pub(super) secretbox: Option<Keys>,
    pub(super) aescbc: Option<Keys>,
    pub(super) aesgcm: Option<Keys>,
    pub(super) kms: Option<Kms>,
    pub(super) identity: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) secret: Hidden,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Kms {
    pub(super) name: String,
}

/// `talosctl gen secrets`: a bundle.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Bundle {
    pub(super) secrets: BundleSecrets,
    pub(super) certs: BundleCertificates,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct BundleSecrets {
    pub(super) secretboxencryptionsecret: Hidden,
    pub(super) aescbcencryptionsecret: Hidden,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct BundleCertificates {
    pub(super) k8s: Certificate,
}
