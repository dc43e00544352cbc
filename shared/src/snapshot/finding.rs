//! What a check finds: a rule, where it does not hold, and how bad that is.
//!
//! Damaged and hostile files can break a rule millions of times, so the list is capped while
//! the counts go on.

use std::fmt;

use crate::failure::{Exit, Failure};

/// How many findings a list keeps.
pub const FINDINGS_KEPT: usize = 100;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing before a restore; the file is good.
    Note,
    /// The file may be good, and something in it should not be so.
    Suspicious,
    /// The file is damaged.
    Damaged,
}

impl Severity {
    /// One word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Suspicious => "suspicious",
            Self::Damaged => "damaged",
        }
    }
}

/// One thing that must hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in reports and scripts.
    pub name: &'static str,
    /// What it means when it does not hold.
    pub severity: Severity,
    /// What to do about it. One line.
    pub hint: &'static str,
}

/// Where in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Page id.
    pub page: u64,
    /// Page ids from the root page down to this one.
    pub path: Vec<u64>,
    /// Byte offset in the file.
    pub offset: u64,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Where; none: it is about the file as a whole.
    pub place: Option<Place>,
    /// What was found. One line.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(
                f,
                "page {} (byte {}): {}",
                place.page, place.offset, self.what
            ),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Finding {}

impl From<Box<Finding>> for Failure {
    fn from(finding: Box<Finding>) -> Self {
        Self::new(Exit::Data, format!("the snapshot is damaged: {finding}"))
            .hint("`talosctl-snapshot-inspect check FILE` lists everything that is wrong with it")
    }
}

/// Findings in the order they were met: the first [`FINDINGS_KEPT`], and counts of all.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: [u64; 3],
}

impl Findings {
    /// Adds one; once the list is full only a worse one replaces a lesser one.
    pub fn add(&mut self, finding: Finding) {
        let severity = finding.rule.severity;
        self.counts[severity as usize] += 1;
        if self.kept.len() < FINDINGS_KEPT {
            self.kept.push(finding);
            return;
        }
        let lesser = self
            .kept
            .iter()
            .rposition(|kept| kept.rule.severity < severity);
        if let Some(lesser) = lesser {
            self.kept.remove(lesser);
            self.kept.push(finding);
        }
    }

    /// Adds one about the file as a whole.
    pub fn whole(&mut self, rule: &'static Rule, what: impl Into<String>) {
        self.add(Finding {
            rule,
            place: None,
            what: what.into(),
        });
    }

    /// Those that were kept.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there were of one severity, kept or not.
    pub fn count(&self, severity: Severity) -> u64 {
        self.counts[severity as usize]
    }

    /// The worst severity that was found.
    pub fn worst(&self) -> Option<Severity> {
        [Severity::Damaged, Severity::Suspicious, Severity::Note]
            .into_iter()
            .find(|severity| self.count(*severity) > 0)
    }

    /// The exit code of a check: 0 clean, 1 suspicious, 65 damaged.
    pub fn exit(&self) -> Exit {
        match self.worst() {
            Some(Severity::Damaged) => Exit::Data,
            Some(Severity::Suspicious) => Exit::No,
            Some(Severity::Note) | None => Exit::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static MINOR: Rule = Rule {
        name: "minor",
        severity: Severity::Suspicious,
        hint: "",
    };
    static MAJOR: Rule = Rule {
        name: "major",
        severity: Severity::Damaged,
        hint: "",
    };

    #[test]
    fn the_list_is_capped_and_the_worst_is_never_pushed_out() {
        let mut findings = Findings::default();
        assert_eq!(findings.exit(), Exit::Done);
        for number in 0..1000 {
            findings.whole(&MINOR, format!("{number}"));
        }
        assert_eq!(findings.exit(), Exit::No);
        findings.whole(&MAJOR, "late");
        findings.whole(&MINOR, "later");
        assert_eq!(findings.kept().len(), FINDINGS_KEPT);
        assert_eq!(findings.kept()[0].what, "0");
        assert_eq!(findings.kept().last().map(|last| last.rule), Some(&MAJOR));
        assert_eq!(findings.count(Severity::Suspicious), 1001);
        assert_eq!(findings.count(Severity::Damaged), 1);
        assert_eq!(findings.exit(), Exit::Data);
    }
}
