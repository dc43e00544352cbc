//! Reports as text: labels and values, wrapped at 80 columns; or for scripts.

use etcdbackup::cli::format::yaml;
pub(crate) use etcdbackup::cli::text::{line, wrapped};
use etcdbackup::failure::{Exit, Failure};
use serde::Serialize;

use crate::cli::Format;

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
