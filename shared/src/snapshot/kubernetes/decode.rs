//! A stored object as the API server would serve it.
//!
//! Protobuf by the table of `schema.rs`, with the rules Go's JSON has for what is empty. What
//! the table does not know is an error, never left out: the object is then to be had raw.

use serde_json::{Map, Value as Json};

use super::forms;
use super::schema::{Field, Schema, Shape, Type};
use super::value::{Envelope, Value};
use crate::snapshot::protobuf::{Fields, Malformed, Value as Wire};

/// Messages within messages; the API has fewer than 20.
const DEPTH: usize = 64;
/// Values of one object: far beyond what etcd takes as one request.
const VALUES: usize = 300_000;

/// Bytes of one object in JSON, whose tree is many times larger.
pub(super) const JSON_BYTES: usize = 16 * 1024 * 1024;

/// Why an object cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Of a kind or version that is not in the table.
    #[error("{kind} of {api_version} is not in the API of Kubernetes {release}")]
    Kind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its kind.
        kind: String,
        /// The release whose API is known.
        release: &'static str,
    },
    /// A field that is not in the table.
    #[error("field {number} of {message} is not in the API of Kubernetes {release}")]
    Field {
        /// The message.
        message: &'static str,
        /// The field's number.
        number: u32,
        /// The release whose API is known.
        release: &'static str,
    },
    /// A field whose bytes are not of its type.
    #[error("field `{0}` of {1} is not of its type")]
    Type(&'static str, &'static str),
    /// A single field that is there twice.
    #[error("field `{0}` of {1} is there twice")]
    Twice(&'static str, &'static str),
    /// No protobuf.
    #[error("damaged: {0}")]
    Wire(#[from] Malformed),
    /// Nested too deep, or of too many values.
    #[error("nested deeper or larger than an object of the API can be")]
    Limit,
    /// JSON that does not parse.
    #[error("damaged: it is not JSON (line {0}, column {1})")]
    Json(usize, usize),
    /// A form that is named, not read.
    #[error("{0}")]
    Form(&'static str),
}

/// The object in `value`.
///
/// # Errors
/// [`DecodeError`] says what is not known or damaged.
pub fn decode(value: &Value<'_>) -> Result<Json, DecodeError> {
    match value {
        Value::Protobuf(envelope) => protobuf(envelope),
        Value::Json(text) if text.len() > JSON_BYTES => Err(DecodeError::Limit),
        Value::Json(text) => serde_json::from_slice(text)
            .map_err(|error| DecodeError::Json(error.line(), error.column())),
        Value::Cbor(_) => Err(DecodeError::Form("stored as CBOR, which is not read")),
        Value::Sealed(_) => Err(DecodeError::Form("encrypted at rest")),
        Value::Other(_) => Err(DecodeError::Form("no object of the Kubernetes API")),
    }
}

fn protobuf(envelope: &Envelope<'_>) -> Result<Json, DecodeError> {
    let schema = Schema::get();
    let message = schema
        .message_of(envelope.api_version, envelope.kind)
        .ok_or_else(|| DecodeError::Kind {
            api_version: envelope.api_version.to_owned(),
            kind: envelope.kind.to_owned(),
            release: schema.release(),
        })?;
    let mut decoder = Decoder { schema, values: 0 };
    let (mut object, _) = decoder.message(message, envelope.raw, 0)?;
    object.insert("apiVersion".into(), envelope.api_version.into());
    object.insert("kind".into(), envelope.kind.into());
    Ok(Json::Object(object))
}

/// Number of the field of this name in a kind's message; none where it has none.
pub(super) fn field_number(envelope: &Envelope<'_>, name: &str) -> Option<u32> {
    let schema = Schema::get();
    let message = schema.message_of(envelope.api_version, envelope.kind)?;
    let found = schema
        .fields(message)
        .iter()
        .find(|field| field.name == Some(name));
    found.map(|field| field.number)
}

struct Decoder {
    schema: &'static Schema,
    values: usize,
}

/// What was read of one field.
#[derive(Default)]
struct Read {
    one: Option<Json>,
    list: Vec<Json>,
    map: Map<String, Json>,
    /// Whether Go would call it zero.
    zero: bool,
}

impl Decoder {
    /// The message, and whether Go would call it zero.
    fn message(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(Map<String, Json>, bool), DecodeError> {
        if depth > DEPTH {
            return Err(DecodeError::Limit);
        }
        let fields = self.schema.fields(name);
        let mut reads: Vec<Read> = fields
            .iter()
            .map(|_| Read {
                zero: true,
                ..Read::default()
            })
            .collect();
        for field in Fields::new(bytes) {
            let (number, wire) = field?;
            let index = fields
                .iter()
                .position(|field| field.number == number)
                .ok_or(DecodeError::Field {
                    message: name,
                    number,
                    release: self.schema.release(),
                })?;
            self.read(name, &fields[index], wire, &mut reads[index], depth)?;
        }
        let mut object = Map::new();
        let mut zero = true;
        for (field, read) in fields.iter().zip(reads) {
            zero &= read.zero;
            self.write(field, read, &mut object, depth)?;
        }
        Ok((object, zero))
    }

    fn read(
        &mut self,
        message: &'static str,
        field: &Field,
        wire: Wire<'_>,
        read: &mut Read,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let label = field.name.unwrap_or("embedded");
        let wrong = DecodeError::Type(label, message);
        match field.shape {
            Shape::One => {
                if read.one.is_some() {
                    return Err(DecodeError::Twice(label, message));
                }
                let (value, zero) = self.value(field.of, wire, depth)?.ok_or(wrong)?;
                read.zero = zero && !field.pointer;
                read.one = Some(value);
            }
            Shape::List => {
                read.list
                    .push(self.value(field.of, wire, depth)?.ok_or(wrong)?.0);
                read.zero = false;
            }
            Shape::Map | Shape::MapOfLists => {
                let (key, value) = self.entry(field, wire, depth)?.ok_or(wrong)?;
                read.map.insert(key, value);
                read.zero = false;
            }
        }
        Ok(())
    }

    /// An entry of a map: 1 key, 2 value.
    fn entry(
        &mut self,
        field: &Field,
        wire: Wire<'_>,
        depth: usize,
    ) -> Result<Option<(String, Json)>, DecodeError> {
        let Wire::Bytes(entry) = wire else {
            return Ok(None);
        };
        let (mut key, mut value) = (String::new(), None);
        for part in Fields::new(entry) {
            match part? {
                (1, Wire::Bytes(bytes)) => match std::str::from_utf8(bytes) {
                    Ok(text) => text.clone_into(&mut key),
                    Err(_) => return Ok(None),
                },
                (2, Wire::Bytes(list)) if field.shape == Shape::MapOfLists => {
                    value = self.items(field.of, list, depth)?;
                }
                (2, wire) if field.shape == Shape::Map => {
                    value = self.value(field.of, wire, depth)?.map(|(value, _)| value);
                }
                _ => return Ok(None),
            }
        }
        let value = match value {
            Some(value) => value,
            None if field.shape == Shape::MapOfLists => Json::Null,
            None => self.zero(field.of, depth)?,
        };
        Ok(Some((key, value)))
    }

    fn items(&mut self, of: Type, list: &[u8], depth: usize) -> Result<Option<Json>, DecodeError> {
        let mut items = Vec::new();
        for part in Fields::new(list) {
            match part? {
                (1, wire) => match self.value(of, wire, depth)? {
                    Some((item, _)) => items.push(item),
                    None => return Ok(None),
                },
                _ => return Ok(None),
            }
        }
        Ok(Some(Json::Array(items)))
    }

    /// A value and whether it is zero; none: not of this type.
    fn value(
        &mut self,
        of: Type,
        wire: Wire<'_>,
        depth: usize,
    ) -> Result<Option<(Json, bool)>, DecodeError> {
        self.values += 1;
        if self.values > VALUES {
            return Err(DecodeError::Limit);
        }
        Ok(match (of, wire) {
            (Type::Flag, Wire::Varint(value)) => Some((Json::Bool(value != 0), value == 0)),
            (Type::Integer, Wire::Varint(value)) => Some((Json::from(value as i64), value == 0)),
            (Type::Message(name), Wire::Bytes(bytes)) => {
                let (object, zero) = self.message(name, bytes, depth + 1)?;
                Some((Json::Object(object), zero))
            }
            (_, Wire::Bytes(bytes)) => forms::read(of, bytes)?.map(|value| {
                let zero = value == forms::zero(of);
                (value, zero)
            }),
            _ => None,
        })
    }

    /// What Go shows of a value that is not there.
    fn zero(&mut self, of: Type, depth: usize) -> Result<Json, DecodeError> {
        match of {
            Type::Message(name) => Ok(Json::Object(self.message(name, &[], depth + 1)?.0)),
            _ => Ok(forms::zero(of)),
        }
    }

    fn write(
        &mut self,
        field: &Field,
        read: Read,
        object: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let Some(name) = field.name else {
            return self.embed(field, read, object, depth);
        };
        let value = match field.shape {
            Shape::List if read.list.is_empty() => None,
            Shape::List => Some(Json::Array(read.list)),
            Shape::Map | Shape::MapOfLists if read.map.is_empty() => None,
            Shape::Map | Shape::MapOfLists => Some(Json::Object(read.map)),
            Shape::One => read.one,
        };
        let plain = matches!(
            field.of,
            Type::Text | Type::Flag | Type::Integer | Type::Bytes
        );
        let value = match value {
            Some(_)
                if !field.pointer
                    && field.shape == Shape::One
                    && plain
                    && read.zero
                    && field.omit_empty =>
            {
                return Ok(());
            }
            Some(_) if field.omit_zero && read.zero => return Ok(()),
            Some(value) => value,
            None if field.omit_zero => return Ok(()),
            None if field.omit_empty && (field.pointer || field.shape != Shape::One || plain) => {
                return Ok(());
            }
            None if field.pointer || field.shape != Shape::One => Json::Null,
            None => self.zero(field.of, depth)?,
        };
        object.insert(name.to_owned(), value);
        Ok(())
    }

    fn embed(
        &mut self,
        field: &Field,
        read: Read,
        object: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let value = match read.one {
            Some(value) => value,
            None if field.pointer => return Ok(()),
            None => self.zero(field.of, depth)?,
        };
        if let Json::Object(fields) = value {
            object.extend(fields);
        }
        Ok(())
    }
}
