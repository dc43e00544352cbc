//! Names of saved machine configs:
//! `.configs/<cluster>/<node>[_<address>]-<UTC time>-<fingerprint>[-<recipients>].yaml[.age]`.
//!
//! The time is written as in the names of backups. A host name has no `_`, and an address has `-`
//! where it has `:`, as folders want it.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use super::FOLDER;
use crate::catalogue::{check_cluster_name, split_time};
use crate::failure::Failure;

/// Digits of the fingerprint of a machine config.
const FINGERPRINT: usize = 16;
/// Digits that stand for all recipients together.
const RECIPIENTS: usize = 8;

/// The parts of a name. [`fmt::Display`] prints it, to stand below the prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfigName {
    /// Our name for the cluster.
    pub cluster: String,
    /// The node's host name; its address where it told none.
    pub node: String,
    /// Its address, where that is not its name.
    pub address: Option<String>,
    /// When it was read; printed to the millisecond.
    pub taken_at: Timestamp,
    /// The first 16 digits of the SHA-256 of the machine config.
    pub fingerprint: String,
    /// Who can open it, as 8 digits; none: it is stored in the clear.
    pub sealed_for: Option<String>,
}

impl ConfigName {
    /// A name to write. `node` and `address` come from the node itself: what cannot stand in a
    /// name is replaced.
    ///
    /// # Errors
    /// 2: the cluster's name cannot stand in a name.
    pub fn new(
        cluster: &str,
        (node, address): (&str, Option<&str>),
        taken_at: Timestamp,
        fingerprint: &str,
        sealed_for: Option<String>,
    ) -> Result<Self, Failure> {
        check_cluster_name(cluster)?;
        let whole = Timestamp::from_millisecond(taken_at.as_millisecond());
        Ok(Self {
            cluster: cluster.to_owned(),
            node: plain(node),
            address: address.map(str::to_owned),
            taken_at: whole.unwrap_or(taken_at),
            fingerprint: fingerprint.to_owned(),
            sealed_for,
        })
    }

    /// Reads `<cluster>/<file>`; none: it is of another pattern.
    pub fn parse(name: &str) -> Option<Self> {
        let (cluster, file) = name.split_once('/')?;
        check_cluster_name(cluster).ok()?;
        let (stem, sealed_for) = match file.strip_suffix(".yaml.age") {
            Some(stem) => {
                let (stem, recipients) = digits(stem, RECIPIENTS)?;
                (stem, Some(recipients))
            }
            None => (file.strip_suffix(".yaml")?, None),
        };
        let (stem, fingerprint) = digits(stem, FINGERPRINT)?;
        let (who, taken_at) = split_time(stem)?;
        let (node, address) = match who.split_once('_') {
            Some((node, address)) => (node, Some(read_address(address))),
            None => (who, None),
        };
        (node == plain(node)).then(|| Self {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            address,
            taken_at,
            fingerprint,
            sealed_for,
        })
    }
}

impl fmt::Display for ConfigName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FOLDER}/{}/{}", self.cluster, self.node)?;
        if let Some(address) = &self.address {
            write!(f, "_{}", plain(address))?;
        }
        write!(f, "-{:.3}-{}", self.taken_at, self.fingerprint)?;
        match &self.sealed_for {
            Some(recipients) => write!(f, "-{recipients}.yaml.age"),
            None => f.write_str(".yaml"),
        }
    }
}

/// A short fingerprint of a machine config. A config is full of random keys: nobody finds it, or
/// a part of it, from this.
pub fn fingerprint(config: &[u8]) -> String {
    short(config, FINGERPRINT)
}

/// Recipients as one short text: whether others can open what is saved anew than what was.
pub(super) fn sealed_for(fingerprints: &[String]) -> String {
    let mut sorted = fingerprints.to_vec();
    sorted.sort();
    short(sorted.join("\n").as_bytes(), RECIPIENTS)
}

fn short(bytes: &[u8], length: usize) -> String {
    let mut text = hex::encode(digest(&SHA256, bytes).as_ref());
    text.truncate(length);
    text
}

/// `stem` without `-` and `count` digits at its end, and those.
fn digits(stem: &str, count: usize) -> Option<(&str, String)> {
    let (stem, digits) = stem.rsplit_once('-')?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let whole = digits.len() == count && digits.bytes().all(lower);
    whole.then(|| (stem, digits.to_owned()))
}

