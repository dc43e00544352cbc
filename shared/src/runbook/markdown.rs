//! The document as Markdown: readable as plain text, too.

use super::document::{Block, Document, Line, Span};

/// The document as Markdown.
pub fn markdown(document: &Document) -> String {
    let mut text = format!("# {}\n", escaped(&document.title));
    for section in &document.sections {
        text += &format!("\n## {}\n", escaped(&section.title));
        for block in &section.blocks {
            text.push('\n');
            text += &shown(block);
        }
    }
    text
}

fn shown(block: &Block) -> String {
    match block {
        Block::Text(text) => line(text) + "\n",
        Block::List(points) => points
            .iter()
            .map(|point| format!("- {}\n", line(point)))
            .collect(),
        Block::Table { header, rows } => table(header, rows),
        Block::Commands(commands) => format!("```sh\n{}\n```\n", commands.join("\n")),
    }
}

fn table(header: &[String], rows: &[Vec<Line>]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let titles = header.iter().map(|title| escaped(title)).collect();
    let rule = header.iter().map(|_| "---".to_owned()).collect();
    let cells = |cells: &Vec<Line>| row(cells.iter().map(cell).collect());
    row(titles) + &row(rule) + &rows.iter().map(cells).collect::<String>()
}

/// A bar ends a cell, even in code, where it can be escaped only without backslashes before it.
fn cell(line: &Line) -> String {
    let piece = |piece: &Span| match piece {
        Span::Code(text) if text.contains('|') => escaped(text),
        other => span(other),
    };
    let text: String = line.spans.iter().map(piece).collect();
    text.replace('|', r"\|")
}

fn line(line: &Line) -> String {
    line.spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Code(text) => code(text),
        Span::Blank(what) => format!(r"\_\_\_\_\_\_\_\_\_\_\_\_ ({})", escaped(what)),
    }
}

/// Text in which nothing is a mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (place, c) in text.char_indices() {
        // What begins a list, a heading or a quotation does so at the start only.
        let marks = matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~'
        ) || (place == 0 && matches!(c, '#' | '+' | '-' | '='));
        if marks {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Code in a fence that is longer than any in it.
fn code(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}
