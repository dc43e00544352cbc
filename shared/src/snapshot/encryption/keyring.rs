//! The keys of a configuration, and what they make of a value.

use std::fmt;

use zeroize::Zeroizing;

use super::authority::fingerprint;
use super::cipher::{Plain, decrypt, fits};
use super::sealed::{Provider, Sealed};
use crate::snapshot::kubernetes::{Key, Value};

/// Everything a configuration says about encryption at rest, in its order.
#[derive(Debug, Default)]
pub struct Keyring {
    pub(super) rules: Vec<Rule>,
    /// DER of the CAs that the configuration trusts for the API server, its own first.
    pub(super) authorities: Vec<Vec<u8>>,
}

/// Which resources are written and read by which providers.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) resources: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

/// A provider of a configuration.
#[derive(Debug)]
pub(super) enum Entry {
    /// Unencrypted values may be read.
    Identity,
    /// One key.
    Key(NamedKey),
    /// A service holds the keys.
    Kms(String),
}

/// Key material with its place in the configuration.
pub(super) struct NamedKey {
    pub(super) provider: Provider,
    pub(super) name: String,
    pub(super) material: Zeroizing<Vec<u8>>,
}

impl NamedKey {
    fn label(&self) -> String {
        format!("{}:{}", self.provider, self.name)
    }
}

/// Never shows the material.
impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())
    }
}

/// What a keyring makes of an encrypted value.
#[derive(Debug)]
pub enum Opening {
    /// The API server with this configuration opens it, and finds this.
    Opened(Plain),
    /// A key fits, but under another name, provider or resource than the value asks for: the
    /// API server with this configuration cannot read it.
    Misplaced {
        /// Where the configuration has the key, as `secretbox:key1`.
        at: String,
        /// What it finds.
        plain: Plain,
    },
    /// It opens, and holds another object than its place says.
    Foreign,
    /// No key of the configuration opens it.
    NoKey,
    /// Its key lies in a service.
    Kms,
    /// Encrypted by a provider this program does not know.
    Unknown,
}

impl Opening {
    /// The decrypted bytes, where any key fits.
    pub fn plain(&self) -> Option<&[u8]> {
        match self {
            Self::Opened(plain) | Self::Misplaced { plain, .. } => Some(plain),
            _ => None,
        }
    }
}

/// Where a value lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The key in etcd.
    pub etcd_key: &'a [u8],
    /// What the key stands for.
    pub key: Key<'a>,
}

impl Keyring {
    /// Number of keys.
    pub fn keys(&self) -> usize {
        self.named_keys().count()
    }

    /// `secretbox:key2`, … in the configuration's order.
    pub fn labels(&self) -> Vec<String> {
        self.named_keys().map(NamedKey::label).collect()
    }

    /// The same with a fingerprint of each key, to compare two configurations.
    pub fn fingerprints(&self) -> Vec<String> {
        self.named_keys()
            .map(|key| format!("{} {}", key.label(), fingerprint(&key.material)))
            .collect()
    }

    /// Services that the configuration names.
    pub fn services(&self) -> Vec<&str> {
        let entries = self.rules.iter().flat_map(|rule| &rule.entries);
        let services = entries.filter_map(|entry| match entry {
            Entry::Kms(name) => Some(name.as_str()),
            _ => None,
        });
        services.collect()
    }

    fn named_keys(&self) -> impl Iterator<Item = &NamedKey> {
        self.rules.iter().flat_map(Rule::keys)
    }