/// What can stand in a name: letters, digits, `.` and `-`, not hidden and not empty.
fn plain(text: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let text: String = text
        .chars()
        .map(|c| if known(c) { c } else { '-' })
        .collect();
    let text = text.trim_start_matches('.');
    if text.is_empty() { "node" } else { text }.to_owned()
}

fn read_address(text: &str) -> String {
    let colons = text.replace('-', ":");
    let address = text.parse::<IpAddr>().or_else(|_| colons.parse());
    address.map_or_else(|_| text.to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(node: &str, address: Option<&str>, sealed: bool) -> ConfigName {
        ConfigName::new(
            "admin@home-lab",
            (node, address),
            "2026-01-02T03:04:05.678Z".parse().unwrap(),
            &fingerprint(b"machine: {}\n"),
            sealed.then(|| sealed_for(&["age:1".to_owned(), "age:2".to_owned()])),
        )
        .unwrap()
    }

    #[test]
    fn names_are_written_and_read() {
        let sealed = name("cp-1", Some("10.0.0.2"), true);
        let text = sealed.to_string();
        assert!(
            text.starts_with(".configs/admin@home-lab/cp-1_10.0.0.2-2026-01-02T03:04:05.678Z-"),
            "{text}"
        );
        assert!(text.ends_with(".yaml.age"), "{text}");
        for (one, shown) in [
            (sealed, "cp-1_10.0.0.2-"),
            (name("cp-1", Some("fd00::1"), true), "cp-1_fd00--1-"),
            (name("10.0.0.2", None, false), "10.0.0.2-"),
        ] {
            let text = one.to_string();
            assert!(text.contains(&format!("/{shown}2026")), "{text}");
            let below = text.strip_prefix(".configs/").unwrap();
            // As a folder holds it, too.
            let (folder, file) = below.split_once('/').unwrap();
            let in_folder = format!("{folder}/{}", file.replace(':', "-"));
            for form in [below, &in_folder] {
                assert_eq!(ConfigName::parse(form).as_ref(), Some(&one), "{form}");
            }
        }
    }

    #[test]
    fn other_names_are_not_ours() {
        let good = "c/cp-1_10.0.0.2-2026-01-02T03:04:05.678Z-0123456789abcdef-01234567.yaml.age";
        assert!(ConfigName::parse(good).is_some());
        for (from, to) in [
            ("c/", ""),
            ("c/", ".c/"),
            ("c/", "c/d/"),
            ("c/cp", "c/.cp"),
            ("cp-1", "cp 1"),
            ("-01234567", ""),
            ("-01234567", "-0123456X"),
            ("cdef", "cde"),
            ("2026-01", "2026-13"),
            (".age", ""),
            (".yaml", ".yml"),
            (".age", ".age.part"),
        ] {
            let name = good.replacen(from, to, 1);
            assert_eq!(ConfigName::parse(&name), None, "{name}");
        }
    }

    #[test]
    fn the_order_of_recipients_does_not_matter_and_their_set_does() {
        let [one, two] = ["age:1", "age:2"].map(str::to_owned);
        let both = sealed_for(&[one.clone(), two.clone()]);
        assert_eq!(both, sealed_for(&[two, one.clone()]));
        assert_ne!(both, sealed_for(&[one]));
    }

    proptest! {
        #[test]
        fn what_we_write_we_read(
            node in ".{0,40}",
            address in proptest::option::of("[0-9a-f:.]{1,20}"),
            milliseconds in 0_i64..4_000_000_000_000,
            sealed: bool,
        ) {
            let taken_at = Timestamp::from_millisecond(milliseconds).unwrap();
            let sealed = sealed.then(|| sealed_for(&[]));
            let wrote = ConfigName::new(
                "prod",
                (&node, address.as_deref()),
                taken_at,
                &fingerprint(node.as_bytes()),
                sealed.clone(),
            ).unwrap();
            let text = wrote.to_string();
            let read = ConfigName::parse(text.strip_prefix(".configs/").unwrap()).unwrap();
            prop_assert_eq!(&read.node, &wrote.node);
            prop_assert_eq!(read.taken_at, wrote.taken_at);
            prop_assert_eq!(&read.fingerprint, &wrote.fingerprint);
            prop_assert_eq!(read.sealed_for, sealed);
            prop_assert_eq!(read.address.is_some(), address.is_some());
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,120}") {
            if let Some(name) = ConfigName::parse(&text) {
                prop_assert_eq!(name.fingerprint.len(), FINGERPRINT);
            }
        }
    }
}
