//! Object names: `<cluster>-<UTC RFC 3339 with milliseconds, Z>.snap[.zst][.age]`.
//!
//! The pattern is talos-backup's; its own names have whole seconds and, with `TZ` set, an
//! offset. A cluster name may contain dashes and `@`, so the time is read from the right.
//! Folders hold `-` where the name has `:`.

use std::fmt;

use jiff::Timestamp;

use crate::failure::{Exit, Failure};

/// Longest cluster name in bytes: with time, suffixes, `.json` and the name of an unfinished
/// file it must stay below the 255 bytes of common file systems.
const LONGEST_CLUSTER_NAME: usize = 190;

/// Length of `YYYY-MM-DD`.
const DATE: usize = 10;

/// Length of `THH:MM:SS`.
const TIME: usize = 9;

/// The parts of an object name. [`fmt::Display`] prints the name we write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// Our name for the cluster.
    pub cluster: String,
    /// When the snapshot was taken; printed to the millisecond.
    pub taken_at: Timestamp,
    /// `.zst`.
    pub compressed: bool,
    /// `.age`.
    pub encrypted: bool,
}

impl ObjectName {
    /// A name to write; the time is cut to whole milliseconds.
    ///
    /// # Errors
    /// 2: [`check_cluster_name`] refuses the cluster name.
    pub fn new(
        cluster: &str,
        taken_at: Timestamp,
        compressed: bool,
        encrypted: bool,
    ) -> Result<Self, Failure> {
        check_cluster_name(cluster)?;
        let whole = Timestamp::from_millisecond(taken_at.as_millisecond());
        Ok(Self {
            cluster: cluster.to_owned(),
            taken_at: whole.unwrap_or(taken_at),
            compressed,
            encrypted,
        })
    }

    /// Reads a name (no prefix) of ours or of talos-backup; none: it is of another pattern.
    pub fn parse(name: &str) -> Option<Self> {
        let (name, encrypted) = without_suffix(name, ".age");
        let (name, compressed) = without_suffix(name, ".zst");
        let (cluster, taken_at) = split_time(name.strip_suffix(".snap")?)?;
        let plain = !cluster.contains(|c: char| c == '/' || c.is_control());
        (plain && !cluster.is_empty() && !cluster.starts_with('.')).then(|| Self {
            cluster: cluster.to_owned(),
            taken_at,
            compressed,
            encrypted,
        })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:.3}.snap", self.cluster, self.taken_at)?;
        f.write_str(if self.compressed { ".zst" } else { "" })?;
        f.write_str(if self.encrypted { ".age" } else { "" })
    }
}

/// Whether a cluster name can stand in object names.
///
/// # Errors
/// 2: empty, too long, with `/`, `:` or control characters, or a leading `.`.
pub fn check_cluster_name(name: &str) -> Result<(), Failure> {
    let trouble = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST_CLUSTER_NAME {
        "is longer than 190 bytes"
    } else if name.contains(char::is_control) {
        "has control characters"
    } else if name.contains('/') {
        "has a `/`: it would be stored outside the prefix"
    } else if name.contains(':') {
        // A folder would hold it as another cluster's name.
        "has a `:`: folders store that as `-`"
    } else if name.starts_with('.') {
        "begins with `.`: such names are hidden"
    } else {
        return Ok(());
    };
    let what = format!("the cluster name {name:?} {trouble}");
    Err(Failure::new(Exit::Usage, what).hint("give another one: `--cluster-name NAME`"))
}

fn without_suffix<'a>(name: &'a str, suffix: &str) -> (&'a str, bool) {
    name.strip_suffix(suffix)
        .map_or((name, false), |rest| (rest, true))
}

