//! Systems and processors, as rustc, Go and file names have them.

use std::fmt;
use std::str::FromStr;

/// What programs are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// Go's name of the system, which krew uses.
    pub(crate) os: &'static str,
    /// Go's name of the processor.
    pub(crate) arch: &'static str,
}

/// Every platform that an archive can be for.
pub(crate) const ALL: [Target; 4] = [
    Target {
        os: "darwin",
        arch: "amd64",
    },
    Target {
        os: "darwin",
        arch: "arm64",
    },
    Target {
        os: "linux",
        arch: "amd64",
    },
    Target {
        os: "linux",
        arch: "arm64",
    },
];

impl FromStr for Target {
    type Err = String;

    fn from_str(triple: &str) -> Result<Self, String> {
        let arch = match triple.split('-').next() {
            Some("x86_64") => "amd64",
            Some("aarch64") => "arm64",
            _ => return Err("archives are for x86_64 and aarch64".to_owned()),
        };
        let os = if triple.contains("-linux-") {
            "linux"
        } else if triple.ends_with("-apple-darwin") {
            "darwin"
        } else {
            return Err("archives are for Linux and macOS".to_owned());
        };
        Ok(Self { os, arch })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.os, self.arch)
    }
}

/// The file name of an archive.
pub(crate) fn archive_name(archive: &str, version: &str, target: Target) -> String {
    format!("{archive}-{version}-{target}.tar.gz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_becomes_gos_names() {
        for (triple, name) in [
            ("x86_64-unknown-linux-gnu", "linux-amd64"),
            ("aarch64-unknown-linux-musl", "linux-arm64"),
            ("aarch64-apple-darwin", "darwin-arm64"),
        ] {
            let target: Target = triple.parse().unwrap();
            assert_eq!(target.to_string(), name);
            assert!(ALL.contains(&target));
        }
        for foreign in ["riscv64gc-unknown-linux-gnu", "x86_64-pc-windows-msvc", ""] {
            assert!(foreign.parse::<Target>().is_err(), "{foreign}");
        }
    }
}
