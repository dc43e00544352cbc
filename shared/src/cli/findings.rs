//! Findings as a table of 80 columns: state, check, and what was found, with its hint.

use super::text::wrapped;
use super::ui::{Tone, Ui};
use crate::recovery::{Finding, Severity};

const STATE: usize = 7;
const GAP: &str = "   ";

/// The table. Findings that are ok and alike on several nodes share a row, unless `wide`.
pub fn findings(ui: &Ui, all: &[Finding], wide: bool) -> String {
    let rows = gathered(all, wide);
    let check = rows.iter().map(|row| row.finding.check.len()).max();
    let check = check.unwrap_or(0).max("CHECK".len());
    let header = format!("{:<STATE$}{GAP}{:<check$}{GAP}FINDING\n", "STATE", "CHECK");
    let body = rows.iter().map(|row| row.text(ui, check));
    std::iter::once(header).chain(body).collect()
}

/// One finding, on these nodes.
struct Row<'a> {
    finding: &'a Finding,
    nodes: Vec<&'a str>,
}

fn gathered(all: &[Finding], wide: bool) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for finding in all {
        let nodes = finding.node.as_deref();
        let alike = |row: &&mut Row<'_>| {
            !wide
                && row.finding.check == finding.check
                && row.finding.severity == finding.severity
                && finding.severity != Severity::Unknown
                && row.finding.what == finding.what
                && (finding.severity == Severity::Ok || row.finding.hint == finding.hint)
                && !row.nodes.is_empty()
        };
        match (nodes, rows.iter_mut().find(alike)) {
            (Some(node), Some(row)) => row.nodes.push(node),
            _ => rows.push(Row {
                finding,
                nodes: nodes.into_iter().collect(),
            }),
        }
    }
    rows
}

impl Row<'_> {
    fn text(&self, ui: &Ui, check: usize) -> String {
        let finding = self.finding;
        let word = finding.severity.word();
        let tone = match finding.severity {
            Severity::Ok => Tone::Good,
            _ => Tone::Odd,
        };
        let rest = " ".repeat(STATE - word.len());
        let indent = " ".repeat(STATE + GAP.len() + check + GAP.len());
        // Wrapped as it looks without colour, then coloured in place.
        let first = format!("{word}{rest}{GAP}{:<check$}{GAP}", finding.check);
        let nodes = self.nodes.join(", ");
        // Words of a failed call name the node by themselves.
        let what = if nodes.is_empty() || self.nodes.iter().all(|one| finding.what.contains(one)) {
            finding.what.clone()
        } else {
            format!("{nodes}: {}", finding.what)
        };
        let shown = wrapped(&first, &indent, &what);
        let shown = ui.state(word, tone) + shown.strip_prefix(word).unwrap_or(&shown);
        let hint = finding
            .hint
            .as_deref()
            .filter(|_| finding.severity != Severity::Ok);
        let hint =
            hint.map(|hint| wrapped(&format!("{indent}hint: "), &format!("{indent}  "), hint));
        shown + &hint.unwrap_or_default()
    }
}
