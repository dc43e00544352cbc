//! Which Talos a simulator pretends to be: the API's rules moved between releases.

use std::fmt;
use std::str::FromStr;

/// A Talos version, as `v1.13.9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TalosVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

impl TalosVersion {
    /// Whether this is `major.minor` or later.
    #[must_use]
    pub fn at_least(self, major: u16, minor: u16) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// Whether this is a release of `major.minor` with at least this patch.
    pub(crate) fn is_patch_of(self, major: u16, minor: u16, patch: u16) -> bool {
        (self.major, self.minor) == (major, minor) && self.patch >= patch
    }

    /// The image of etcd that this Talos runs by default.
    pub(crate) fn etcd_image(self) -> &'static str {
        match (self.major, self.minor) {
            (1, ..=7) => "gcr.io/etcd-development/etcd:v3.5.13",
            (1, ..=9) => "gcr.io/etcd-development/etcd:v3.5.17",
            (1, 10) => "gcr.io/etcd-development/etcd:v3.5.21",
            (1, 11) => "gcr.io/etcd-development/etcd:v3.6.4",
            (1, 12) => "registry.k8s.io/etcd:v3.6.7",
            (1, 13) => "registry.k8s.io/etcd:v3.6.9",
            _ => "registry.k8s.io/etcd:v3.7.1",
        }
    }
}

impl Default for TalosVersion {
    fn default() -> Self {
        Self {
            major: 1,
            minor: 13,
            patch: 9,
        }
    }
}

impl FromStr for TalosVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a Talos version like v1.13.9");
        let numbers: Vec<u16> = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split('.')
            .map(|number| number.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        match numbers[..] {
            [major, minor, patch] => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for TalosVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_number() {
        let version: TalosVersion = "v1.9.12".parse().unwrap();
        assert!(!version.at_least(1, 11));
        assert!(version.at_least(1, 9));
        assert_eq!(version.to_string(), "v1.9.12");
        assert!("1.2".parse::<TalosVersion>().is_err());
        assert!("v1.2.x".parse::<TalosVersion>().is_err());
    }
}
