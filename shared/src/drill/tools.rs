//! The etcd programs on this machine, and what they may be used for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Exit, Failure};

/// Major and minor version of etcd: what decides which data it may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3.
    pub major: u32,
    /// 4 and up.
    pub minor: u32,
}

impl Version {
    /// The first `MAJOR.MINOR` in a text, as in `3.6.0` or `3.4 or older`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .trim()
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// From 3.5 on the restore is etcdutl's; before, etcdctl's.
const ETCDUTL_SINCE: Version = Version { major: 3, minor: 5 };

/// The programs of a drill.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The server.
    pub etcd: PathBuf,
    /// Its version.
    pub version: Version,
    /// What restores: etcdutl, or etcdctl before 3.5.
    pub restorer: PathBuf,
}

impl Tools {
    /// Finds them: what was named, else beside the named etcd, else on PATH.
    ///
    /// # Errors
    /// 78: one is missing, or does not tell its version.
    pub fn find(etcd: Option<&Path>, restorer: Option<&Path>) -> Result<Self, Failure> {
        let etcd = match etcd {
            Some(named) => named.to_owned(),
            None => on_path("etcd").ok_or_else(|| missing("etcd", "--etcd"))?,
        };
        let version = version_of(&etcd)?;
        let name = if version >= ETCDUTL_SINCE {
            "etcdutl"
        } else {
            "etcdctl"
        };
        let beside = etcd.parent().map(|folder| folder.join(name));
        let restorer = restorer
            .map(Path::to_owned)
            .or_else(|| beside.filter(|path| path.is_file()))
            .or_else(|| on_path(name))
            .ok_or_else(|| missing(name, "--etcdutl"))?;
        Ok(Self {
            etcd,
            version,
            restorer,
        })
    }

    /// An older etcd must not open newer data.
    pub(super) fn can_open(&self, oldest: &Version) -> Result<(), Failure> {
        if self.version >= *oldest {
            return Ok(());
        }
        let what = format!(
            "`{}` is etcd {}, and the snapshot's data are of etcd {oldest}",
            self.etcd.display(),
            self.version
        );
        Err(Failure::new(Exit::Config, what)
            .hint(format!("name an etcd {oldest} or later with `--etcd PATH`")))
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn missing(name: &str, flag: &str) -> Failure {
    Failure::new(Exit::Config, format!("`{name}` is not on PATH"))
        .hint(format!("install it, or name it with `{flag} PATH`"))
}

fn version_of(etcd: &Path) -> Result<Version, Failure> {
    let wrong = |why: String| {
        Failure::new(
            Exit::Config,
            format!("cannot use `{}` as etcd: {why}", etcd.display()),
        )
        .hint("name an etcd server with `--etcd PATH`")
    };
    let output = Command::new(etcd)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("etcd Version:"))
        .and_then(Version::parse)
        .ok_or_else(|| wrong("it does not tell its version".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(version(" 3.6.4"), Version { major: 3, minor: 6 });
        assert!(version("3.10.0") > version("3.6.0"));
        assert_eq!(version("3.4 or older").to_string(), "3.4");
        assert_eq!(Version::parse("unknown"), None);
    }

    #[test]
    fn an_older_etcd_may_not_open_newer_data() {
        let tools = |minor| Tools {
            etcd: "etcd".into(),
            version: Version { major: 3, minor },
            restorer: "etcdutl".into(),
        };
        let data = Version { major: 3, minor: 6 };
        assert!(tools(6).can_open(&data).is_ok());
        assert!(tools(7).can_open(&data).is_ok());
        let refused = tools(5).can_open(&data).unwrap_err();
        assert_eq!(refused.exit, Exit::Config);
        assert!(refused.what.contains("etcd 3.5"), "{}", refused.what);
    }
}