/// What stands before the `-` and the time at the end of `stem`, and the time.
pub(crate) fn split_time(stem: &str) -> Option<(&str, Timestamp)> {
    let start = stem.rfind('T')?.checked_sub(DATE)?;
    let time = parse_time(stem.get(start..)?)?;
    Some((stem.get(..start)?.strip_suffix('-')?, time))
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`, each `:` perhaps written `-`.
fn parse_time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(DATE)?;
    let (time, rest) = rest.split_at_checked(TIME)?;
    let time = time.get(1..)?.replace('-', ":");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone_at)?;
    let shaped = has_shape(date, "0000-00-00") && has_shape(&time, "00:00:00");
    if !shaped || !(fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits)) {
        return None;
    }
    let zone = match zone.split_at_checked(1)? {
        ("Z", "") => "Z".to_owned(),
        (sign @ ("+" | "-"), offset) => {
            let offset = offset.replace('-', ":");
            has_shape(&offset, "00:00").then(|| format!("{sign}{offset}"))?
        }
        _ => return None,
    };
    format!("{date}T{time}{fraction}{zone}").parse().ok()
}

/// Whether `text` is `shape`, in which `0` stands for a digit and `X` for an upper case
/// hexadecimal digit.
pub(super) fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'X' => byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte),
        literal => byte == literal,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

/// Whether the last part of a key names an object rather than a prefix: the names that we and
/// others write end so.
pub fn is_object_name(key: &str) -> bool {
    [".snap", ".zst", ".age", ".snapshot", ".db"]
        .iter()
        .any(|end| key.ends_with(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_ours_and_of_talos_backup() {
        let table = [
            // Ours, in S3 and in a folder.
            (
                "prod-2026-01-02T03:04:05.678Z.snap.zst.age",
                "prod",
                "2026-01-02T03:04:05.678Z",
                true,
                true,
            ),
            (
                "prod-2026-01-02T03-04-05.678Z.snap.age",
                "prod",
                "2026-01-02T03:04:05.678Z",
                false,
                true,
            ),
            // talos-backup's.
            (
                "talos-test-cluster-2024-07-19T00:00:00Z.snap.zst.age",
                "talos-test-cluster",
                "2024-07-19T00:00:00Z",
                true,
                true,
            ),
            (
                "admin@home-lab-2024-07-19T02:00:00+02:00.snap",
                "admin@home-lab",
                "2024-07-19T00:00:00Z",
                false,
                false,
            ),
            (
                "home-2024-07-18T19-00-00-05-00.snap.zst",
                "home",
                "2024-07-19T00:00:00Z",
                true,
                false,
            ),
            (
                "T-2020-01-01T00:00:00Z-2024-07-19T00:00:00Z.snap",
                "T-2020-01-01T00:00:00Z",
                "2024-07-19T00:00:00Z",
                false,
                false,
            ),
        ];
        for (text, cluster, taken_at, compressed, encrypted) in table {
            let wanted = ObjectName {
                cluster: cluster.to_owned(),
                taken_at: taken_at.parse().unwrap(),
                compressed,
                encrypted,
            };
            assert_eq!(ObjectName::parse(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_names_are_not_ours() {
        for text in [
            "",
            ".snap",
            "db.snapshot",
            "prod.snap",
            "2026-01-02T03:04:05Z.snap",
            "-2026-01-02T03:04:05Z.snap",
            ".prod-2026-01-02T03:04:05Z.snap",
            "a/b-2026-01-02T03:04:05Z.snap",
            "a\nb-2026-01-02T03:04:05Z.snap",
            "prod-2026-13-02T03:04:05Z.snap",
            "prod-2026-01-02T03:04:05.Z.snap",
            "prod-2026-01-02T03:04:05.snap",
            "prod-2026-01-02T03:04:05Z.snap.age.zst",
            "prod-2026-01-02T03:04:05Z.db",
            "é-2026-01T03:04:05Z.snap",
        ] {
            assert_eq!(ObjectName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn cluster_names_are_checked() {
        for name in ["prod", "admin@home-lab", "a.b", "été", &"x".repeat(190)] {
            assert!(check_cluster_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", ".x", "a/b", "a\tb", "a:b", &"x".repeat(191)] {
            assert_eq!(
                check_cluster_name(name).unwrap_err().exit,
                Exit::Usage,
                "{name:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_we_write_we_read(
            cluster in "[a-zA-Z0-9@_é-][a-zA-Z0-9@_.é-]{0,40}",
            milliseconds in 0_i64..4_000_000_000_000,
            compressed: bool,
            encrypted: bool,
        ) {
            let taken_at = Timestamp::from_millisecond(milliseconds).unwrap();
            let name = ObjectName::new(&cluster, taken_at, compressed, encrypted).unwrap();
            prop_assert_eq!(ObjectName::parse(&name.to_string()), Some(name.clone()));
            prop_assert_eq!(ObjectName::parse(&name.to_string().replace(':', "-")), Some(name));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*", middle in "[-T:Z+0-9.é]{0,40}") {
            let name = format!("{text}-{middle}.snap");
            if let Some(parsed) = ObjectName::parse(&name) {
                prop_assert!(name.starts_with(&parsed.cluster));
            }
            prop_assert_eq!(ObjectName::parse(&text).is_some() && !text.contains(".snap"), false);
        }
    }
}
