//! Reports as text: labels and values, wrapped at 80 columns; or for scripts.

use etcdbackup::cli::format::yaml;
use etcdbackup::cli::ui::printable;
use etcdbackup::failure::{Exit, Failure};
use serde::Serialize;

use crate::cli::Format;

const WIDTH: usize = 80;
const LABEL: usize = 16;

/// A report in the wanted format; `text` makes the one for people, with everything or not.
pub(crate) fn render(
    format: Format,
    report: &impl Serialize,
    text: impl FnOnce(bool) -> String,
) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(text(false)),
        Format::Wide => Ok(text(true)),
        Format::Yaml => yaml(report),
        Format::Json => serde_json::to_string(report)
            .map(|json| json + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

/// `LABEL:   value`, wrapped.
pub(crate) fn line(label: &str, value: &str) -> String {
    let label = format!("{label}:");
    wrapped(&format!("{label:<LABEL$}"), &" ".repeat(LABEL), value)
}

/// Text behind `first`, every further line behind `next`.
pub(crate) fn wrapped(first: &str, next: &str, text: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in printable(text).split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if !empty && line + 1 + word.chars().count() > WIDTH {
            lines.push(next.to_owned());
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_before_the_edge() {
        let text = "word ".repeat(40);
        let shown = line("Label", &text);
        assert!(shown.starts_with("Label:          word word"));
        assert!(shown.lines().all(|line| line.len() <= WIDTH));
        assert!(
            shown
                .lines()
                .nth(1)
                .unwrap()
                .starts_with("                word")
        );
        assert_eq!(line("Empty", ""), "Empty:\n");
        let long = "x".repeat(100);
        assert_eq!(line("Long", &long), format!("Long:           {long}\n"));
    }
}