    /// The rule for a resource such as `secrets` or `deployments.apps`: the first that covers
    /// it, as the API server chooses.
    fn rule(&self, resource: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            rule.resources
                .iter()
                .any(|pattern| covers(pattern, resource))
        })
    }

    /// Whether values of this resource are to be encrypted.
    pub fn encrypts(&self, resource: &str) -> bool {
        self.rule(resource)
            .is_some_and(|rule| !matches!(rule.entries.first(), Some(Entry::Identity) | None))
    }

    /// Whether an unencrypted value of this resource can be read.
    pub fn reads_plain(&self, resource: &str) -> bool {
        self.rule(resource).is_none_or(|rule| {
            rule.entries
                .iter()
                .any(|entry| matches!(entry, Entry::Identity))
        })
    }

    /// Opens a value as the API server would; where it could not, says whether another key of
    /// the configuration does.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed<'_>) -> Opening {
        match sealed.provider {
            Provider::KmsV1 | Provider::KmsV2 => return Opening::Kms,
            Provider::Unknown => return Opening::Unknown,
            Provider::Secretbox | Provider::AesCbc | Provider::AesGcm => {}
        }
        let resource = match place.key {
            Key::Object(object) => object.full_resource(),
            _ => String::new(),
        };
        let mut foreign = false;
        for key in self.rule(&resource).into_iter().flat_map(Rule::keys) {
            match attempt(
                key,
                place,
                sealed,
                key.provider == sealed.provider,
                sealed.payload_of(&key.name),
            ) {
                Some(Attempt::Object(plain)) => return Opening::Opened(plain),
                Some(Attempt::Foreign) => foreign = true,
                None => {}
            }
        }
        for key in self.named_keys() {
            match attempt(key, place, sealed, true, sealed.payload()) {
                Some(Attempt::Object(plain)) => {
                    return Opening::Misplaced {
                        at: key.label(),
                        plain,
                    };
                }
                Some(Attempt::Foreign) => foreign = true,
                None => {}
            }
        }
        if foreign {
            Opening::Foreign
        } else {
            Opening::NoKey
        }
    }
}

enum Attempt {
    Object(Plain),
    Foreign,
}

fn attempt(
    key: &NamedKey,
    place: Place<'_>,
    sealed: &Sealed<'_>,
    same_provider: bool,
    payload: Option<&[u8]>,
) -> Option<Attempt> {
    if !same_provider || !fits(sealed.provider, key.material.len()) {
        return None;
    }
    let plain = decrypt(sealed.provider, &key.material, payload?, place.etcd_key)?;
    match belongs(&plain, place.key) {
        Some(true) => Some(Attempt::Object(plain)),
        Some(false) => Some(Attempt::Foreign),
        None => None,
    }
}

/// Whether the bytes are the object their place says; none: no object at all, as a wrong key
/// of aescbc leaves.
fn belongs(plain: &[u8], key: Key<'_>) -> Option<bool> {
    let value = Value::parse(plain);
    if !value.is_object() {
        return None;
    }
    let (Key::Object(object), Some(head)) = (key, value.head()) else {
        return Some(true);
    };
    Some(
        head.metadata.name == object.name
            && head.metadata.namespace == object.namespace.unwrap_or_default(),
    )
}

impl Rule {
    fn keys(&self) -> impl Iterator<Item = &NamedKey> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Key(key) => Some(key),
            _ => None,
        })
    }
}

