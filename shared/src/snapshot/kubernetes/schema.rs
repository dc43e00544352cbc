//! Field numbers and JSON names of the Kubernetes API: `schema.txt`, read.
//!
//! The table is written by `tests/interop/kubernetes/schema` from the API's own Go types:
//!
//! - `kind GROUP/VERSION KIND MESSAGE` is a kind that is stored,
//! - `message NAME` begins a message; its fields follow: `NUMBER JSON-NAME TYPE FLAGS`.
//!
//! A JSON name of `-` is an embedded message: its fields show as the outer one's. A type is
//! `s` text, `b` flag, `i` integer, `y` bytes, a type with a form of its own (`Quantity`,
//! `Time`, …) or a message; before it `[]` a list, `{}` a map by text, `<>` a list that is a
//! message of its own. Flags: `?` a pointer, `~` left out when empty, `!` when zero.

use std::collections::HashMap;
use std::sync::OnceLock;

/// All kinds and messages.
#[derive(Debug, Default)]
pub(super) struct Schema {
    kinds: HashMap<(&'static str, &'static str), &'static str>,
    messages: HashMap<&'static str, Vec<Field>>,
    release: &'static str,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    /// None: embedded.
    pub(super) name: Option<&'static str>,
    pub(super) shape: Shape,
    pub(super) of: Type,
    pub(super) pointer: bool,
    pub(super) omit_empty: bool,
    pub(super) omit_zero: bool,
}

/// How often and under what a type is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    Map,
    /// A map of lists, each a message with its items in field 1.
    MapOfLists,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Flag,
    Integer,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    RawExtension,
    FieldsV1,
    Message(&'static str),
}

impl Schema {
    /// The table of this program.
    pub(super) fn get() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Self::parse(include_str!("schema.txt")))
    }

    /// The release of Kubernetes whose API this is.
    pub(super) fn release(&self) -> &'static str {
        self.release
    }

    /// The message of a kind.
    pub(super) fn message_of(&self, api_version: &str, kind: &str) -> Option<&'static str> {
        // The key's lifetime is the table's, a look-up's is shorter: compare by value.
        let key: (&str, &str) = (api_version, kind);
        self.kinds.get(&key).copied()
    }

    /// The fields of a message; none for a name that is not in the table.
    pub(super) fn fields(&self, message: &str) -> &[Field] {
        self.messages.get(message).map_or(&[], Vec::as_slice)
    }

    fn parse(table: &'static str) -> Self {
        let mut schema = Self::default();
        let mut message = "";
        for line in table.lines() {
            let words: Vec<&'static str> = line.split(' ').collect();
            match words[..] {
                ["kind", version, kind, message] => {
                    schema.kinds.insert((version, kind), message);
                }
                ["message", name] => {
                    message = name;
                    schema.messages.entry(name).or_default();
                }
                ["#", .., "Kubernetes", release, "API,", "written", "by"] => {
                    schema.release = release;
                }
                [number, name, code] => {
                    if let Some(field) = Field::parse(number, name, code) {
                        schema.messages.entry(message).or_default().push(field);
                    }
                }
                _ => {}
            }
        }
        schema
    }
}

impl Field {
    fn parse(number: &str, name: &'static str, code: &'static str) -> Option<Self> {
        let bare = code.trim_end_matches(['?', '~', '!']);
        let flags = &code[bare.len()..];
        let (shape, of) = if let Some(of) = bare.strip_prefix("{}<>") {
            (Shape::MapOfLists, of)
        } else if let Some(of) = bare.strip_prefix("[]") {
            (Shape::List, of)
        } else if let Some(of) = bare.strip_prefix("{}") {
            (Shape::Map, of)
        } else {
            (Shape::One, bare)
        };
        Some(Self {
            number: number.parse().ok()?,
            name: (name != "-").then_some(name),
            shape,
            of: Type::parse(of)?,
            pointer: flags.contains('?'),
            omit_empty: flags.contains('~'),
            omit_zero: flags.contains('!'),
        })
    }
}

impl Type {
    fn parse(code: &'static str) -> Option<Self> {
        Some(match code {
            "s" => Self::Text,
            "b" => Self::Flag,
            "i" => Self::Integer,
            "y" => Self::Bytes,
            "Quantity" => Self::Quantity,
            "IntOrString" => Self::IntOrString,
            "Time" => Self::Time,
            "MicroTime" => Self::MicroTime,
            "RawExtension" => Self::RawExtension,
            "FieldsV1" => Self::FieldsV1,
            message if message.contains('.') => Self::Message(message),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let table = include_str!("schema.txt");
        let schema = Schema::get();
        let starting = |word: &str| table.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!(starting("kind "), schema.kinds.len());
        assert_eq!(starting("message "), schema.messages.len());
        let fields: usize = schema.messages.values().map(Vec::len).sum();
        let lines = table
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .count();
        assert_eq!(lines, fields);
        assert!(
            fields > 3000 && schema.release().starts_with("1."),
            "{fields} {}",
            schema.release()
        );
    }

    #[test]
    fn every_message_that_is_named_is_there_and_numbers_are_unique() {
        let schema = Schema::get();
        for message in schema.kinds.values() {
            assert!(schema.messages.contains_key(message), "{message}");
        }
        for (name, fields) in &schema.messages {
            let mut numbers: Vec<u32> = fields.iter().map(|field| field.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), fields.len(), "{name}");
            for field in fields {
                if let Type::Message(message) = field.of {
                    assert!(
                        schema.messages.contains_key(message),
                        "{name} names {message}"
                    );
                }
            }
        }
    }

    #[test]
    fn well_known_fields_have_their_well_known_numbers() {
        let schema = Schema::get();
        let number = |version, kind, name: &str| {
            let message = schema.message_of(version, kind).unwrap();
            schema
                .fields(message)
                .iter()
                .find(|field| field.name == Some(name))
                .unwrap()
                .number
        };
        assert_eq!(number("v1", "Secret", "data"), 2);
        assert_eq!(number("v1", "Secret", "type"), 3);
        assert_eq!(number("v1", "Pod", "status"), 3);
        assert_eq!(number("apps/v1", "Deployment", "spec"), 2);
        assert_eq!(number("coordination.k8s.io/v1", "Lease", "spec"), 2);
        assert_eq!(schema.message_of("apps/v1", "Widget"), None);
    }
}
