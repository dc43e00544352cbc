//! What is promised, and whether it holds.

use std::fmt;

/// One sentence of the contract, judged.
#[derive(Debug)]
pub(crate) struct Claim {
    /// What is promised, with its limit.
    pub(crate) what: String,
    /// What was measured.
    pub(crate) measured: String,
    /// Whether it does.
    pub(crate) holds: bool,
}

impl Claim {
    pub(crate) fn new(what: impl Into<String>, measured: impl Into<String>, holds: bool) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            holds,
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        if self.holds { "PASS" } else { "FAIL" }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}: {}", self.verdict(), self.what, self.measured)
    }
}
