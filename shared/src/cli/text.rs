//! Text for people, wrapped at 80 columns.

use super::ui::printable;

/// Columns of a terminal that nobody has to widen.
pub const WIDTH: usize = 80;
const LABEL: usize = 16;

/// `LABEL:   value`, wrapped.
pub fn line(label: &str, value: &str) -> String {
    let label = format!("{label}:");
    wrapped(&format!("{label:<LABEL$}"), &" ".repeat(LABEL), value)
}

/// Text behind `first`, every further line behind `next`. What stands between backticks is a
/// command or a name to be copied: it is never broken, even beyond the edge.
pub fn wrapped(first: &str, next: &str, text: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in words(&printable(text)) {
        let width = lines.last().map_or(0, |line| line.chars().count());
        if !empty && width + 1 + word.chars().count() > WIDTH {
            lines.push(next.to_owned());
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(&word);
            empty = false;
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

/// Words, with those of one command together.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match words.last_mut().filter(|_| inside) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        inside ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_broken() {
        let text = format!(
            "do {} `talosctl -n 10.0.0.2 reboot`, then wait",
            "x".repeat(60)
        );
        let shown = wrapped("", "  ", &text);
        assert!(
            shown.contains("\n  `talosctl -n 10.0.0.2 reboot`, then wait\n"),
            "{shown}"
        );
    }

    #[test]
    fn lines_break_between_words_before_the_edge() {
        let shown = wrapped("  - ", "    ", &"word ".repeat(40));
        assert!(shown.starts_with("  - word word"));
        assert!(shown.lines().all(|line| line.len() <= WIDTH));
        assert!(
            shown
                .lines()
                .nth(1)
                .is_some_and(|one| one.starts_with("    word"))
        );
        assert_eq!(line("Empty", ""), "Empty:\n");
    }
}
