//! What went wrong, what to do next, and the exit code a script can trust.
//!
//! Modules have small error enums of their own; at their public edge each becomes a
//! [`Failure`]: one sentence with the concrete node, bucket or key and what came back,
//! one hint with the next step, one [`Exit`].

use std::error::Error;
use std::fmt;

/// The suite's exit codes (`docs/exit-codes.md`), one meaning each in every program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done; the assertion holds.
    Done = 0,
    /// Checked, and the answer is no.
    No = 1,
    /// Wrong usage, or a confirmation was refused.
    Usage = 2,
    /// Data refused: bad digest, damaged, cannot be decrypted, not a snapshot.
    Data = 65,
    /// A peer could not be reached, or kept failing.
    Unreachable = 69,
    /// A bug of ours.
    Bug = 70,
    /// Local input or output, a closed output pipe.
    Io = 74,
    /// Worth running again: the peer asks to come back, no member gave a proven stream,
    /// or the outcome is unknown.
    Temporary = 75,
    /// Not permitted: role, credentials, certificate.
    NotPermitted = 77,
    /// Configuration missing or wrong.
    Config = 78,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
    /// Terminated by a signal.
    Terminated = 143,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::No,
        Self::Usage,
        Self::Data,
        Self::Unreachable,
        Self::Bug,
        Self::Io,
        Self::Temporary,
        Self::NotPermitted,
        Self::Config,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it says, in words for help and documentation.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; the assertion holds",
            Self::No => "checked, and the answer is no",
            Self::Usage => "usage, or confirmation refused",
            Self::Data => "data refused: bad digest, damaged, cannot be decrypted, not a snapshot",
            Self::Unreachable => {
                "a peer could not be reached or kept failing (Talos, S3, Kubernetes)"
            }
            Self::Bug => "a bug of ours",
            Self::Io => "local input/output, a closed output pipe",
            Self::Temporary => {
                "temporary, worth running again: the peer asks to come back, no member gave a proven stream, or the outcome is unknown"
            }
            Self::NotPermitted => "not permitted: role, credentials, certificate",
            Self::Config => "configuration missing or wrong",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// An error at the edge of a module: a message of two lines and an exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code this failure ends the program with.
    pub exit: Exit,
    /// What was tried, where, and what came back. One line, no full stop.
    pub what: String,
    /// What to do next. One line.
    pub hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync + 'static>>,
}

impl Failure {
    /// A failure with its exit code and first line.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            hint: None,
            source: None,
        }
    }

    /// The same with its second line: the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the error it came from (shown at `-v`, never needed to understand it).
    #[must_use]
    pub fn source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/exit-codes.md");
        let text = std::fs::read_to_string(path).unwrap();
        let documented: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| code"))
            .collect();
        let rows = Exit::ALL.map(|exit| format!("| {} | {} |", exit.code(), exit.meaning()));
        assert_eq!(documented, rows);
        assert!(Exit::ALL.is_sorted_by_key(|exit| exit.code()));
    }

    #[test]
    fn numbers_stay_what_scripts_know() {
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 65, 69, 70, 74, 75, 77, 78, 130, 143]);
    }

    #[test]
    fn a_failure_shows_its_first_line_and_keeps_its_source() {
        let failure = Failure::new(Exit::Io, "cannot read `x`")
            .hint("check the path")
            .source(std::io::Error::other("disk on fire"));
        assert_eq!(failure.to_string(), "cannot read `x`");
        assert_eq!(failure.hint.as_deref(), Some("check the path"));
        assert_eq!(
            Error::source(&failure).map(ToString::to_string).as_deref(),
            Some("disk on fire")
        );
    }
}
