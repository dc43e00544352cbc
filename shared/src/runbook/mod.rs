//! This cluster's own recovery document, to print and to keep elsewhere.
//!
//! [`Facts`] are what could be learned, each [`crate::recovery::Known`] or not; [`write`] makes one
//! [`Document`] of them, a pure function; [`markdown`] and [`html`] show it. What could not be
//! learned is a blank to fill in by hand, with its reason. No key is ever in it: of recipients the
//! fingerprints, of identities and credentials only a line to say where they are kept.

mod about;
mod document;
mod facts;
mod gather;
mod html;
mod kept;
mod learn;
mod markdown;
mod steps;
#[cfg(test)]
mod tests;

pub use document::{Block, Document, Line, Section, Span};
pub use facts::{Backup, Facts, Machine, Place, S3Place, TalosFacts, Versions, Vouched};
pub use gather::{Asked, gather};
pub use html::html;
pub use kept::{keep, object_name};
pub use markdown::markdown;

/// The folder of runbooks, below the prefix of the backups.
pub const FOLDER: &str = ".runbook";

/// The document of these facts.
pub fn write(facts: &Facts) -> Document {
    let mut sections = vec![about::first()];
    sections.extend(about::sections(facts));
    sections.extend(steps::sections(facts));
    sections.push(about::by_hand());
    Document {
        version: 1,
        title: format!("Recovery of cluster {}", facts.cluster),
        cluster: facts.cluster.clone(),
        made_at: facts.made_at,
        tool: facts.tool.clone(),
        sections,
    }
}
