//! A listing as a table for people.

use etcdbackup::catalogue::Kind;
use etcdbackup::cli::Ui;
use etcdbackup::cli::format;
use etcdbackup::cli::table::Columns;
use etcdbackup::cli::ui::{Tone, printable};
use etcdbackup::failure::Failure;
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

use crate::list::{PIECE, Row, Rows, state, time_of};

/// Rows as a table; `wide` adds cluster, time and key, several destinations a column of their
/// own.
///
/// # Errors
/// 74: stdout cannot be written.
pub(crate) fn print(
    rows: &Rows,
    wide: bool,
    several: bool,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut header = vec!["NAME", "AGE", "SIZE", "STATE"];
    if wide {
        header.extend(["CLUSTER", "TIME", "KEY"]);
    }
    if several {
        header.push("DESTINATION");
    }
    // Twice over the same rows: once for the widths, once to print.
    let mut columns = Columns::new(&header, &[2]);
    rows.iter()
        .for_each(|row| columns.fit(&cells(&row, wide, several, now)));
    let mut text = columns.line(&header);
    let column = text.find("STATE").unwrap_or(0);
    for row in rows.iter() {
        let line = columns.line(&cells(&row, wide, several, now));
        text += &painted(line.trim_end(), column, &row, ui);
        text.push('\n');
        if text.len() > PIECE {
            ui.report(&std::mem::take(&mut text))?;
        }
    }
    ui.report(&text)
}

fn cells(row: &Row<'_>, wide: bool, several: bool, now: Timestamp) -> Vec<String> {
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
        cells.push(printable(&row.place.destination));
    }
    cells
}

/// Colours the state after the layout, which would count the codes as width.
fn painted(line: &str, column: usize, row: &Row<'_>, ui: &Ui) -> String {
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
