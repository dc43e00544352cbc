//! A listing as a table for people.

use comfy_table::{CellAlignment, Table, presets};
use etcdbackup::catalogue::Kind;
use etcdbackup::cli::Ui;
use etcdbackup::cli::format;
use etcdbackup::cli::ui::{Tone, printable};
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

use crate::list::{Row, state, time_of};

/// Rows as a table; `wide` adds cluster, time and key, several destinations a column of their
/// own.
pub(crate) fn render(rows: &[Row], wide: bool, several: bool, now: Timestamp, ui: &Ui) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["NAME", "AGE", "SIZE", "STATE"];
    if wide {
        header.extend(["CLUSTER", "TIME", "KEY"]);
    }
    if several {
        header.push("DESTINATION");
    }
    table.set_header(header);
    for row in rows {
        table.add_row(cells(row, wide, several, now));
    }
    if let Some(size) = table.column_mut(2) {
        size.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    // Leading space of the first column is none of ours.
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let column = lines
        .first()
        .and_then(|header| header.find("STATE"))
        .unwrap_or(0);
    let mut text = format!("{}\n", lines.first().unwrap_or(&""));
    for (line, row) in lines.iter().skip(1).zip(rows) {
        text += &painted(line, column, row, ui);
        text.push('\n');
    }
    text
}

fn cells(row: &Row, wide: bool, several: bool, now: Timestamp) -> Vec<String> {
    let time = time_of(&row.entry);
    let mut cells = vec![
        printable(&row.entry.name),
        time.map_or_else(|| "-".to_owned(), |time| format::age(time, now)),
        format::size(row.entry.size),
        state(&row.entry),
    ];
    if wide {
        let cluster = match &row.entry.kind {
            Kind::Snapshot(name) | Kind::FutureDated(name) => printable(&name.cluster),
            _ => "-".to_owned(),
        };
        cells.extend([
            cluster,
            time.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            printable(&row.entry.key),
        ]);
    }
    if several {
        cells.push(printable(&row.destination));
    }
    cells
}

/// Colours the state after the layout, which would count the codes as width.
fn painted(line: &str, column: usize, row: &Row, ui: &Ui) -> String {
    let mut width = 0;
    let start = line.char_indices().find_map(|(at, c)| {
        let here = width;
        width += c.width().unwrap_or(0);
        (here == column).then_some(at)
    });
    let state = state(&row.entry);
    let tone = match row.entry.kind {
        Kind::Snapshot(_) => Tone::Good,
        _ => Tone::Odd,
    };
    let parts = start.map(|start| line.split_at(start));
    match parts.and_then(|(before, rest)| Some((before, rest.strip_prefix(state.as_str())?))) {
        Some((before, after)) => format!("{before}{}{after}", ui.state(&state, tone)),
        None => line.to_owned(),
    }
}
