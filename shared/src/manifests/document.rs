//! One file or part of a stream: a YAML object, or a text, with a word about what it is.

use serde_json::Value;

/// A file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its path in the folder.
    pub file: String,
    /// What it is, above it; several lines are several lines.
    pub note: String,
    /// The object; null: it is a text.
    pub value: Value,
    /// The text, where it is no object.
    pub plain: String,
    /// Whether it holds what nobody else may read.
    pub secret: bool,
}

impl Document {
    /// An object of Kubernetes.
    pub(super) fn object(file: &str, note: &str, value: Value) -> Self {
        Self {
            file: file.to_owned(),
            note: note.to_owned(),
            value,
            plain: String::new(),
            secret: false,
        }
    }

    /// Any other text.
    pub(super) fn text_file(file: &str, plain: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            note: String::new(),
            value: Value::Null,
            plain: plain.into(),
            secret: false,
        }
    }

    /// Its kind; empty: it is no object.
    pub fn kind(&self) -> String {
        self.value["kind"].as_str().unwrap_or_default().to_owned()
    }

    /// As it is written.
    pub fn text(&self) -> String {
        if self.value.is_null() {
            return self.plain.clone();
        }
        let note: String = self
            .note
            .lines()
            .map(|line| format!("# {line}").trim_end().to_owned() + "\n")
            .collect();
        note + &yaml(&self.value)
    }
}

/// The objects in one stream, as `kubectl apply -f -` takes them.
pub fn stream(documents: &[Document]) -> String {
    let texts: Vec<String> = documents.iter().map(Document::text).collect();
    texts.join("---\n")
}

/// YAML of plain maps, lists and texts, keys in one order. Texts are quoted wherever another
/// reader could take them for something else; several lines are a block.
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| (rank(key), *key));
            for (key, value) in entries {
                out.push_str(&" ".repeat(indent));
                out.push_str(&scalar(key));
                out.push(':');
                write_behind_key(value, indent, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                out.push_str(&" ".repeat(indent));
                out.push_str("- ");
                write_item(value, indent + 2, out);
            }
        }
        _ => {
            out.push_str(&leaf(value, indent));
            out.push('\n');
        }
    }
}

/// What something is comes before what it is made of; the rest by the alphabet.
fn rank(key: &str) -> usize {
    const FIRST: [&str; 4] = ["apiVersion", "kind", "metadata", "name"];
    let place = FIRST.iter().position(|first| *first == key);
    place.unwrap_or(FIRST.len())
}

fn write_behind_key(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write(value, indent + 2, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            write(value, indent, out);
        }
        _ => {
            out.push(' ');
            out.push_str(&leaf(value, indent + 2));
            out.push('\n');
        }
    }
}

/// What stands behind a dash: the first key on its line, the rest below it.
fn write_item(value: &Value, indent: usize, out: &mut String) {
    let mut text = String::new();
    write(value, indent, &mut text);
    out.push_str(text.trim_start_matches(' '));
}

fn leaf(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if is_block(text) => block(text, indent),
        Value::String(text) => scalar(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Whether a text is written line by line: its lines come back as they are.
fn is_block(text: &str) -> bool {
    let plain =
        |c: char| c == '\n' || (!c.is_control() && !"\u{feff}\u{85}\u{2028}\u{2029}".contains(c));
    text.contains('\n')
        && text.chars().all(plain)
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
}

fn block(text: &str, indent: usize) -> String {
    let mark = if text.ends_with('\n') { "|" } else { "|-" };
    let lines = text.lines().map(|line| {
        if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("\n{}{line}", " ".repeat(indent))
        }
    });
    std::iter::once(mark.to_owned()).chain(lines).collect()
}

/// A text in one line: as it is where nobody can misread it, else in JSON's quotes, which are
/// YAML's too.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./ ,()".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let word = text.to_ascii_lowercase();
    let taken = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    // A colon is harmless inside of a word: images, URLs, roles.
    let colons = text
        .split(':')
        .skip(1)
        .all(|rest| rest.starts_with(|c: char| !c.is_whitespace()));
    let known = text.chars().all(|c| plain(c) || c == ':' || c == '@');
    if starts && known && colons && !text.ends_with([' ', ':']) && !taken.contains(&word.as_str()) {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn texts_that_could_be_something_else_are_quoted() {
        for (text, written) in [
            ("yes", "\"yes\""),
            ("1800", "\"1800\""),
            ("17 */6 * * *", "\"17 */6 * * *\""),
            ("s3://backups/prod", "s3://backups/prod"),
            ("os:etcd:backup", "os:etcd:backup"),
            ("a: b", "\"a: b\""),
            ("", "\"\""),
            ("~", "\"~\""),
            ("x #y", "\"x #y\""),
        ] {
            assert_eq!(scalar(text), written);
            assert_eq!(read(&format!("a: {written}"))["a"], text);
        }
    }

    #[test]
    fn blocks_lists_and_empty_ones_come_back() {
        let value = json!({
            "a": [{"b": [], "c": {}, "d": ["x", 1, true, null]}, [["y"]]],
            "lines": "one\n\n  two\n", "rest": "one\ntwo", "odd": "a\tb\nc\n\n",
        });
        assert_eq!(read(&yaml(&value)), value);
        assert!(yaml(&value).contains("lines: |\n"), "{}", yaml(&value));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\n\u{e4}]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ -~]{1,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(value in values()) {
            let text = yaml(&value);
            prop_assert_eq!(read(&text), value, "{}", text);
        }
    }
}
