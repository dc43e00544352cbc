//! The report, for people and for scripts.

use etcdbackup::cli::format::yaml;
use etcdbackup::cli::{Ui, recovery_text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::Report;

use crate::cli::Format;

/// The report in the wanted format.
pub(crate) fn render(format: Format, report: &Report<'_>, ui: &Ui) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(recovery_text::report(report, ui, false)),
        Format::Wide => Ok(recovery_text::report(report, ui, true)),
        Format::Yaml => yaml(report),
        Format::Json => serde_json::to_string(report)
            .map(|json| json + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}
