//! The one way to talk: data on stdout, everything else on stderr.
//!
//! Colour marks only what is readable without it: labels and states. Talk is text for people,
//! or one JSON object a line with `--log-format json`.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde_json::json;

use super::flags::{ColorFlag, LogFormat};
use crate::failure::{Exit, Failure};
pub use crate::printable::printable;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// How a program talks: its flags, in short.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// Notes are kept back; errors, warnings and data always come.
    pub quiet: bool,
    /// Whether stderr is for machines.
    pub log_format: LogFormat,
    /// When to colour.
    pub color: ColorFlag,
    /// Whether progress may be drawn.
    pub progress: bool,
}

/// Writes for people and scripts.
#[derive(Debug, Clone)]
pub struct Ui {
    manners: Manners,
    colors: Colors,
    /// Progress bars; hidden where nobody watches. Talk goes above them.
    pub(super) bars: MultiProgress,
    /// The last lines of talk, for who reports a failure.
    tail: Arc<Mutex<VecDeque<String>>>,
}

/// Lines of talk that are remembered.
const TAIL: usize = 50;

/// Whether each stream takes colour.
#[derive(Debug, Clone, Copy)]
struct Colors {
    stdout: bool,
    stderr: bool,
}

/// What a state in a table means to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
}

impl Ui {
    /// Decides once, for each stream by itself, how to talk.
    pub fn new(manners: Manners) -> Self {
        let json = manners.log_format == LogFormat::Json;
        let colors = Colors {
            stdout: colored(manners.color, AutoStream::choice(&io::stdout())),
            stderr: !json && colored(manners.color, AutoStream::choice(&io::stderr())),
        };
        let drawn = manners.progress && !manners.quiet && !json && io::stderr().is_terminal();
        let target = if drawn {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            manners,
            colors,
            bars: MultiProgress::with_draw_target(target),
            tail: Arc::default(),
        }
    }

    /// Data for stdout, as it is.
    ///
    /// # Errors
    /// 74: stdout is closed.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        write_out(text).map_err(|error| {
            Failure::new(Exit::Io, format!("cannot write to stdout: {error}"))
                .hint("check the program behind the pipe, or the disk")
        })
    }

    /// A listing or report for stdout. A reader that has seen enough (`| head`) is no error.
    ///
    /// # Errors
    /// 74: stdout cannot be written.
    pub fn report(&self, text: &str) -> Result<(), Failure> {
        match write_out(text) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(
                Failure::new(Exit::Io, format!("cannot write to stdout: {error}"))
                    .hint("check the disk"),
            ),
        }
    }

    /// A state for a table on stdout, coloured where that is wanted.
    pub fn state(&self, text: &str, tone: Tone) -> String {
        let style = match tone {
            Tone::Good => GREEN,
            Tone::Odd => YELLOW,
        };
        paint(self.colors.stdout, style, text)
    }

    /// A line for people, on stderr.
    pub fn note(&self, text: &str) {
        if self.manners.quiet {
            self.remember(format!("INFO {}", printable(text)));
        } else {
            self.talk("INFO", None, text, None);
        }
    }

    /// Several lines of a conversation, on stderr, as they are and even when quiet: what a person
    /// is asked about must be seen. Text of others in it went through [`printable`].
    pub fn say(&self, text: &str) {
        // With stderr gone there is nobody left to tell.
        let _nobody_listens = self
            .bars
            .suspend(|| io::stderr().lock().write_all(text.as_bytes()));
    }

    /// A warning, on stderr, even when quiet.
    pub fn warn(&self, text: &str) {
        self.talk("WARN", Some(("warning:", YELLOW)), text, None);
    }

    /// The two lines of a failure.
    pub fn failure(&self, failure: &Failure) {
        self.talk("ERROR", Some(("error:", RED)), &failure.what, Some(failure));
    }

    fn talk(
        &self,
        level: &str,
        label: Option<(&str, Style)>,
        text: &str,
        failure: Option<&Failure>,
    ) {
        let text = printable(text);
        let hint = failure
            .and_then(|failure| failure.hint.as_deref())
            .map(printable);
        self.remember(format!("{level} {text}"));
        let lines = if self.manners.log_format == LogFormat::Json {
            let exit = failure.map(|failure| failure.exit.code());
            let line = json!({
                "timestamp": jiff::Timestamp::now().to_string(), "level": level, "target": "etcdbackup",
                "fields": { "message": text, "hint": hint, "exit": exit },
            });
            format!("{line}\n")
        } else {
            let label = label.map(|(label, style)| paint(self.colors.stderr, style, label) + " ");
            let hint =
                hint.map(|hint| format!("{} {hint}\n", paint(self.colors.stderr, CYAN, "hint:")));
            format!(
                "{}{text}\n{}",
                label.unwrap_or_default(),
                hint.unwrap_or_default()
            )
        };
        // With stderr gone there is nobody left to tell.
        let _nobody_listens = self
            .bars
            .suspend(|| io::stderr().lock().write_all(lines.as_bytes()));
    }

    fn remember(&self, line: String) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }

    /// The last lines of talk, whatever of it was shown.
    pub fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().map(|line| format!("{line}\n")).collect()
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
        if is_closed(&io::stdout()) {
            return Err(Failure::new(Exit::Io, "stdout is closed")
                .hint("write it to a file with `-o FILE`, or give it somebody who takes it"));
        }
        Ok(())
    }

    /// Refuses to show a secret text on a terminal.
    ///
    /// # Errors
    /// 2: stdout is a terminal.
    pub fn stdout_takes_secrets(&self, what: &str) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            let what = format!("{what}, and stdout is a terminal");
            return Err(Failure::new(Exit::Usage, what)
                .hint("write it to a file of your own with `-o FILE`, or pipe it on"));
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

/// Whether a stream was closed when the program started. Rust then opens `/dev/null` in its place,
/// for reading and writing; who throws output away (`>/dev/null`) opens it for writing only.
fn is_closed(stream: &impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::MetadataExt;
    let known = rustix::fs::fstat(stream).ok();
    let null = std::fs::metadata("/dev/null").ok();
    let is_null = known
        .zip(null)
        .is_some_and(|(known, null)| known.st_rdev == null.rdev() && known.st_ino == null.ino());
    let mode = rustix::fs::fcntl_getfl(stream).unwrap_or(rustix::fs::OFlags::empty());
    is_null && mode.contains(rustix::fs::OFlags::RDWR)
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// What was said, else what the environment says (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`) and
/// whether the stream is a terminal.
fn colored(flag: ColorFlag, automatic: ColorChoice) -> bool {
    match flag {
        ColorFlag::Always => true,
        ColorFlag::Never => false,
        ColorFlag::Auto => automatic != ColorChoice::Never,
    }
}

fn paint(colored: bool, style: Style, text: &str) -> String {
    if colored {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_about_colour_wins() {
        for automatic in [ColorChoice::Never, ColorChoice::Always, ColorChoice::Auto] {
            assert!(colored(ColorFlag::Always, automatic));
            assert!(!colored(ColorFlag::Never, automatic));
        }
        assert!(!colored(ColorFlag::Auto, ColorChoice::Never));
        assert!(colored(ColorFlag::Auto, ColorChoice::Always));
        assert_eq!(paint(false, RED, "error:"), "error:");
        assert_eq!(
            paint(true, RED, "error:"),
            "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m"
        );
    }
}
