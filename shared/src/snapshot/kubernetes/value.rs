//! What a value is, by its first bytes: the API server's protobuf envelope, JSON, CBOR,
//! encrypted, or of another program.

use std::borrow::Cow;

use super::metadata::Metadata;
use crate::snapshot::encryption::Sealed;
use crate::snapshot::protobuf::{Fields, Value as Wire};

const PROTOBUF: &[u8] = b"k8s\0";
/// Self-described CBOR.
const CBOR: &[u8] = &[0xd9, 0xd9, 0xf7];

/// The form of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An object in protobuf.
    Protobuf(Envelope<'a>),
    /// An object in JSON: custom resources and their definitions.
    Json(&'a [u8]),
    /// An object in CBOR, which no release writes unless it is told to.
    Cbor(&'a [u8]),
    /// Encrypted at rest.
    Sealed(Sealed<'a>),
    /// None of these.
    Other(&'a [u8]),
}

/// What wraps an object in protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// As `apps/v1`.
    pub api_version: &'a str,
    /// As `Deployment`.
    pub kind: &'a str,
    /// The object's own message.
    pub raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// Reads the form of these bytes.
    pub fn parse(bytes: &'a [u8]) -> Self {
        if let Some(sealed) = Sealed::parse(bytes) {
            return Self::Sealed(sealed);
        }
        if let Some(envelope) = bytes.strip_prefix(PROTOBUF).and_then(Envelope::parse) {
            return Self::Protobuf(envelope);
        }
        match bytes.first() {
            Some(b'{') => Self::Json(bytes),
            _ if bytes.starts_with(CBOR) => Self::Cbor(bytes),
            _ => Self::Other(bytes),
        }
    }

    /// Whether this is an object in a form that can be read.
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Protobuf(_) | Self::Json(_) | Self::Cbor(_))
    }

    /// `apiVersion`, `kind` and metadata; none where they cannot be read.
    pub fn head(&self) -> Option<Head<'a>> {
        match self {
            Self::Protobuf(envelope) => Some(Head {
                api_version: Cow::Borrowed(envelope.api_version),
                kind: Cow::Borrowed(envelope.kind),
                metadata: Metadata::from_protobuf(envelope.raw)?,
            }),
            Self::Json(text) => Metadata::from_json(text),
            _ => None,
        }
    }
}

/// What every object begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// As `apps/v1`.
    pub api_version: Cow<'a, str>,
    /// As `Deployment`.
    pub kind: Cow<'a, str>,
    /// Name, labels and the like.
    pub metadata: Metadata,
}

impl<'a> Envelope<'a> {
    /// `runtime.Unknown` behind the magic: 1 type, 2 object, 3 and 4 empty.
    fn parse(message: &'a [u8]) -> Option<Self> {
        let mut envelope = Self {
            api_version: "",
            kind: "",
            raw: &[],
        };
        for field in Fields::new(message) {
            match field.ok()? {
                (1, Wire::Bytes(type_meta)) => envelope.read_type(type_meta)?,
                (2, Wire::Bytes(raw)) => envelope.raw = raw,
                // An object in another encoding or compressed would be misread.
                (3 | 4, Wire::Bytes(encoding)) if !encoding.is_empty() => return None,
                _ => {}
            }
        }
        Some(envelope)
    }

    fn read_type(&mut self, message: &'a [u8]) -> Option<()> {
        for field in Fields::new(message) {
            match field.ok()? {
                (1, Wire::Bytes(text)) => self.api_version = std::str::from_utf8(text).ok()?,
                (2, Wire::Bytes(text)) => self.kind = std::str::from_utf8(text).ok()?,
                _ => {}
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_by_its_first_bytes() {
        let protobuf = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x00\x1a\x00\x22\x00";
        let Value::Protobuf(envelope) = Value::parse(protobuf) else {
            panic!("no envelope");
        };
        assert_eq!(
            (envelope.api_version, envelope.kind, envelope.raw),
            ("v1", "Pod", &[0x0a, 0][..])
        );
        assert!(matches!(Value::parse(b"{\"a\":1}"), Value::Json(_)));
        assert!(matches!(
            Value::parse(&[0xd9, 0xd9, 0xf7, 0xa0]),
            Value::Cbor(_)
        ));
        assert!(matches!(
            Value::parse(b"k8s:enc:secretbox:v1:key2:x"),
            Value::Sealed(_)
        ));
        for other in [
            &b""[..],
            b"2505",
            b"k8s\0\x0a\x09",
            b"k8s\0\x22\x04json",
            b"k8",
        ] {
            assert!(matches!(Value::parse(other), Value::Other(_)), "{other:?}");
        }
    }
}
