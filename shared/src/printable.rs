//! Text of others, made harmless for a terminal.

/// Text of others (keys, node names, answers) made harmless for a terminal: no control
/// characters that steer it, none that turn the direction of writing.
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{9b}d"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("prod\u{202e}paz.eg"), "prod\u{fffd}paz.eg");
        assert_eq!(printable("größe ✓"), "größe ✓");
    }
}
