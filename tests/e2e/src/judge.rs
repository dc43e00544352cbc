//! The judge of every scenario: when its world ends, everything that any program sent to change
//! anything is held against what a recovery may never do.

use std::ffi::OsStr;

use talos_sim::{Intent, Record};

/// Looks at a world's record when it is dropped.
#[derive(Debug)]
pub(crate) struct Judge {
    record: Record,
    /// talosctl's calls are judged, too. It names a single node among `nodes`, which is its way.
    pub(crate) by_hand: bool,
}

/// What the judge says of that way.
const OF_TALOSCTL: &str = "it is not for one node by name";

impl Judge {
    pub(crate) fn of(record: Record) -> Self {
        Self {
            record,
            by_hand: false,
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // A test that fails already has its own reason.
        if std::thread::panicking() {
            return;
        }
        let mut offences = self.record.offences();
        offences.retain(|offence| !(self.by_hand && offence.contains(OF_TALOSCTL)));
        assert!(offences.is_empty(), "{}", offences.join("\n"));
    }
}

/// What a command line says beforehand, be it one of ours or a script of several.
pub(crate) fn intent<'a>(arguments: impl Iterator<Item = &'a OsStr>) -> Intent {
    let text: Vec<_> = arguments.map(OsStr::to_string_lossy).collect();
    let words: Vec<&str> = text.iter().flat_map(|one| one.split_whitespace()).collect();
    let mut lost = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let named = match word.strip_prefix("--lost") {
            Some("") => words.get(place + 1).copied(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        let named = named.into_iter().flat_map(|names| names.split(','));
        lost.extend(named.map(str::to_owned));
    }
    Intent {
        lost,
        dry_run: words.contains(&"--dry-run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_found_in_arguments_and_in_scripts() {
        let said = |words: &[&str]| intent(words.iter().map(OsStr::new));
        let one = said(&["-n", "10.0.0.2", "--lost", "10.0.0.3,10.0.0.4", "--dry-run"]);
        assert_eq!(one.lost, ["10.0.0.3", "10.0.0.4"]);
        assert!(one.dry_run);
        let script = said(&["-ec", "pull |\n  recover --lost=cp-2 --lost cp-3 < db"]);
        assert_eq!(script.lost, ["cp-2", "cp-3"]);
        assert!(!script.dry_run);
        assert_eq!(said(&["--lost"]), Intent::default());
    }
}
