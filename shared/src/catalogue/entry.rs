//! One object of a destination, and what its name and size say it is.

use jiff::Timestamp;

use super::foreign;
use super::manifest::MANIFEST_FOLDER;
use super::names::ObjectName;
use crate::store::Object;

/// How far the clock of another machine may run ahead before a name counts as dated in the
/// future, in seconds.
pub const FUTURE_TOLERANCE_SECONDS: i64 = 300;

/// An object that is part of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full key.
    pub key: String,
    /// Last part of the key.
    pub name: String,
    /// Stored bytes.
    pub size: u64,
    /// When the store last changed it.
    pub modified: Option<Timestamp>,
    /// What it is.
    pub kind: Kind,
}

/// What an object is, by name and size alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A snapshot of ours or of talos-backup.
    Snapshot(ObjectName),
    /// The same, dated later than now: its place in the order is not known.
    FutureDated(ObjectName),
    /// Perhaps a snapshot, but its name has no date.
    Undated,
    /// Empty, or left by an unfinished write.
    Partial,
    /// Another tool's: its name, or `unknown`.
    Foreign(&'static str),
    /// A manifest of ours.
    Manifest,
}

/// What `object` is in the destination with `prefix` (no trailing slash; empty for a folder
/// or a whole bucket). None: it lies deeper or elsewhere, and is no part of it.
pub fn classify(object: &Object, prefix: &str, now: Timestamp) -> Option<Entry> {
    let below = match prefix {
        "" => object.key.as_str(),
        prefix => object.key.strip_prefix(prefix)?.strip_prefix('/')?,
    };
    // talos-backup joins a prefix that ends in `/` to `prefix//name`.
    let below = below.strip_prefix('/').unwrap_or(below);
    let (name, kind) = match below.split_once('/') {
        None if below.is_empty() => return None,
        None => (below, kind_of(below, object.size, now)),
        Some((MANIFEST_FOLDER, name)) if name.ends_with(".json") && !name.contains('/') => {
            (name, Kind::Manifest)
        }
        Some(_) => return None,
    };
    Some(Entry {
        key: object.key.clone(),
        name: name.to_owned(),
        size: object.size,
        modified: object.modified,
        kind,
    })
}

fn kind_of(name: &str, size: u64, now: Timestamp) -> Kind {
    let dated = ObjectName::parse(name);
    let ahead = |dated: &ObjectName| {
        dated.taken_at.as_second().saturating_sub(now.as_second()) > FUTURE_TOLERANCE_SECONDS
    };
    match dated {
        Some(dated) if ahead(&dated) => Kind::FutureDated(dated),
        _ if size == 0 || name.ends_with(".part") => Kind::Partial,
        Some(dated) => Kind::Snapshot(dated),
        None => match foreign::tool(name) {
            Some(tool) => Kind::Foreign(tool),
            None if looks_like_snapshot(name) => Kind::Undated,
            None => Kind::Foreign("unknown"),
        },
    }
}

/// Names people give snapshots by hand: `.snap`, `.snapshot` or `.db`, perhaps packed.
fn looks_like_snapshot(name: &str) -> bool {
    let name = name.strip_suffix(".age").unwrap_or(name);
    let name = name.strip_suffix(".zst").unwrap_or(name);
    !name.starts_with('.')
        && [".snap", ".snapshot", ".db"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(key: &str, size: u64, prefix: &str) -> Option<Entry> {
        let object = Object {
            key: key.to_owned(),
            size,
            modified: None,
        };
        classify(&object, prefix, "2026-01-02T03:04:05Z".parse().unwrap())
    }

    #[test]
    fn only_what_lies_directly_under_the_prefix_is_part_of_it() {
        let name = "c-2026-01-01T00:00:00Z.snap.zst.age";
        for (key, prefix, member) in [
            (format!("prod/{name}"), "prod", true),
            (format!("prod//{name}"), "prod", true),
            (name.to_owned(), "", true),
            (format!("a/b/{name}"), "a/b", true),
            (format!("a//{name}"), "a/", true),
            (format!("prod/other/{name}"), "prod", false),
            (format!("production/{name}"), "prod", false),
            (format!("prod/.verified/{name}"), "prod", false),
            (format!("prod/.configs/prod/{name}"), "prod", false),
            (format!("prod/.configs/{name}"), "prod", false),
            (format!("prod/.runbook/{name}"), "prod", false),
            (format!(".configs/prod/{name}"), "", false),
            ("prod/".to_owned(), "prod", false),
            (format!("prod/{name}"), "", false),
        ] {
            let entry = classified(&key, 9, prefix);
            assert_eq!(entry.is_some(), member, "{key} in {prefix:?}");
            if let Some(entry) = entry {
                assert_eq!((entry.key, entry.name.as_str()), (key, name));
                assert!(matches!(entry.kind, Kind::Snapshot(_)));
            }
        }
    }

    #[test]
    fn kinds() {
        let kind = |name: &str, size| classified(&format!("p/{name}"), size, "p").unwrap().kind;
        assert_eq!(kind("c-2026-01-02T03:04:05.000Z.snap", 0), Kind::Partial);
        assert_eq!(
            kind(".c-2026-01-02T03-04-05.000Z.snap.1a2b3c4d.part", 7),
            Kind::Partial
        );
        assert!(matches!(
            kind("c-2026-01-02T03:09:05Z.snap", 7),
            Kind::Snapshot(_)
        ));
        assert!(matches!(
            kind("c-2026-01-02T03:09:06Z.snap", 7),
            Kind::FutureDated(_)
        ));
        assert!(matches!(
            kind("c-2026-01-02T03:09:06Z.snap", 0),
            Kind::FutureDated(_)
        ));
        assert!(matches!(
            kind("c-2026-01-02T05:04:05+02:00.snap", 7),
            Kind::Snapshot(_)
        ));
        for name in ["db.snapshot", "etcd.db", "before-upgrade.snap.zst.age"] {
            assert_eq!(kind(name, 7), Kind::Undated, "{name}");
        }
        assert_eq!(kind("FFFFFFFF9A99FBF6.snapshot", 7), Kind::Foreign("Omni"));
        assert_eq!(kind("notes.txt", 7), Kind::Foreign("unknown"));
        assert_eq!(
            kind(".manifest/c-2026-01-02T03:04:05.000Z.snap.json", 7),
            Kind::Manifest
        );
    }
}
