//! What a check found: a name, how bad it is, what was seen, and what to do.

use serde::Serialize;

use super::known::{Known, Unknown, Why};
use super::survey::NodeSurvey;
use super::verdict::{exit_of_unknown, told};
use crate::failure::Exit;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It does not stand in the way, and somebody should know.
    Warn,
    /// It stands in the way.
    Fail,
    /// It could not be seen, which is never ok.
    Unknown,
}

impl Severity {
    /// One word for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check that found it.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The node it is about; none: the cluster, or a file.
    pub node: Option<String>,
    /// What was seen. One line.
    pub what: String,
    /// What to do. One line.
    pub hint: Option<String>,
    /// Why it is unknown, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl Finding {
    /// About the cluster.
    pub fn new(severity: Severity, what: impl Into<String>) -> Self {
        Self {
            check: "",
            severity,
            node: None,
            what: what.into(),
            hint: None,
            why: None,
        }
    }

    /// As it should be.
    pub fn ok(what: impl Into<String>) -> Self {
        Self::new(Severity::Ok, what)
    }

    /// Worth knowing.
    pub fn warn(what: impl Into<String>) -> Self {
        Self::new(Severity::Warn, what)
    }

    /// In the way.
    pub fn fail(what: impl Into<String>) -> Self {
        Self::new(Severity::Fail, what)
    }

    /// Not seen, for this reason.
    pub fn unknown(unknown: &Unknown) -> Self {
        Self {
            why: Some(unknown.why),
            ..Self::new(Severity::Unknown, unknown.reason.clone())
        }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, about this node.
    #[must_use]
    pub fn on(mut self, node: &NodeSurvey) -> Self {
        if self.severity == Severity::Unknown {
            self.what = told(node, &self.what);
        }
        self.node = Some(node.node.clone());
        self
    }
}

/// A finding about a fact: `seen` judges what is known, and what is not is unknown.
pub(super) fn about<T>(fact: &Known<T>, seen: impl FnOnce(&T) -> Finding) -> Finding {
    match fact {
        Known::Is(value) => seen(value),
        Known::Unknown(unknown) => Finding::unknown(unknown),
    }
}

/// The exit code of an assertion: any fail is a no; any unknown is no yes.
pub fn exit_of(findings: &[Finding]) -> Exit {
    let any = |severity| findings.iter().any(|one| one.severity == severity);
    if any(Severity::Fail) {
        Exit::No
    } else if any(Severity::Unknown) {
        exit_of_unknown(findings.iter().filter_map(|one| one.why))
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_ok_and_a_no_outweighs_it() {
        let unknown = |why| {
            Finding::unknown(&Unknown {
                why,
                reason: "hidden".to_owned(),
            })
        };
        let (ok, warn, fail) = (Finding::ok("a"), Finding::warn("b"), Finding::fail("c"));
        let silent = unknown(Why::Silent);
        for (findings, exit) in [
            (vec![ok.clone(), warn.clone()], Exit::Done),
            (vec![ok.clone(), silent.clone()], Exit::Unreachable),
            (vec![warn, unknown(Why::NotPermitted)], Exit::NotPermitted),
            (vec![fail, silent, ok], Exit::No),
        ] {
            assert_eq!(exit_of(&findings), exit, "{findings:?}");
        }
    }
}