/// `secrets`, `deployments.apps`, `*.apps`, `*.` (core) and `*.*`.
fn covers(pattern: &str, resource: &str) -> bool {
    let group = resource.split_once('.').map_or("", |(_, group)| group);
    match pattern.strip_prefix("*.") {
        Some("*") => true,
        Some(wanted) => wanted == group,
        None => pattern == resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::encryption::cipher::vectors::{
        ETCD_KEY, KEY, aescbc, aesgcm, plain, secretbox,
    };
    use crate::snapshot::kubernetes::Grammar;

    fn key(provider: Provider, name: &str, material: &[u8]) -> Entry {
        Entry::Key(NamedKey {
            provider,
            name: name.into(),
            material: Zeroizing::new(material.to_vec()),
        })
    }

    fn ring(resources: &[&str], entries: Vec<Entry>) -> Keyring {
        let resources = resources
            .iter()
            .map(|resource| (*resource).to_owned())
            .collect();
        Keyring {
            rules: vec![Rule { resources, entries }],
            authorities: Vec::new(),
        }
    }

    fn open(ring: &Keyring, etcd_key: &[u8], value: &[u8]) -> Opening {
        let grammar = Grammar::default();
        let place = Place {
            etcd_key,
            key: grammar.parse(etcd_key),
        };
        ring.open(place, &Sealed::parse(value).unwrap())
    }

    #[test]
    fn the_right_key_under_its_name_opens() {
        let ring = ring(
            &["secrets"],
            vec![
                key(Provider::Secretbox, "key2", &KEY),
                key(Provider::AesCbc, "key1", &KEY),
                key(Provider::AesGcm, "key1", &KEY),
            ],
        );
        for value in [secretbox(), aescbc(), aesgcm()] {
            let opening = open(&ring, ETCD_KEY, &value);
            assert!(matches!(opening, Opening::Opened(_)), "{opening:?}");
            assert_eq!(opening.plain(), Some(&plain()[..]));
        }
    }

    #[test]
    fn the_right_key_elsewhere_is_told_apart_from_a_wrong_key() {
        let misplaced = [
            ring(&["secrets"], vec![key(Provider::Secretbox, "key1", &KEY)]),
            ring(&["secrets"], vec![key(Provider::AesCbc, "key2", &KEY)]),
            ring(
                &["configmaps"],
                vec![key(Provider::Secretbox, "key2", &KEY)],
            ),
        ];
        for ring in &misplaced {
            let opening = open(ring, ETCD_KEY, &secretbox());
            assert!(matches!(opening, Opening::Misplaced { .. }), "{opening:?}");
        }
        let wrong = ring(
            &["secrets"],
            vec![
                key(Provider::Secretbox, "key2", &[7; 32]),
                key(Provider::AesCbc, "key1", &KEY[..16]),
            ],
        );
        assert!(matches!(
            open(&wrong, ETCD_KEY, &secretbox()),
            Opening::NoKey
        ));
        assert!(matches!(
            open(&Keyring::default(), ETCD_KEY, &secretbox()),
            Opening::NoKey
        ));
    }

    #[test]
    fn a_value_moved_to_another_key_is_said() {
        let ring = ring(&["secrets"], vec![key(Provider::Secretbox, "key2", &KEY)]);
        let opening = open(&ring, b"/registry/secrets/default/other", &secretbox());
        assert!(matches!(opening, Opening::Foreign), "{opening:?}");
    }

    #[test]
    fn services_and_strangers_are_named() {
        let ring = ring(
            &["secrets"],
            vec![Entry::Kms("vault".into()), Entry::Identity],
        );
        assert!(matches!(
            open(&ring, ETCD_KEY, b"k8s:enc:kms:v2:vault:x"),
            Opening::Kms
        ));
        assert!(matches!(
            open(&ring, ETCD_KEY, b"k8s:enc:new:v1:x:y"),
            Opening::Unknown
        ));
        assert_eq!(ring.services(), ["vault"]);
        assert!(ring.encrypts("secrets") && ring.reads_plain("secrets"));
        assert!(!ring.encrypts("configmaps") && ring.reads_plain("configmaps"));
    }

    #[test]
    fn resources_are_covered_as_kubernetes_has_it() {
        for (pattern, resource, expected) in [
            ("secrets", "secrets", true),
            ("secrets", "secrets.example.org", false),
            ("*.", "secrets", true),
            ("*.", "deployments.apps", false),
            ("*.apps", "deployments.apps", true),
            ("*.*", "deployments.apps", true),
            ("*.*", "secrets", true),
            ("deployments.apps", "deployments.apps", true),
        ] {
            assert_eq!(covers(pattern, resource), expected, "{pattern} {resource}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let ring = ring(
            &["secrets"],
            vec![key(Provider::Secretbox, "key2", &[0xab; 32])],
        );
        let shown = format!("{ring:?}");
        assert!(
            shown.contains("secretbox:key2") && !shown.contains("171") && !shown.contains("ab, ab"),
            "{shown}"
        );
    }
}
