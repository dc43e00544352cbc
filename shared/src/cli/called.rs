//! By which name a program was called, and its command line as a person would type it again.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;

use crate::shell::shell;

/// How this process was started.
#[derive(Debug, Clone)]
pub struct Called {
    /// `talosctl-snapshot-push`, `kubectl talos-snapshot-push`: as a person types it.
    program: String,
    by_kubectl: bool,
    words: Vec<String>,
}

impl Called {
    /// Reads the process's arguments, its own name first.
    pub(super) fn new(arguments: &[OsString]) -> Self {
        let path = arguments.first().map(OsString::as_os_str);
        let file = path
            .and_then(|path| Path::new(path).file_name())
            .unwrap_or(OsStr::new("etcdbackup"));
        let file = file.to_string_lossy();
        let plugin = ["kubectl-", "kubectl_"]
            .iter()
            .find_map(|start| file.strip_prefix(start));
        // In a plugin's file name `-` parts words, and `_` stands for a dash in one.
        let program = plugin.map_or_else(
            || file.clone().into_owned(),
            |name| format!("kubectl {}", name.replace('-', " ").replace('_', "-")),
        );
        let typed = arguments.iter().skip(1);
        Self {
            program,
            by_kubectl: plugin.is_some(),
            words: typed
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        }
    }

    /// The name as a person types it.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// What was typed behind it.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The same command line with `more` behind it.
    pub fn with(&self, more: &[&str]) -> String {
        shell(
            &self.program,
            self.words
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied()),
        )
    }

    /// The same command line with another value for an option that takes one.
    pub fn with_option(&self, short: Option<char>, long: &str, value: &str) -> String {
        let mut kept = Vec::new();
        let mut words = self.words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let rest = short.and_then(|short| word.strip_prefix('-')?.strip_prefix(short));
            let named = word
                .strip_prefix("--")
                .and_then(|word| word.strip_prefix(long));
            match (rest, named) {
                (Some(""), _) | (_, Some("")) => drop(words.next()),
                (Some(_), _) => {}
                (_, Some(rest)) if rest.starts_with('=') => {}
                _ => kept.push(word),
            }
        }
        let option = format!("--{long}");
        shell(
            &self.program,
            kept.into_iter().chain([option.as_str(), value]),
        )
    }

    /// Names the command as it was called. As a kubectl plugin a `talosctl-*` program has no
    /// `-n` and no `--context`: there they mean something else.
    pub(super) fn name(&self, command: Command) -> Command {
        let foreign = self.by_kubectl && command.get_name().starts_with("talosctl-");
        let command = command
            .bin_name(self.program.clone())
            .display_name(self.program.clone());
        if !foreign {
            return command;
        }
        command.mut_args(|argument| match argument.get_id().as_str() {
            "nodes" => argument.short(None),
            "context" => argument.long("talos-context"),
            _ => argument,
        })
    }

    /// The flag that was meant by one that means something else under kubectl.
    pub(super) fn meant(&self, flag: &str) -> Option<&'static str> {
        match flag.split(['=', ' ']).next() {
            Some("-n" | "--namespace") if self.by_kubectl => Some("--nodes"),
            Some("--context") if self.by_kubectl => Some("--talos-context"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(line: &[&str]) -> Called {
        Called::new(&line.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_program_is_called_what_a_person_types() {
        for (file, program, by_kubectl) in [
            (
                "/usr/local/bin/talosctl-snapshot-push",
                "talosctl-snapshot-push",
                false,
            ),
            (
                "/x/kubectl-talos_snapshot_push",
                "kubectl talos-snapshot-push",
                true,
            ),
            ("kubectl-etcdbackup", "kubectl etcdbackup", true),
            ("/talos-backup", "talos-backup", false),
        ] {
            let called = called(&[file]);
            assert_eq!((called.program(), called.by_kubectl), (program, by_kubectl));
        }
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        let take = called(&[
            "talosctl-snapshot-take",
            "-n",
            "a",
            "-e",
            "x",
            "--nodes=b",
            "-nc",
            "-o",
            "my file",
        ]);
        assert_eq!(
            take.with_option(Some('n'), "nodes", "d"),
            "talosctl-snapshot-take -e x -o 'my file' --nodes d"
        );
        let now = called(&["/bin/kubectl-etcdbackup", "now", "s3://b/p", "-r", "it's"]);
        assert_eq!(
            now.with(&["--direct"]),
            r"kubectl etcdbackup now s3://b/p -r 'it'\''s' --direct"
        );
    }
}
