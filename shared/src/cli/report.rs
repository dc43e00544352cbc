//! How a finished push or backup is told.

use super::format;
use super::ui::Ui;
use crate::backup::Published;
use crate::failure::{Exit, Failure};

/// Receipt or stored URLs on stdout, the rest on stderr; gives the code of the run.
///
/// # Errors
/// 74: stdout is closed.
pub fn published(ui: &Ui, published: &Published, json: bool) -> Result<Exit, Failure> {
    let receipt = &published.receipt;
    published
        .warnings
        .iter()
        .for_each(|warning| ui.warn(warning));
    published
        .failures
        .iter()
        .for_each(|failure| ui.failure(failure));
    let stored: Vec<&str> = receipt
        .copies
        .iter()
        .filter(|copy| copy.error.is_none())
        .map(|copy| copy.url.as_str())
        .collect();
    for url in &stored {
        ui.note(&format!(
            "pushed {url} ({} → {})",
            format::size(receipt.snapshot.bytes),
            format::size(receipt.stored.bytes)
        ));
    }
    if json {
        let text = serde_json::to_string(receipt).map_err(|error| {
            Failure::new(Exit::Bug, format!("cannot print the receipt: {error}"))
        })?;
        ui.data(&format!("{text}\n"))?;
    } else {
        for url in &stored {
            ui.data(&format!("{url}\n"))?;
        }
    }
    Ok(published.exit)
}
