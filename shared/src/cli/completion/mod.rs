//! What shells and kubectl ask when a person presses TAB.
//!
//! A shell sources a short registration and asks the program itself for candidates, with
//! [`VARIABLE`] in its environment. kubectl starts `kubectl_complete-NAME`, a link to the program,
//! and reads one candidate a line; the last line is a directive of Cobra's
//! (`kubernetes/kubectl:pkg/cmd/plugin/plugin_completion.go`).

#[cfg(feature = "kube")]
mod cluster;
mod program;
mod remembered;
mod stored;
mod values;
mod words;

use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use clap::{Command, ValueEnum};
use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::Shells;

use super::called::Called;
use crate::failure::{Exit, Failure};
use crate::printable::printable;
pub use program::Lookups;
pub(in crate::cli) use program::Program;
use words::Words;

/// In the environment of a program that is asked for candidates: the shell's name.
pub(super) const VARIABLE: &str = "_ETCDBACKUP_COMPLETE";
/// The first word with which a program answers as `kubectl_complete-NAME` does.
pub(super) const WORD: &str = "__complete";
/// The first word with which a program prints its own registration with the shell that follows.
pub(super) const REGISTRATION: &str = "__registration";
/// How the file is called that kubectl starts.
pub(super) const LINK: &str = "kubectl_complete-";
/// Cobra's directive: these candidates and no file names.
const NO_FILES: &str = ":4";

/// A shell that completions are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash, 4 or newer.
    Bash,
    /// Zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
}

impl Shell {
    /// Its name, as [`VARIABLE`] has it.
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
        }
    }
}

/// What registers `program` with `shell`, to be sourced.
///
/// # Errors
/// 70: the shell is not known to the library.
pub fn registration(program: &str, shell: Shell) -> Result<String, Failure> {
    if shell == Shell::Bash {
        return Ok(for_bash(program));
    }
    let broken = |error: String| Failure::new(Exit::Bug, format!("no completion: {error}"));
    let shells = Shells::builtins();
    let writer = shells
        .completer(shell.name())
        .ok_or_else(|| broken(format!("`{}` is not known", shell.name())))?;
    let mut text = Vec::new();
    writer
        .write_registration(VARIABLE, program, program, program, &mut text)
        .map_err(|error| broken(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|error| broken(error.to_string()))?;
    let loaded = match shell {
        Shell::Zsh => for_fpath(program),
        _ => String::new(),
    };
    Ok(format!("{}\n{loaded}", text.trim()))
}

/// zsh runs a file of `fpath` as the completion itself, at its first TAB: the library's only
/// defines it.
fn for_fpath(program: &str) -> String {
    let name = program.replace('-', "_");
    format!("[[ $funcstack[1] != _{program} ]] || _clap_dynamic_completer_{name} \"$@\"\n")
}

/// The library's would hand over words that bash parted at colons.
fn for_bash(program: &str) -> String {
    include_str!("registration.bash")
        .replace("NAME", &program.replace('-', "_"))
        .replace("PROGRAM", program)
        .replace("VARIABLE", VARIABLE)
}

/// Candidates for a shell that asks through the environment; none: it is asked nothing.
/// `arguments` are the program's: its name, `--`, and the line so far.
pub(super) fn for_shell(
    program: Program,
    shell: &OsStr,
    arguments: &[OsString],
) -> Option<Vec<u8>> {
    let start = arguments.iter().position(|word| word == "--")? + 1;
    let line = arguments.get(start..)?.to_vec();
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok();
    // Zsh and bash say which word it is; the others end at it.
    let index = index.and_then(|index| index.parse().ok());
    let words = Words::new(
        program,
        &line,
        index.unwrap_or(line.len().saturating_sub(1)),
    );
    let shells = Shells::builtins();
    let writer = shells.completer(shell.to_str()?)?;
    let mut text = Vec::new();
    let here = std::env::current_dir().ok();
    writer
        .write_complete(
            &mut command(&words, &line),
            line,
            here.as_deref(),
            &mut text,
        )
        .ok()?;
    Some(text)
}

/// Candidates for kubectl: `words` follow the plugin's name, the last is the one to complete.
pub(super) fn for_kubectl(program: Program, name: &OsStr, words: &[OsString]) -> String {
    let empty = OsString::new();
    let last = words.last().unwrap_or(&empty);
    let before = words.iter().take(words.len().saturating_sub(1));
    let line: Vec<OsString> = [name.to_owned()]
        .iter()
        .chain(before)
        .chain([last])
        .cloned()
        .collect();
    let at = line.len() - 1;
    let mut command = command(&Words::new(program, &line, at), &line);
    let here = std::env::current_dir().ok();
    let found = complete(&mut command, line, at, here.as_deref()).unwrap_or_default();
    // As kubectl's own commands: flags once a dash is typed.
    let flags = last.to_string_lossy().starts_with('-');
    let wanted = found
        .iter()
        .filter(|candidate| flags || !candidate.get_value().to_string_lossy().starts_with('-'));
    let mut text = wanted.filter_map(line_of).collect::<String>();
    let _infallible = writeln!(text, "{NO_FILES}");
    text
}

/// `value<TAB>what it is`.
fn line_of(candidate: &CompletionCandidate) -> Option<String> {
    // What cannot be typed, a name that is not UTF-8, is not offered.
    let value = candidate.get_value().to_str()?;
    let help = candidate.get_help().map(ToString::to_string);
    let help = help.as_deref().and_then(|help| help.lines().next());
    Some(match help {
        Some(help) => format!("{}\t{}\n", printable(value), printable(help)),
        None => format!("{}\n", printable(value)),
    })
}

/// The command as it is called, with what completes its arguments.
fn command(words: &Words, line: &[OsString]) -> Command {
    let called = Called::new(line);
    let named = called.name(words.command());
    values::completed(named, words)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, Subcommand};

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "kubectl-sample")]
    struct Sample {
        #[command(subcommand)]
        verb: Verb,
    }

    #[derive(Debug, Subcommand)]
    enum Verb {
        /// Lists
        List {
            /// How it looks
            #[arg(short, long, value_parser = ["table", "json"])]
            output: Option<String>,
        },
        /// Looks
        Look,
    }

    fn asked(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let program = Program {
            factory: Sample::command,
            lookups: Lookups::NONE,
        };
        for_kubectl(program, OsStr::new("kubectl-sample"), &words)
    }

    #[test]
    fn verbs_flags_and_values_are_offered_a_line_each() {
        assert_eq!(asked(&["l"]), "list\tLists\nlook\tLooks\n:4\n");
        assert_eq!(asked(&["list", "-o", ""]), "table\njson\n:4\n");
        assert!(asked(&["list", "--o"]).starts_with("--output\tHow it looks\n"));
        assert_eq!(asked(&["nothing", "here", "x"]), ":4\n");
        assert!(asked(&[]).contains("list\tLists\n"));
    }

    #[test]
    fn a_registration_asks_the_program_by_name() {
        for shell in Shell::value_variants() {
            let text = registration("talosctl-snapshot-push", *shell).unwrap();
            assert!(text.contains("talosctl-snapshot-push"), "{text}");
            assert!(text.contains(VARIABLE), "{text}");
        }
    }
}
