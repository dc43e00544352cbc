//! What a configuration's keys make of a whole snapshot, counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::authority::{AuthorityVerdict, certificates};
use super::keyring::{Keyring, Opening, Place};
use super::sealed::Sealed;
use crate::snapshot::kubernetes::{Key, ObjectKey, Value, decode};

/// Names shown of what cannot be read.
const EXAMPLES: usize = 3;
/// Distinct labels kept; a snapshot has a handful.
const LABELS: usize = 1000;
/// The ConfigMap every namespace has: the CA pods trust.
const ROOT_CA: ObjectKey<'static> = ObjectKey {
    group: "",
    resource: "configmaps",
    namespace: Some("kube-system"),
    name: "kube-root-ca.crt",
};

/// How values of one resource are stored: `secrets` as `secretbox:key2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// As `secrets`, `deployments.apps`; empty: of no known resource.
    pub resource: String,
    /// `plaintext`, or provider and key name.
    pub encryption: String,
}

/// What became of a group's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Values.
    pub total: u64,
    /// The API server with this configuration reads them.
    pub opened: u64,
    /// A key fits, under another name, provider or resource.
    pub misplaced: u64,
    /// They open, and hold another object than their key says.
    pub foreign: u64,
    /// No key opens them.
    pub no_key: u64,
    /// Unencrypted, where the configuration has no `identity` provider.
    pub plain_refused: u64,
    /// Their key lies in a service.
    pub kms: u64,
    /// Of a provider this program does not know.
    pub unknown: u64,
}

impl Counts {
    /// How many the API server with this configuration cannot read, as far as can be told
    /// without the services.
    pub fn unreadable(&self) -> u64 {
        self.misplaced + self.foreign + self.no_key + self.plain_refused + self.unknown
    }

    fn add(&mut self, opening: &Opening) {
        self.total += 1;
        *match opening {
            Opening::Opened(_) => &mut self.opened,
            Opening::Misplaced { .. } => &mut self.misplaced,
            Opening::Foreign => &mut self.foreign,
            Opening::NoKey => &mut self.no_key,
            Opening::Kms => &mut self.kms,
            Opening::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// One group of values.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Objects as they are now.
    pub live: Counts,
    /// Older revisions, not compacted yet.
    pub historic: Counts,
    /// Where the configuration has the key that fits.
    pub fits: BTreeSet<String>,
    /// The services' ids of the keys.
    pub kms_keys: BTreeSet<String>,
    /// Some live objects that cannot be read.
    pub examples: Vec<String>,
}

/// All groups of a snapshot.
#[derive(Debug)]
pub struct KeysReport<'a> {
    keyring: &'a Keyring,
    tallies: BTreeMap<Stored, Tally>,
    root_ca: Vec<Vec<u8>>,
}

impl<'a> KeysReport<'a> {
    /// Of these keys, before any value.
    pub fn new(keyring: &'a Keyring) -> Self {
        Self {
            keyring,
            tallies: BTreeMap::new(),
            root_ca: Vec::new(),
        }
    }

    /// Takes a value in; `live`: it is the newest of its key.
    pub fn see(&mut self, place: Place<'_>, value: &[u8], live: bool) {
        let resource = match place.key {
            Key::Object(object) => object.full_resource(),
            _ => String::new(),
        };
        let sealed = Sealed::parse(value);
        let opening = sealed
            .as_ref()
            .map(|sealed| self.keyring.open(place, sealed));
        if live && place.key == Key::Object(ROOT_CA) {
            self.root_ca = root_ca(opening.as_ref().map_or(Some(value), Opening::plain));
        }
        if sealed.is_none() && !self.is_watched(place.key, &resource) {
            return;
        }
        let encryption = sealed
            .as_ref()
            .map_or_else(|| "plaintext".to_owned(), Sealed::label);
        let plain_read = self.keyring.reads_plain(&resource);
        let Some(tally) = self.tally(Stored {
            resource,
            encryption,
        }) else {
            return;
        };
        let counts = if live {
            &mut tally.live
        } else {
            &mut tally.historic
        };
        let before = counts.unreadable();
        match &opening {
            Some(opening) => counts.add(opening),
            None => {
                counts.total += 1;
                *if plain_read {
                    &mut counts.opened
                } else {
                    &mut counts.plain_refused
                } += 1;
            }
        }
        let unreadable = counts.unreadable() > before;
        if let Some(Opening::Misplaced { at, .. }) = &opening {
            tally.fits.insert(at.clone());
        }
        if let Some(id) = sealed
            .and_then(|sealed| sealed.kms_key_id())
            .filter(|_| tally.kms_keys.len() < EXAMPLES)
        {
            tally.kms_keys.insert(id.to_owned());
        }
        if live && unreadable && tally.examples.len() < EXAMPLES {
            tally
                .examples
                .push(String::from_utf8_lossy(place.etcd_key).into_owned());
        }
    }

