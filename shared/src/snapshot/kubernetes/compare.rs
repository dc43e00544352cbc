//! What changed between two snapshots, with 32 bytes of memory for each key.
//!
//! Keys and contents are remembered by hashes: one pass over the first snapshot, one over the
//! second, and a second over the first for the names of what is gone.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde_json::Value as Json;

use super::decode::{JSON_BYTES, field_number};
use super::value::{Envelope, Value};
use crate::snapshot::protobuf::{Fields, Value as Wire};

/// Fields of `ObjectMeta` that change with every write: resourceVersion and managedFields.
const NOISE: &[u32] = &[6, 17];
/// The same in JSON.
const NOISE_NAMES: &[&str] = &["resourceVersion", "managedFields"];

/// Hashes of a value: what was asked for, and what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    body: u64,
    status: u64,
}

impl Content {
    /// Of all bytes as they are stored.
    pub fn exact(value: &[u8]) -> Self {
        Self {
            body: first_word(digest(&SHA256, value).as_ref()),
            status: 0,
        }
    }

    /// Of what an object says, without what changes by itself.
    pub fn of(value: &[u8]) -> Self {
        let meaning = match Value::parse(value) {
            Value::Protobuf(envelope) => protobuf(&envelope),
            Value::Json(text) if text.len() <= JSON_BYTES => json(text),
            _ => None,
        };
        meaning.unwrap_or_else(|| Self::exact(value))
    }
}

fn first_word(hash: &[u8]) -> u64 {
    hash.first_chunk()
        .map_or(0, |word| u64::from_be_bytes(*word))
}

fn protobuf(envelope: &Envelope<'_>) -> Option<Content> {
    let status_field = field_number(envelope, "status");
    let (mut body, mut status) = (Context::new(&SHA256), Context::new(&SHA256));
    for text in [envelope.api_version, "\0", envelope.kind, "\0"] {
        body.update(text.as_bytes());
    }
    for field in Fields::new(envelope.raw) {
        let (number, value) = field.ok()?;
        match value {
            Wire::Bytes(metadata) if number == 1 => {
                for field in Fields::new(metadata) {
                    let (number, value) = field.ok()?;
                    if !NOISE.contains(&number) {
                        feed(&mut body, number, value);
                    }
                }
            }
            value if Some(number) == status_field => feed(&mut status, number, value),
            value => feed(&mut body, number, value),
        }
    }
    Some(Content {
        body: first_word(body.finish().as_ref()),
        status: first_word(status.finish().as_ref()),
    })
}

fn feed(hash: &mut Context, number: u32, value: Wire<'_>) {
    hash.update(&number.to_le_bytes());
    match value {
        Wire::Varint(number) | Wire::Fixed64(number) => hash.update(&number.to_le_bytes()),
        Wire::Fixed32(number) => hash.update(&number.to_le_bytes()),
        Wire::Bytes(bytes) => {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
}

fn json(text: &[u8]) -> Option<Content> {
    let mut object: Json = serde_json::from_slice(text).ok()?;
    let fields = object.as_object_mut()?;
    let status = fields.remove("status").unwrap_or_default();
    if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.retain(|name, _| !NOISE_NAMES.contains(&name.as_str()));
    }
    let hash = |value: &Json| first_word(digest(&SHA256, value.to_string().as_bytes()).as_ref());
    Some(Content {
        body: hash(&object),
        status: hash(&status),
    })
}

/// What a key of the second snapshot is to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Not in the first.
    Added,
    /// Another content.
    Changed,
    /// The same but for what was observed.
    StatusOnly,
    /// The same.
    Same,
}

/// The live keys of the first snapshot.
#[derive(Debug, Default)]
pub struct Baseline {
    keys: HashMap<u128, Content>,
}

/// The lowest bit of a status says whether the second snapshot has the key.
const SEEN: u64 = 1;

impl Baseline {
    /// Takes a live key of the first snapshot in.
    pub fn see(&mut self, key: &[u8], content: Content) {
        self.keys.insert(
            name(key),
            Content {
                status: content.status & !SEEN,
                ..content
            },
        );
    }

    /// What this live key of the second snapshot is to the first.
    pub fn compare(&mut self, key: &[u8], content: Content) -> Change {
        let Some(known) = self.keys.get_mut(&name(key)) else {
            return Change::Added;
        };
        let (body, status) = (
            known.body == content.body,
            known.status & !SEEN == content.status & !SEEN,
        );
        known.status |= SEEN;
        match (body, status) {
            (false, _) => Change::Changed,
            (true, false) => Change::StatusOnly,
            (true, true) => Change::Same,
        }
    }

    /// Whether this live key of the first snapshot was not met in the second.
    pub fn is_gone(&self, key: &[u8]) -> bool {
        self.keys
            .get(&name(key))
            .is_some_and(|content| content.status & SEEN == 0)
    }
}

fn name(key: &[u8]) -> u128 {
    digest(&SHA256, key)
        .as_ref()
        .first_chunk()
        .map_or(0, |word| u128::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(fields: &[u8]) -> Vec<u8> {
        let mut value = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12".to_vec();
        value.push(fields.len() as u8);
        value.extend(fields);
        value
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<(u128, Content)>(), 32);
    }

    #[test]
    fn what_changes_by_itself_is_no_change() {
        let plain = Content::of(&pod(b"\x0a\x03\x0a\x01a\x12\x02\x1a\x00"));
        let managed = Content::of(&pod(
            b"\x0a\x08\x0a\x01a\x8a\x01\x02\x0a\x00\x12\x02\x1a\x00",
        ));
        assert_eq!(plain, managed);
        let status = Content::of(&pod(b"\x0a\x03\x0a\x01a\x12\x02\x1a\x00\x1a\x02\x0a\x00"));
        assert!(status.body == plain.body && status.status != plain.status);
        let renamed = Content::of(&pod(b"\x0a\x03\x0a\x01b\x12\x02\x1a\x00"));
        assert_ne!(renamed.body, plain.body);
        let one = Content::of(br#"{"kind":"W","metadata":{"name":"a","managedFields":[1],"resourceVersion":"7"},"status":{"x":1}}"#);
        let two = Content::of(br#"{"metadata": {"name":"a"}, "kind":"W", "status":{"x":2}}"#);
        assert!(one.body == two.body && one.status != two.status);
    }

    #[test]
    fn each_key_is_added_changed_the_same_or_gone() {
        let content = |body, status| Content { body, status };
        let mut baseline = Baseline::default();
        for (key, value) in [
            ("same", content(1, 2)),
            ("changed", content(1, 2)),
            ("observed", content(1, 2)),
            ("gone", content(1, 2)),
        ] {
            baseline.see(key.as_bytes(), value);
        }
        assert_eq!(baseline.compare(b"same", content(1, 2)), Change::Same);
        assert_eq!(baseline.compare(b"changed", content(9, 2)), Change::Changed);
        assert_eq!(
            baseline.compare(b"observed", content(1, 4)),
            Change::StatusOnly
        );
        assert_eq!(baseline.compare(b"added", content(1, 2)), Change::Added);
        let gone: Vec<_> = ["same", "changed", "observed", "gone"]
            .into_iter()
            .filter(|key| baseline.is_gone(key.as_bytes()))
            .collect();
        assert_eq!(gone, ["gone"]);
    }

    #[test]
    fn what_is_no_object_counts_by_its_bytes() {
        assert_ne!(Content::of(b"1"), Content::of(b"2"));
        assert_eq!(Content::of(b"k8s:enc:x"), Content::exact(b"k8s:enc:x"));
    }
}
