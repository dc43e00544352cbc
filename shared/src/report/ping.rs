//! A dead man's switch in the manner of healthchecks: `URL/start`, `URL` on success, `URL/fail`.
//! Whoever has the URL can pretend to be us: it comes from a file, and is shown nowhere.

use std::path::Path;

use super::model::RunReport;
use super::web::post;

/// Bytes of a body; the service keeps less of it than this.
const BODY: usize = 10_000;
const TEXT: &str = "text/plain; charset=utf-8";

/// The URL in a file.
pub(super) fn url(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("the ping URL `{}`: {error}", file.display()))?;
    Ok(text.trim().trim_end_matches('/').to_owned())
}

/// A run begins.
pub(super) async fn start(url: &str) -> Result<(), String> {
    post(&with(url, "/start"), TEXT, Vec::new()).await
}

/// A run is over. `tail`: the last lines of its log.
pub(super) async fn end(url: &str, report: &RunReport, tail: &str) -> Result<(), String> {
    let (path, body) = if report.success {
        ("", report.to_json())
    } else {
        ("/fail", last(tail, BODY).to_owned())
    };
    post(&with(url, path), TEXT, body.into_bytes()).await
}

/// A query stays behind the path.
fn with(url: &str, path: &str) -> String {
    match url.split_once('?') {
        Some((base, query)) => format!("{}{path}?{query}", base.trim_end_matches('/')),
        None => format!("{url}{path}"),
    }
}

fn last(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_before_the_query_and_the_tail_is_whole_characters() {
        assert_eq!(with("https://hc/u", "/fail"), "https://hc/u/fail");
        assert_eq!(
            with("https://hc/u/?create=1", "/start"),
            "https://hc/u/start?create=1"
        );
        assert_eq!(last("abc", 2), "bc");
        assert_eq!(last("aüb", 2), "b");
        assert_eq!(last("ab", 10), "ab");
    }
}
