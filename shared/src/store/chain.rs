//! Reading a chain of errors: what is in it, and how to say it in one line.

use std::error::Error;
use std::io;

/// Longest text taken over from a peer or a library.
const LONGEST_TEXT: usize = 300;

/// Every error from `error` inwards. An `io::Error` that wraps another error skips it in
/// `source()`; here its content is visited too.
fn walk<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |outer| {
        let outer: &'a (dyn Error + 'static) = *outer;
        match outer.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => outer.source(),
        }
    })
}

/// The first error of type `T` in the chain.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    walk(error).find_map(|error| error.downcast_ref::<T>())
}

/// The chain as one line: each text once, outermost first.
pub(super) fn text(error: &(dyn Error + 'static)) -> String {
    let mut whole = String::new();
    for error in walk(error) {
        let text = error.to_string();
        if !whole.contains(&text) {
            if !whole.is_empty() {
                whole.push_str(": ");
            }
            whole.push_str(&text);
        }
    }
    one_line(&whole)
}

/// The innermost error's text: usually the one that tells (`Connection refused`).
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    walk(error)
        .last()
        .map(|error| one_line(&error.to_string()))
        .unwrap_or_default()
}

/// Foreign text made fit for a message: one line, no control characters, bounded.
pub(super) fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_TEXT)
        .collect();
    clean
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;

    #[test]
    fn an_error_wrapped_in_io_is_found_and_said() {
        let error = Outer(io::Error::other(io::Error::other(Inner)));
        assert!(find::<Inner>(&error).is_some());
        assert_eq!(text(&error), "outer: inner");
        assert_eq!(innermost(&error), "inner");
    }

    #[test]
    fn foreign_text_cannot_break_out_of_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m  c."), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(1000)).len(), LONGEST_TEXT);
    }
}
