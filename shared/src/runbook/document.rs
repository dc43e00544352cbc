//! The document, before it is Markdown or HTML: plain data.

use jiff::Timestamp;
use serde::Serialize;

use crate::printable::printable;

/// A recovery document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Version of this form.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// Our name for the cluster.
    pub cluster: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Program and version.
    pub tool: String,
    /// Its parts, in order.
    pub sections: Vec<Section>,
}

/// A part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A piece of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Block {
    /// A paragraph.
    Text(Line),
    /// Points.
    List(Vec<Line>),
    /// Rows under headings.
    Table {
        /// Headings.
        header: Vec<String>,
        /// Rows of as many cells.
        rows: Vec<Vec<Line>>,
    },
    /// Commands to be copied, one a line. A blank in them is a word in capitals between
    /// underscores.
    Commands(Vec<String>),
}

/// A line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Line {
    /// Its pieces.
    pub spans: Vec<Span>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Span {
    /// As it is.
    Text(String),
    /// To be seen.
    Strong(String),
    /// A name, a command or a value.
    Code(String),
    /// To be filled in by hand: what belongs there, or why it is not known.
    Blank(String),
}

impl Line {
    /// Text of ours, in which backticks mark code and `**` what is to be seen.
    pub fn of(text: &str) -> Self {
        let mut line = Self::default();
        for (place, code) in text.split('`').enumerate() {
            if place % 2 == 1 {
                line.spans.push(Span::Code(code.to_owned()));
                continue;
            }
            for (place, part) in code
                .split("**")
                .enumerate()
                .filter(|(_, part)| !part.is_empty())
            {
                line.spans.push(if place % 2 == 1 {
                    Span::Strong(part.to_owned())
                } else {
                    Span::Text(part.to_owned())
                });
            }
        }
        line
    }

    /// Text of others.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.spans.push(Span::Text(printable(text)));
        self
    }

    /// A value of others.
    #[must_use]
    pub fn code(mut self, text: &str) -> Self {
        self.spans.push(Span::Code(printable(text)));
        self
    }

    /// A blank.
    #[must_use]
    pub fn blank(mut self, what: &str) -> Self {
        self.spans.push(Span::Blank(printable(what)));
        self
    }
}

/// A blank that is a word of a command: a shell takes it as it stands, and nothing is called so.
pub(super) fn word_blank(what: &str) -> String {
    format!("____{what}____")
}

/// The pieces of a command, blanks apart: whether it is one, and its text.
pub(super) fn blanks(command: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let mut rest = command;
    while let Some(start) = rest.find("____") {
        let capital = |c: char| c.is_ascii_uppercase() || c == '_';
        let length = rest[start..].find(|c| !capital(c));
        let end = length.map_or(rest.len(), |length| start + length);
        if start > 0 {
            pieces.push((false, &rest[..start]));
        }
        pieces.push((true, &rest[start..end]));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        pieces.push((false, rest));
    }
    pieces
}
