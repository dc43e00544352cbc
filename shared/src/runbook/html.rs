//! The document as one HTML file: no script, nothing from elsewhere, made for paper.

use super::document::{Block, Document, Line, Span, blanks};

/// What it looks like. Black on white: it is printed.
const STYLE: &str = "\
body{font:11pt/1.45 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#000;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:1.8rem;border-bottom:1px solid #000;break-after:avoid}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #777;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
pre{border:1px solid #777;padding:.5rem;white-space:pre-wrap;overflow-wrap:anywhere;break-inside:avoid}
code,pre{font-family:ui-monospace,monospace;font-size:.92em}
.blank{display:inline-block;min-width:10rem;border-bottom:1px solid #000;color:#555;font-size:.8em}
tr,li{break-inside:avoid}@page{margin:18mm}@media print{body{margin:0;max-width:none}}
";

/// The document as HTML.
pub fn html(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for section in &document.sections {
        text += &format!("<h2>{}</h2>\n", escaped(&section.title));
        section
            .blocks
            .iter()
            .for_each(|block| text += &shown(block));
    }
    text + "</body>\n</html>\n"
}

fn shown(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("<p>{}</p>\n", line(text)),
        Block::List(points) => {
            let points = points
                .iter()
                .map(|point| format!("<li>{}</li>\n", line(point)));
            format!("<ul>\n{}</ul>\n", points.collect::<String>())
        }
        Block::Table { header, rows } => table(header, rows),
        Block::Commands(commands) => {
            let lines: Vec<String> = commands.iter().map(|one| command(one)).collect();
            format!("<pre>{}</pre>\n", lines.join("\n"))
        }
    }
}

fn table(header: &[String], rows: &[Vec<Line>]) -> String {
    let titles = header
        .iter()
        .map(|title| format!("<th>{}</th>", escaped(title)));
    let row = |cells: &Vec<Line>| {
        let cells = cells.iter().map(|cell| format!("<td>{}</td>", line(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    format!(
        "<table>\n<tr>{}</tr>\n{}</table>\n",
        titles.collect::<String>(),
        rows.iter().map(row).collect::<String>()
    )
}

fn line(line: &Line) -> String {
    line.spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Strong(text) => format!("<strong>{}</strong>", escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Blank(what) => format!("<span class=\"blank\">{}</span>", escaped(what)),
    }
}

fn command(command: &str) -> String {
    let piece = |(is_blank, text): (bool, &str)| match is_blank {
        true => format!("<span class=\"blank\">{}</span>", escaped(text)),
        false => escaped(text),
    };
    blanks(command).into_iter().map(piece).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
