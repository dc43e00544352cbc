//! What is made of a program's own definitions and kept beside it: man pages and the reference.
//!
//! The program writes them when its first word is [`MANUALS`] or [`REFERENCE`]; `make documents`
//! calls it so, and a test compares what is checked in.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::usage::complete_help;
use crate::failure::{Exit, Failure};

/// First word: man pages into the folder that follows.
pub(super) const MANUALS: &str = "__manuals";
/// First word: the reference as Markdown, to stdout.
pub(super) const REFERENCE: &str = "__reference";

/// Writes a page for `command` and each of its sub-commands.
///
/// # Errors
/// 74: it cannot be written.
pub(super) fn manuals(command: Command, folder: &Path) -> Result<(), Failure> {
    page(&built(command), folder)
}

fn page(command: &Command, folder: &Path) -> Result<(), Failure> {
    // What a short help leaves out, the library leaves out of a page.
    let manual = command
        .clone()
        .mut_args(|argument| argument.hide_short_help(false));
    // A page has its examples at the end, where pages have them.
    let examples = manual.get_before_help().map(ToString::to_string);
    let codes = manual.get_after_long_help().map(ToString::to_string);
    let end = examples.into_iter().chain(codes).collect::<Vec<_>>();
    let io = |error: std::io::Error| {
        let place = folder.display();
        Failure::new(
            Exit::Io,
            format!("cannot write a man page into `{place}`: {error}"),
        )
    };
    Man::new(manual.after_long_help(end.join("\n\n")))
        .manual("etcdbackup")
        .generate_to(folder)
        .map_err(io)?;
    let mut verbs = command.get_subcommands();
    verbs.try_for_each(|verb| page(verb, folder))
}

/// Every screen of `--help`, as Markdown.
pub(super) fn reference(command: Command) -> String {
    let mut command = built(command);
    let name = command.get_name().to_owned();
    let mut text = format!(
        "<!-- Made by `make documents` from the program's own definitions. -->\n\n# {name}\n"
    );
    section(&mut command, &mut text, 0);
    text
}

fn section(command: &mut Command, text: &mut String, depth: usize) {
    if depth > 0 {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let _infallible = write!(text, "\n{} {name}\n", "#".repeat(depth + 1));
    }
    let help = command.render_long_help().to_string();
    let _infallible = write!(text, "\n```text\n{}\n```\n", help.trim_end());
    for verb in command.get_subcommands_mut() {
        section(verb, text, depth + 1);
    }
}

/// As a person calls it, the same on every machine.
fn built(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let typed = name.replacen("kubectl-", "kubectl ", 1);
    let mut command = complete_help(command)
        .bin_name(typed)
        .display_name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true);
    command.build();
    command
}
