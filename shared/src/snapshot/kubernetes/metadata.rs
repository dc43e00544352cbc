//! `ObjectMeta`, as far as listings need it, out of protobuf or JSON.
//!
//! Field numbers of `k8s.io/apimachinery/pkg/apis/meta/v1`; every stored kind has its
//! metadata in field 1.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::value::Head;
use crate::snapshot::protobuf::{Fields, Value as Wire};

/// What a listing shows of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name; empty in what is no object of the API.
    pub name: String,
    /// Namespace; empty: cluster scope.
    pub namespace: String,
    /// Unique id.
    pub uid: String,
    /// When it was created.
    #[serde(deserialize_with = "rfc3339")]
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion began.
    #[serde(deserialize_with = "rfc3339")]
    pub deletion_timestamp: Option<Timestamp>,
    /// Labels.
    #[serde(deserialize_with = "null_is_none")]
    pub labels: BTreeMap<String, String>,
    /// Owners.
    #[serde(deserialize_with = "null_is_none")]
    pub owner_references: Vec<Owner>,
}

/// An owner of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// As `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is the one that brings the object back.
    pub controller: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonHead<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    metadata: Metadata,
}

fn null_is_none<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A time no calendar has is none: it must not hide the rest.
fn rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Metadata {
    /// Of an object's message; none where it is no protobuf.
    pub(super) fn from_protobuf(object: &[u8]) -> Option<Self> {
        let mut metadata = Self::default();
        for field in Fields::new(object) {
            if let (1, Wire::Bytes(message)) = field.ok()? {
                metadata.read(message)?;
                break;
            }
        }
        Some(metadata)
    }

    /// Head of an object in JSON.
    pub(super) fn from_json(text: &[u8]) -> Option<Head<'_>> {
        let head: JsonHead<'_> = serde_json::from_slice(text).ok()?;
        Some(Head {
            api_version: head.api_version,
            kind: head.kind,
            metadata: head.metadata,
        })
    }

    fn read(&mut self, message: &[u8]) -> Option<()> {
        for field in Fields::new(message) {
            let (number, Wire::Bytes(bytes)) = field.ok()? else {
                continue;
            };
            match number {
                1 => self.name = text(bytes)?,
                3 => self.namespace = text(bytes)?,
                5 => self.uid = text(bytes)?,
                8 => self.creation_timestamp = time(bytes),
                9 => self.deletion_timestamp = time(bytes),
                11 => {
                    let (key, value) = pair(bytes)?;
                    self.labels.insert(key, value);
                }
                13 => self.owner_references.push(Owner::read(bytes)?),
                _ => {}
            }
        }
        Some(())
    }

    /// What brings this object back by itself.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

impl Owner {
    fn read(message: &[u8]) -> Option<Self> {
        let mut owner = Self::default();
        for field in Fields::new(message) {
            match field.ok()? {
                (1, Wire::Bytes(bytes)) => owner.kind = text(bytes)?,
                (3, Wire::Bytes(bytes)) => owner.name = text(bytes)?,
                (6, Wire::Varint(value)) => owner.controller = value != 0,
                _ => {}
            }
        }
        Some(owner)
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn pair(message: &[u8]) -> Option<(String, String)> {
    let mut pair = (String::new(), String::new());
    for field in Fields::new(message) {
        match field.ok()? {
            (1, Wire::Bytes(bytes)) => pair.0 = text(bytes)?,
            (2, Wire::Bytes(bytes)) => pair.1 = text(bytes)?,
            _ => {}
        }
    }
    Some(pair)
}

/// Seconds in field 1, nanoseconds in field 2. Zero and what no calendar has: none.
pub(super) fn time(message: &[u8]) -> Option<Timestamp> {
    let (mut seconds, mut nanoseconds) = (0i64, 0i32);
    for field in Fields::new(message) {
        match field.ok()? {
            (1, Wire::Varint(value)) => seconds = value as i64,
            (2, Wire::Varint(value)) => nanoseconds = i32::try_from(value as i64).ok()?,
            _ => {}
        }
    }
    if (seconds, nanoseconds) == (0, 0) {
        return None;
    }
    Timestamp::new(seconds, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::kubernetes::value::Value;

    #[test]
    fn json_and_protobuf_say_the_same() {
        let text = br#"{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":"one","namespace":"web","uid":"u",
            "creationTimestamp":"2023-11-14T22:13:20Z","labels":{"a":"b"},"ownerReferences":[{"kind":"Set","name":"s","uid":"x","controller":true}]},"spec":{}}"#;
        let json = Value::parse(text).head().unwrap();
        assert_eq!(
            (json.api_version.as_ref(), json.kind.as_ref()),
            ("example.org/v1", "Widget")
        );
        let metadata = b"\x0a\x03one\x1a\x03web\x2a\x01u\x42\x08\x08\x80\xe2\xcf\xaa\x06\x10\x00\x5a\x06\x0a\x01a\x12\x01b\x6a\x0a\x0a\x03Set\x1a\x01s\x30\x01";
        let mut read = Metadata::default();
        read.read(metadata).unwrap();
        assert_eq!(json.metadata, read);
        assert_eq!(read.controller().unwrap().name, "s");
        let cut = &metadata[..metadata.len() - 1];
        assert_eq!(Metadata::default().read(cut), None);
    }

    #[test]
    fn times_no_calendar_has_are_none() {
        assert_eq!(time(&[]), None);
        assert_eq!(time(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), None);
        assert_eq!(
            time(b"\x08\x80\xe2\xcf\xaa\x06"),
            Timestamp::from_second(1_700_000_000).ok()
        );
    }
}
