//! The line as far as it is typed, and what it says so far.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgMatches, Command};

use super::program::{Lookups, Program};
use crate::cli::settings::{Settings, typed};
use crate::talos::Selection;

/// The words before the one that is completed, and the program that they are for.
#[derive(Clone)]
pub(super) struct Words {
    program: Program,
    before: Arc<[OsString]>,
}

impl Words {
    /// Of a `line`, the program's name first, whose word number `at` is completed.
    pub(super) fn new(program: Program, line: &[OsString], at: usize) -> Self {
        Self {
            program,
            before: line.iter().take(at).cloned().collect(),
        }
    }

    /// The program's flags, as they are defined.
    pub(super) fn command(&self) -> Command {
        (self.program.factory)()
    }

    /// What the program can look up.
    pub(super) fn lookups(&self) -> Lookups {
        self.program.lookups
    }

    /// The value of a long flag.
    pub(super) fn said(&self, flag: &str) -> Option<OsString> {
        typed(&self.before, flag)
    }

    /// The talosconfig and the context in it.
    pub(super) fn talos(&self) -> Selection {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let file = self
            .said("--talosconfig")
            .or_else(|| variable(crate::cli::env::TALOSCONFIG));
        // In a kubectl plugin `--context` is kubectl's.
        let kubectls = self.command().get_name().starts_with("kubectl-");
        let context = self
            .said("--talos-context")
            .or_else(|| self.said("--context").filter(|_| !kubectls))
            .or_else(|| variable(crate::cli::env::TALOS_CONTEXT));
        Selection {
            talosconfig: file.map(PathBuf::from),
            context: context.and_then(|name| name.into_string().ok()),
            ..Selection::default()
        }
    }

    /// Flags, variables and configuration file as they are so far; whatever does not fit yet is
    /// passed over.
    pub(super) fn matches(&self) -> Option<ArgMatches> {
        let settings = Settings::load(&self.before, |name| std::env::var_os(name)).ok()?;
        let command = settings.apply(self.command()).ok()?.ignore_errors(true);
        let mut matches = command.try_get_matches_from(self.before.iter()).ok()?;
        while let Some((_, inner)) = matches.remove_subcommand() {
            matches = inner;
        }
        Some(matches)
    }
}
