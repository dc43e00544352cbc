//! Flags of `completion`.

use clap::{Args, ValueEnum};

/// Who completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Completer {
    /// GNU Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// kubectl, for `kubectl etcdbackup <TAB>`.
    Kubectl,
}

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// bash, zsh, fish, powershell or kubectl
    #[arg(value_enum, hide_possible_values = true, value_name = "SHELL")]
    pub(crate) shell: Completer,
}
