//! The head of an encrypted value: `k8s:enc:`, provider, version, key name.

use std::fmt;

use crate::snapshot::protobuf::{Fields, Value as Wire};

/// What the API server keeps for itself: nothing else may begin so.
const RESERVED: &[u8] = b"k8s:enc:";
/// A key name longer than this is no name.
const NAME_BYTES: usize = 253;

/// How a value is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// XSalsa20-Poly1305.
    Secretbox,
    /// AES-CBC, without integrity.
    AesCbc,
    /// AES-GCM, bound to the key in etcd.
    AesGcm,
    /// A key management service, version 1.
    KmsV1,
    /// A key management service, version 2.
    KmsV2,
    /// Encrypted by something this program does not know.
    Unknown,
}

impl Provider {
    const ALL: [(Self, &'static [u8]); 5] = [
        (Self::Secretbox, b"secretbox:v1:"),
        (Self::AesCbc, b"aescbc:v1:"),
        (Self::AesGcm, b"aesgcm:v1:"),
        (Self::KmsV1, b"kms:v1:"),
        (Self::KmsV2, b"kms:v2:"),
    ];

    /// As the API server's configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secretbox => "secretbox",
            Self::AesCbc => "aescbc",
            Self::AesGcm => "aesgcm",
            Self::KmsV1 => "kms v1",
            Self::KmsV2 => "kms v2",
            Self::Unknown => "unknown provider",
        }
    }

    /// Whether its keys lie in a service, not in a configuration.
    pub fn is_kms(self) -> bool {
        matches!(self, Self::KmsV1 | Self::KmsV2)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An encrypted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// How it is encrypted.
    pub provider: Provider,
    /// Key name, `:` and payload.
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the head; none: not encrypted.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let rest = value.strip_prefix(RESERVED)?;
        let known = Provider::ALL.iter().find_map(|(provider, prefix)| {
            Some(Self {
                provider: *provider,
                body: rest.strip_prefix(*prefix)?,
            })
        });
        Some(known.unwrap_or(Self {
            provider: Provider::Unknown,
            body: rest,
        }))
    }

    /// The key's name (for a service, the provider's): what stands before the next `:`.
    pub fn key_name(&self) -> Option<&'a str> {
        let end = self
            .body
            .iter()
            .take(NAME_BYTES + 1)
            .position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&self.body[..end]).ok()?;
        let sane = !name.is_empty() && !name.chars().any(char::is_control);
        sane.then_some(name)
    }

    /// What is behind the key's name, taken as one without `:`.
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.payload_of(self.key_name()?)
    }

    /// What is behind this key name, as the API server looks for it; none: another name.
    pub fn payload_of(&self, name: &str) -> Option<&'a [u8]> {
        self.body.strip_prefix(name.as_bytes())?.strip_prefix(b":")
    }

    /// `secretbox:key2`, as reports call it.
    pub fn label(&self) -> String {
        match (self.provider, self.key_name()) {
            (Provider::Unknown, _) | (_, None) => self.provider.name().to_owned(),
            (provider, Some(name)) => format!("{provider}:{name}"),
        }
    }

    /// The service's id of the key (kms v2).
    pub fn kms_key_id(&self) -> Option<&'a str> {
        if self.provider != Provider::KmsV2 {
            return None;
        }
        let id = Fields::new(self.payload()?).find_map(|field| match field {
            Ok((2, Wire::Bytes(id))) => std::str::from_utf8(id).ok(),
            _ => None,
        });
        id.filter(|id| !id.chars().any(char::is_control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn heads_are_read_and_what_is_not_known_is_still_encrypted() {
        let cases: [(&[u8], Provider, Option<&str>, &str); 8] = [
            (
                b"k8s:enc:secretbox:v1:key2:abc",
                Provider::Secretbox,
                Some("key2"),
                "secretbox:key2",
            ),
            (
                b"k8s:enc:aescbc:v1:key1:abc",
                Provider::AesCbc,
                Some("key1"),
                "aescbc:key1",
            ),
            (
                b"k8s:enc:aesgcm:v1:a:b",
                Provider::AesGcm,
                Some("a"),
                "aesgcm:a",
            ),
            (
                b"k8s:enc:kms:v1:vault:b",
                Provider::KmsV1,
                Some("vault"),
                "kms v1:vault",
            ),
            (
                b"k8s:enc:kms:v2:vault:\x12\x02id",
                Provider::KmsV2,
                Some("vault"),
                "kms v2:vault",
            ),
            (
                b"k8s:enc:rot13:v1:key1:x",
                Provider::Unknown,
                Some("rot13"),
                "unknown provider",
            ),
            (
                b"k8s:enc:secretbox:v1:no end",
                Provider::Secretbox,
                None,
                "secretbox",
            ),
            (b"k8s:enc:", Provider::Unknown, None, "unknown provider"),
        ];
        for (value, provider, name, label) in cases {
            let sealed = Sealed::parse(value).unwrap();
            assert_eq!(
                (sealed.provider, sealed.key_name(), sealed.label().as_str()),
                (provider, name, label)
            );
        }
        assert_eq!(
            Sealed::parse(b"k8s:enc:kms:v2:vault:\x12\x02id")
                .unwrap()
                .kms_key_id(),
            Some("id")
        );
        assert_eq!(Sealed::parse(b"k8s\0"), None);
    }

    #[test]
    fn a_name_may_hold_a_colon_where_the_configuration_says_so() {
        let sealed = Sealed::parse(b"k8s:enc:aescbc:v1:a:b:payload").unwrap();
        assert_eq!(sealed.key_name(), Some("a"));
        assert_eq!(sealed.payload_of("a:b"), Some(&b"payload"[..]));
        assert_eq!(sealed.payload_of("b"), None);
    }

    proptest! {
        #[test]
        fn any_value_is_read(tail in prop::collection::vec(any::<u8>(), 0..60), provider in 0..6usize) {
            let mut value = RESERVED.to_vec();
            value.extend(Provider::ALL.get(provider).map_or(&b""[..], |(_, prefix)| *prefix));
            value.extend(tail);
            let sealed = Sealed::parse(&value).unwrap();
            let _any = (sealed.label(), sealed.payload(), sealed.kms_key_id());
        }
    }
}
