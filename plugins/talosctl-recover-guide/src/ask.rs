//! Questions at the terminal. An empty answer is the default that is shown, and never a yes to
//! what destroys.

use std::io::{self, IsTerminal};

use dialoguer::Input;
use dialoguer::console::Term;
use etcdbackup::backup::Cancel;
use etcdbackup::cli::Ui;
use etcdbackup::cli::ui::printable;
use etcdbackup::failure::{Exit, Failure};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::task::spawn_blocking;

/// Asks a person.
pub(crate) struct Asks {
    cancel: Cancel,
    ui: Ui,
    _as_found: AsFound,
}

impl Asks {
    /// At the terminal of this process.
    ///
    /// # Errors
    /// 2: there is none, so nobody would answer.
    pub(crate) fn at_terminal(cancel: &Cancel, ui: &Ui) -> Result<Self, Failure> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::new(
                Exit::Usage,
                "a conversation needs a terminal at stdin and stderr, and there is none",
            )
            .hint("the steps by themselves: `talosctl-recover-check unrecoverable`, `talosctl-snapshot-pull DEST -i KEY -o FILE`, `talosctl-recover-check snapshot FILE`, `talosctl-recover-wipe -n NODES --restore-from FILE`, `talosctl-recover-bootstrap -n NODE FILE`, `talosctl-recover-check recovered`"));
        }
        let attributes = tcgetattr(io::stdin()).map_err(|error| unasked(&error))?;
        Ok(Self {
            cancel: cancel.clone(),
            ui: ui.clone(),
            _as_found: AsFound(attributes),
        })
    }

    /// One line, without the space around it.
    ///
    /// # Errors
    /// 130, 143: a signal came instead; 74: the terminal is gone.
    pub(crate) async fn line(
        &self,
        question: &str,
        default: Option<&str>,
    ) -> Result<String, Failure> {
        let (question, default) = (printable(question), default.map(str::to_owned));
        let ask = move || {
            let input = Input::<String>::new().with_prompt(question);
            match default {
                Some(default) => input.default(default),
                None => input.allow_empty(true),
            }
            .interact_text()
        };
        let mut cancel = self.cancel.clone();
        let answer = tokio::select! {
            answer = spawn_blocking(ask) => answer,
            exit = cancel.requested() => return Err(stopped(exit)),
        };
        match answer {
            Ok(Ok(line)) => Ok(line.trim().to_owned()),
            // Ctrl-C is a key while a question is open.
            Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
                Err(stopped(Exit::Interrupted))
            }
            Ok(Err(error)) => Err(unasked(&error)),
            Err(_) => Err(Failure::new(Exit::Bug, "the question was not asked")),
        }
    }

    /// Yes or no, until it is one of both.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) async fn yes(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let default = if default { "yes" } else { "no" };
        loop {
            match self.line(question, Some(default)).await?.as_str() {
                "yes" | "y" => return Ok(true),
                "no" | "n" => return Ok(false),
                _ => self.ui.say("answer yes or no\n"),
            }
        }
    }

    /// The cluster's name, typed whole; `kept` says what was not done where it is another.
    ///
    /// # Errors
    /// 2: another name, or none; as [`Self::line`].
    pub(crate) async fn name_of(&self, cluster: &str, kept: &str) -> Result<(), Failure> {
        let typed = self.line("To go on, type the cluster's name", None).await?;
        if typed == cluster {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Usage,
            format!("`{typed}` is not this cluster's name, which is {cluster}: {kept}"),
        )
        .hint("is it the right talosconfig context? then run it again: it goes on here"))
    }
}

fn stopped(exit: Exit) -> Failure {
    Failure::new(exit, "stopped at the question: nothing more was done")
        .hint("run it again: it goes on where the cluster is")
}

fn unasked(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Io, format!("cannot ask at the terminal: {error}"))
        .hint("run it again at a terminal that stays")
}

/// The terminal's attributes when it was found: it is given back so, whatever ends a question.
struct AsFound(Termios);

impl Drop for AsFound {
    fn drop(&mut self) {
        // A terminal that is gone needs neither.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        let _gone = Term::stderr().show_cursor();
    }
}
