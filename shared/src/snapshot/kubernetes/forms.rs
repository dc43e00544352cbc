//! Types of the Kubernetes API whose JSON is not that of their protobuf message.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::decode::{DecodeError, JSON_BYTES};
use super::metadata::time;
use super::schema::Type;
use crate::snapshot::protobuf::{Fields, Value as Wire};

/// The JSON of these bytes; none: not of this type.
pub(super) fn read(of: Type, bytes: &[u8]) -> Result<Option<Json>, DecodeError> {
    Ok(match of {
        Type::Text => text(bytes),
        Type::Bytes => Some(BASE64_STANDARD.encode(bytes).into()),
        Type::Quantity => only_field(bytes)?.map_or(Some(zero(of)), text),
        Type::Time => date(bytes, 0)?,
        Type::MicroTime => date(bytes, 6)?,
        Type::IntOrString => int_or_string(bytes)?,
        Type::RawExtension | Type::FieldsV1 => match only_field(bytes)? {
            None | Some([]) => Some(Json::Null),
            Some(raw) if raw.len() > JSON_BYTES => return Err(DecodeError::Limit),
            Some(raw) => serde_json::from_slice(raw).ok(),
        },
        Type::Flag | Type::Integer | Type::Message(_) => None,
    })
}

/// What Go shows of one that is not there.
pub(super) fn zero(of: Type) -> Json {
    match of {
        Type::Text => "".into(),
        Type::Flag => false.into(),
        Type::Integer | Type::IntOrString => 0.into(),
        Type::Quantity => "0".into(),
        _ => Json::Null,
    }
}

fn text(bytes: &[u8]) -> Option<Json> {
    std::str::from_utf8(bytes).ok().map(Json::from)
}

/// Field 1 of a message that has no other.
fn only_field(message: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    let mut found = None;
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Bytes(bytes)) => found = Some(bytes),
            _ => {
                return Err(DecodeError::Form(
                    "a value holds a field that Kubernetes does not have",
                ));
            }
        }
    }
    Ok(found)
}

/// Zero is null, as Go has it; a time that no calendar has is not of its type.
fn date(message: &[u8], digits: u8) -> Result<Option<Json>, DecodeError> {
    let mut zero = true;
    for field in Fields::new(message) {
        match field? {
            (1 | 2, Wire::Varint(value)) => zero &= value == 0,
            _ => return Ok(None),
        }
    }
    if zero {
        return Ok(Some(Json::Null));
    }
    let show = |time: Timestamp| match digits {
        0 => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        _ => time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
    };
    Ok(time(message).map(|time| show(time).into()))
}

/// 1 which of both, 2 the number, 3 the text.
fn int_or_string(message: &[u8]) -> Result<Option<Json>, DecodeError> {
    let (mut is_text, mut number, mut words) = (0, 0, Some(Json::from("")));
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Varint(value)) => is_text = value,
            (2, Wire::Varint(value)) => number = value as i64,
            (3, Wire::Bytes(bytes)) => words = text(bytes),
            _ => return Ok(None),
        }
    }
    Ok(match is_text {
        0 => Some(number.into()),
        1 => words,
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(of: Type, bytes: &[u8]) -> Option<String> {
        read(of, bytes).unwrap().map(|value| value.to_string())
    }

    #[test]
    fn each_form_is_kubernetes_own() {
        let shown = |of, bytes: &[u8]| show(of, bytes).unwrap();
        assert_eq!(shown(Type::Quantity, b"\x0a\x05100Mi"), r#""100Mi""#);
        assert_eq!(shown(Type::Quantity, b""), r#""0""#);
        assert_eq!(shown(Type::IntOrString, b"\x08\x00\x10\x50\x1a\x00"), "80");
        assert_eq!(
            shown(Type::IntOrString, b"\x08\x01\x10\x00\x1a\x0325%"),
            r#""25%""#
        );
        assert_eq!(
            shown(Type::Time, b"\x08\x80\xe2\xcf\xaa\x06\x10\x00"),
            r#""2023-11-14T22:13:20Z""#
        );
        assert_eq!(
            shown(Type::MicroTime, b"\x08\x80\xe2\xcf\xaa\x06\x10\xe8\x07"),
            r#""2023-11-14T22:13:20.000001Z""#
        );
        assert_eq!(shown(Type::Time, b"\x08\x00\x10\x00"), "null");
        assert_eq!(
            shown(Type::RawExtension, b"\x0a\x07{\"a\":1}"),
            r#"{"a":1}"#
        );
        assert_eq!(shown(Type::FieldsV1, b""), "null");
        assert_eq!(shown(Type::Bytes, b"s3cr3t"), r#""czNjcjN0""#);
    }

    #[test]
    fn what_is_not_of_its_type_is_not_shown() {
        assert_eq!(show(Type::Text, &[0xff]), None);
        assert_eq!(show(Type::RawExtension, b"\x0a\x04k8s\0"), None);
        assert_eq!(
            show(Type::Time, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            None
        );
        assert_eq!(show(Type::IntOrString, b"\x08\x07"), None);
        assert!(read(Type::Quantity, b"\x10\x01").is_err());
    }
}