    /// Unencrypted values count where the configuration encrypts, and Secrets always.
    fn is_watched(&self, key: Key<'_>, resource: &str) -> bool {
        matches!(key, Key::Object(object) if object.is_secret() || self.keyring.encrypts(resource))
    }

    /// A file made to fill memory with labels gets one for the rest.
    fn tally(&mut self, stored: Stored) -> Option<&mut Tally> {
        let full = self.tallies.len() >= LABELS && !self.tallies.contains_key(&stored);
        let stored = if full {
            Stored {
                resource: String::new(),
                encryption: "others".to_owned(),
            }
        } else {
            stored
        };
        Some(self.tallies.entry(stored).or_default())
    }

    /// The groups by resource and encryption.
    pub fn tallies(&self) -> &BTreeMap<Stored, Tally> {
        &self.tallies
    }

    /// Live values that the API server with this configuration could not read.
    pub fn unreadable(&self) -> u64 {
        self.tallies
            .values()
            .map(|tally| tally.live.unreadable())
            .sum()
    }

    /// Live values whose key lies in a service.
    pub fn in_services(&self) -> u64 {
        self.tallies.values().map(|tally| tally.live.kms).sum()
    }

    /// Whether the cluster's CA is the configuration's.
    pub fn authority(&self) -> AuthorityVerdict {
        AuthorityVerdict::of(&self.root_ca, &self.keyring.authorities)
    }
}

fn root_ca(value: Option<&[u8]>) -> Vec<Vec<u8>> {
    let object = value.and_then(|value| decode(&Value::parse(value)).ok());
    let pem = object
        .as_ref()
        .and_then(|object| object.pointer("/data/ca.crt")?.as_str());
    pem.map(certificates).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::encryption::cipher::vectors::{ETCD_KEY, aescbc, plain, secretbox};
    use crate::snapshot::encryption::parse_keys;
    use crate::snapshot::kubernetes::Grammar;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn report<'a>(keyring: &'a Keyring, values: &[(Vec<u8>, bool)]) -> KeysReport<'a> {
        let grammar = Grammar::default();
        let mut report = KeysReport::new(keyring);
        for (value, live) in values {
            report.see(
                Place {
                    etcd_key: ETCD_KEY,
                    key: grammar.parse(ETCD_KEY),
                },
                value,
                *live,
            );
        }
        report
    }

    fn counts<'a>(report: &'a KeysReport<'_>, encryption: &str) -> &'a Tally {
        let stored = Stored {
            resource: "secrets".into(),
            encryption: encryption.into(),
        };
        &report.tallies()[&stored]
    }

    #[test]
    fn live_and_historic_values_are_counted_apart() {
        let ring = parse_keys(
            &format!("version: v1alpha1\ncluster:\n  secretboxEncryptionSecret: {KEY}\n"),
            "c",
        )
        .unwrap();
        let report = report(
            &ring,
            &[
                (secretbox(), true),
                (aescbc(), false),
                (plain(), true),
                (plain(), false),
            ],
        );
        assert_eq!(counts(&report, "secretbox:key2").live.opened, 1);
        // The same bytes are configured as a secretbox key only: not a key of aescbc's name,
        // and yet it fits.
        let aescbc = counts(&report, "aescbc:key1");
        assert_eq!((aescbc.live.total, aescbc.historic.misplaced), (0, 1));
        assert_eq!(
            aescbc.fits.first().map(String::as_str),
            Some("secretbox:key2")
        );
        let plaintext = counts(&report, "plaintext");
        assert_eq!((plaintext.live.opened, plaintext.historic.opened), (1, 1));
        assert_eq!(
            (report.unreadable(), report.authority()),
            (0, AuthorityVerdict::NotInConfig)
        );
    }

    #[test]
    fn without_identity_plain_secrets_are_unreadable() {
        let text = format!(
            "kind: KubeEtcdEncryptionConfig\nconfig:\n  resources:\n  - resources: [secrets]\n    providers:\n    - secretbox: {{keys: [{{name: key2, secret: {KEY}}}]}}\n"
        );
        let ring = parse_keys(&text, "c").unwrap();
        let report = report(&ring, &[(plain(), true)]);
        assert_eq!(
            (
                counts(&report, "plaintext").live.plain_refused,
                report.unreadable()
            ),
            (1, 1)
        );
        assert_eq!(
            counts(&report, "plaintext").examples,
            ["/registry/secrets/default/demo"]
        );
    }
}
