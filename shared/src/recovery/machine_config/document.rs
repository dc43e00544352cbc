//! The parts of machine config documents that a recovery depends on. Everything else is passed
//! over; images are picked up wherever they stand.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::snapshot::encryption::Hidden;

/// Any document: every kind has some of these fields, and each field one meaning in the kinds
/// that have it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) kind: String,
    pub(super) version: String,
    pub(super) name: String,
    pub(super) hostname: String,
    pub(super) endpoint: String,
    pub(super) cluster_name: String,
    #[serde(rename = "clusterID")]
    pub(super) cluster_id: Hidden,
    pub(super) cluster_secret: Hidden,
    #[serde(rename = "issuingCA")]
    pub(super) issuing: Certificate,
    pub(super) issuer: Issuer,
    pub(super) endpoints: Endpoints,
    pub(super) skip_fallback: bool,
    pub(super) machine: Machine,
    pub(super) cluster: Cluster,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Machine {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ca: Certificate,
    pub(super) network: MachineNetwork,
    pub(super) registries: Registries,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MachineNetwork {
    pub(super) hostname: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Registries {
    pub(super) mirrors: BTreeMap<String, MirrorPart>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MirrorPart {
    pub(super) endpoints: Vec<String>,
    pub(super) skip_fallback: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Cluster {
    pub(super) id: Hidden,
    pub(super) secret: Hidden,
    pub(super) cluster_name: String,
    pub(super) control_plane: ControlPlane,
    pub(super) ca: Certificate,
    #[serde(rename = "aggregatorCA")]
    pub(super) aggregator: Certificate,
    pub(super) etcd: Etcd,
    pub(super) service_account: ServiceAccount,
    pub(super) network: ClusterNetwork,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ControlPlane {
    pub(super) endpoint: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Etcd {
    pub(super) ca: Certificate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ServiceAccount {
    pub(super) key: Hidden,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClusterNetwork {
    pub(super) dns_domain: String,
    pub(super) pod_subnets: Vec<String>,
    pub(super) service_subnets: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Issuer {
    pub(super) private_key: Hidden,
}

/// A certificate: base64 of PEM in `crt`, or PEM in `cert`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Certificate {
    pub(super) crt: String,
    pub(super) cert: String,
}

/// `endpoints` is a list of URLs in a mirror's document, and other things in other kinds.
#[derive(Default)]
pub(super) struct Endpoints(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Endpoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Strings::collect(deserializer, &["url"], &[])?;
        Ok(Self(found))
    }
}

/// Every image of a document, but the installer's, which no boot pulls.
pub(super) struct Images(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Strings::collect(deserializer, &["image"], &["install"])?;
        Ok(Self(found))
    }
}

/// Walks any value and keeps the strings under some keys: nothing else of it is remembered.
struct Strings<'a> {
    wanted: &'static [&'static str],
    passed: &'static [&'static str],
    found: &'a mut Vec<String>,
    /// Whether what comes stands under such a key.
    here: bool,
}

impl Strings<'_> {
    fn collect<'de, D: Deserializer<'de>>(
        deserializer: D,
        wanted: &'static [&'static str],
        passed: &'static [&'static str],
    ) -> Result<Vec<String>, D::Error> {
        let mut found = Vec::new();
        let walk = Strings {
            wanted,
            passed,
            found: &mut found,
            here: false,
        };
        serde::de::DeserializeSeed::deserialize(walk, deserializer)?;
        Ok(found)
    }

    fn under(&mut self, here: bool) -> Strings<'_> {
        Strings {
            wanted: self.wanted,
            passed: self.passed,
            found: self.found,
            here,
        }
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.here && !text.is_empty() {
            self.found.push(text.to_owned());
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let here = self.here;
        while items.next_element_seed(self.under(here))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            if self.passed.contains(&key.as_str()) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            let here = self.wanted.contains(&key.as_str());
            entries.next_value_seed(self.under(here))?;
        }
        Ok(())
    }
}
