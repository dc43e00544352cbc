//! The one way to talk: data on stdout, everything else on stderr.

use std::io::{self, IsTerminal, Write};

use crate::failure::{Exit, Failure};

/// Writes for people and scripts.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    quiet: bool,
}

impl Ui {
    /// `quiet` keeps notes back; errors and data always come.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Data for stdout, as it is.
    ///
    /// # Errors
    /// 74: stdout is closed.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Failure::new(Exit::Io, format!("cannot write to stdout: {error}")))
    }

    /// A line for people, on stderr.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&printable(text));
        }
    }

    /// A warning, on stderr, even when quiet.
    pub fn warn(&self, text: &str) {
        self.stderr(&format!("warning: {}", printable(text)));
    }

    /// The two lines of a failure.
    pub fn failure(&self, failure: &Failure) {
        self.stderr(&format!("error: {}", printable(&failure.what)));
        if let Some(hint) = &failure.hint {
            self.stderr(&format!("hint: {}", printable(hint)));
        }
    }

    fn stderr(&self, line: &str) {
        // With stderr gone there is nobody left to tell.
        let _nobody_listens = writeln!(io::stderr().lock(), "{line}");
    }

    /// Refuses to write binary to a terminal.
    ///
    /// # Errors
    /// 2: stdout is a terminal.
    pub fn stdout_takes_bytes(&self) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            return Err(Failure::new(
                Exit::Usage,
                "a snapshot is binary, and stdout is a terminal",
            )
            .hint("write it to a file with `-o FILE`, or pipe it to `talosctl-snapshot-push`"));
        }
        Ok(())
    }

    /// Refuses to wait for a snapshot typed by hand.
    ///
    /// # Errors
    /// 2: stdin is a terminal.
    pub fn stdin_gives_bytes(&self) -> Result<(), Failure> {
        if io::stdin().is_terminal() {
            return Err(
                Failure::new(Exit::Usage, "no snapshot: stdin is a terminal").hint(
                    "pipe one in (`talosctl-snapshot-take | …`) or name a file with `-f FILE`",
                ),
            );
        }
        Ok(())
    }
}

/// Control characters from keys and node names must not steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
