//! Machine configs, as far as a recovery depends on them: what a machine that is made anew must
//! have in common with the others, and where its images come from.
//!
//! Secrets are compared by fingerprint and kept nowhere. What two configs have in common is
//! [`differences`], a pure function of two [`ConfigFacts`]; where images come from is
//! [`images::judge`], one of a config and what is [`Inside`] the cluster.

mod compare;
mod document;
mod facts;
mod images;
mod inside;
mod saved;
mod served;
mod take;

use serde::Serialize;

pub use compare::{Difference, differences};
pub use facts::{ConfigFacts, Mirror};
pub use images::{Way, ways};
pub use inside::Inside;
pub use saved::read_saved;
pub use served::Served;
pub use take::take;

use super::known::Known;

/// All machine configs that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configs {
    /// Of each control plane that answered, by its node value.
    pub live: Vec<(String, Known<ConfigFacts>)>,
    /// Those that were saved.
    pub saved: Vec<ConfigFacts>,
    /// What the cluster itself serves.
    pub inside: Inside,
}
