//! Manifests: what is not secret about a stored object, beside it, written last.
//!
//! A manifest is optional and never trusted against the bytes. Fields we do not know are
//! passed over, fields that are missing are empty; only another version is refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::store::{LockMode, ObjectLock};

/// The folder of manifests, below the prefix.
pub const MANIFEST_FOLDER: &str = ".manifest";

/// The version written and read.
pub const MANIFEST_VERSION: u32 = 1;

/// The largest manifest that is read, in bytes.
pub const MANIFEST_LIMIT: usize = 1024 * 1024;

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// Name of the object, without prefix.
    pub object: String,
    /// Our name for the cluster.
    pub cluster: String,
    /// When the snapshot was taken.
    #[serde(with = "time")]
    pub created_at: Timestamp,
    /// Where the snapshot came from: a node, a file, standard input.
    #[serde(default)]
    pub source: String,
    /// The snapshot itself.
    pub snapshot: Content,
    /// The bytes as they lie in the store.
    pub stored: Content,
    /// `zstd` or `none`.
    #[serde(default)]
    pub compression: String,
    /// Whether the stored bytes are encrypted with age.
    #[serde(default)]
    pub encrypted: bool,
    /// Fingerprints of the age recipients.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Last revision in the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Keys in the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_keys: Option<u64>,
    /// Version of etcd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd_version: Option<String>,
    /// Version of Talos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talos_version: Option<String>,
    /// Version of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// SHA-256 of the cluster's Talos CA certificate, hexadecimal: which cluster it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talos_ca: Option<String>,
    /// Id of the etcd member it was taken from, hexadecimal as etcd writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// Until when the store keeps the object from being deleted, as it was asked to.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_time"
    )]
    pub retain_until: Option<Timestamp>,
    /// `governance` or `compliance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_mode: Option<String>,
    /// Name of the object whose snapshot this one holds for other recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// How far the snapshot was verified before it was stored.
    pub verified: Verified,
    /// Whether it is a copied database file, without a digest of etcd's own.
    #[serde(default)]
    pub raw: bool,
    /// What could not be learned, for example for want of a role: one sentence each.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Program and version that wrote it.
    #[serde(default)]
    pub tool: String,
}

/// Size and digest of some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Size.
    pub bytes: u64,
    /// SHA-256, hexadecimal, lower case.
    pub sha256: String,
}

/// How far a snapshot was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// Its own SHA-256 at the end is right.
    Digest,
    /// The structure of the database was walked.
    Structure,
    /// In a way this version does not know.
    #[serde(other)]
    Unknown,
}

impl Manifest {
    /// The bytes to store.
    ///
    /// # Errors
    /// 70: it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, Failure> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| {
            let what = format!("cannot write the manifest of `{}`", self.object);
            Failure::new(Exit::Bug, what).source(error)
        })?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads the bytes of the manifest at `key`, which is only named in errors.
    ///
    /// # Errors
    /// 65: too large, not a manifest, of another version, a digest that is none.
    pub fn from_json(key: &str, json: &[u8]) -> Result<Self, Failure> {
        let refused = |trouble: &str| {
            Failure::new(Exit::Data, format!("the manifest `{key}` {trouble}"))
                .hint("the snapshot may be good all the same: a manifest is optional")
        };
        if json.len() > MANIFEST_LIMIT {
            return Err(refused("is larger than 1 MiB"));
        }
        let head: Head = serde_json::from_slice(json)
            .map_err(|error| refused("is not a manifest").source(error))?;
        if head.version != MANIFEST_VERSION {
            let version = head.version;
            return Err(refused(&format!(
                "is of version {version}, this program reads 1"
            )));
        }
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| refused(&format!("is incomplete: {error}")).source(error))?;
        if [&manifest.snapshot, &manifest.stored]
            .into_iter()
            .any(|content| !content.has_digest())
        {
            return Err(refused("has a digest that is not a SHA-256"));
        }
        Ok(manifest)
    }
}

impl Manifest {
    /// The lock it tells of.
    pub fn lock(&self) -> Option<ObjectLock> {
        let mode = match self.lock_mode.as_deref() {
            Some("compliance") => LockMode::Compliance,
            _ => LockMode::Governance,
        };
        self.retain_until.map(|until| ObjectLock { mode, until })
    }

    /// Tells of a lock.
    pub fn set_lock(&mut self, lock: Option<ObjectLock>) {
        self.retain_until = lock.map(|lock| lock.until);
        self.lock_mode = lock.map(|lock| lock.mode.to_string());
    }
}

impl Content {
    fn has_digest(&self) -> bool {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        self.sha256.len() == 64 && self.sha256.bytes().all(lower)
    }
}

/// Name of the manifest of the object `name`, for [`crate::store::Store::key_of`].
pub fn manifest_name(name: &str) -> String {
    format!("{MANIFEST_FOLDER}/{name}.json")
}

/// Full key of the manifest of the object `name` (as it lies in the store) under `prefix`.
pub fn manifest_key(prefix: &str, name: &str) -> String {
    match prefix {
        "" => manifest_name(name),
        prefix => format!("{prefix}/{}", manifest_name(name)),
    }
}

/// Full key of the manifest that belongs to the object at `key`.
pub fn manifest_key_beside(key: &str) -> String {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    manifest_key(prefix, name)
}

/// What is read first: whether the rest can be understood.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Times as RFC 3339 text.
mod time {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The same, where there may be none.
mod optional_time {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::time::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let content = |bytes, digit: &str| Content {
            bytes,
            sha256: digit.repeat(64),
        };
        Manifest {
            version: MANIFEST_VERSION,
            object: "c-2026-01-02T03:04:05.678Z.snap.zst.age".to_owned(),
            cluster: "c".to_owned(),
            created_at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            source: "node 10.0.0.2".to_owned(),
            snapshot: content(20_512, "a"),
            stored: content(4_000, "0"),
            compression: "zstd".to_owned(),
            encrypted: true,
            recipients: vec!["x25519:abc".to_owned()],
            revision: Some(42),
            total_keys: None,
            etcd_version: Some("3.6.4".to_owned()),
            talos_version: None,
            talos_ca: None,
            member_id: None,
            kubernetes_version: None,
            retain_until: Some("2026-02-01T00:00:00Z".parse().unwrap()),
            lock_mode: Some("compliance".to_owned()),
            replaces: None,
            verified: Verified::Digest,
            raw: false,
            unknown: vec!["talos_version".to_owned()],
            tool: "talosctl-snapshot-push 0.1.0".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let json = sample().to_json().unwrap();
        assert_eq!(Manifest::from_json("k", &json).unwrap(), sample());
        let text = String::from_utf8(json).unwrap();
        assert!(
            text.contains(r#""created_at": "2026-01-02T03:04:05.678Z""#),
            "{text}"
        );
        assert!(text.contains(r#""verified": "digest""#), "{text}");
        assert!(!text.contains("kubernetes_version"), "{text}");
        assert!(!text.contains("replaces"), "{text}");
        let lock = sample().lock().unwrap();
        assert_eq!(lock.mode, LockMode::Compliance);
        let mut unlocked = sample();
        unlocked.set_lock(None);
        let json = unlocked.to_json().unwrap();
        assert_eq!(Manifest::from_json("k", &json).unwrap().lock(), None);
    }

    #[test]
    fn unknown_and_missing_fields_are_tolerated() {
        let content = format!(r#"{{"bytes":1,"sha256":"{}","new":1}}"#, "b".repeat(64));
        let json = format!(
            r#"{{"version":1,"object":"o","cluster":"c","created_at":"2026-01-02T03:04:05Z",
            "snapshot":{content},"stored":{content},"verified":"drill","later":[1]}}"#
        );
        let manifest = Manifest::from_json("k", json.as_bytes()).unwrap();
        assert_eq!(manifest.verified, Verified::Unknown);
        assert_eq!((manifest.revision, manifest.encrypted), (None, false));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let sound = String::from_utf8(sample().to_json().unwrap()).unwrap();
        let large = format!("{sound}{}", " ".repeat(MANIFEST_LIMIT));
        for (json, trouble) in [
            (large, "larger than 1 MiB"),
            ("<html>".to_owned(), "is not a manifest"),
            ("{}".to_owned(), "is not a manifest"),
            (
                sound.replace("\"version\": 1", "\"version\": 2"),
                "of version 2",
            ),
            (sound.replace("\"cluster\"", "\"x\""), "is incomplete"),
            (sound.replace("aaaa", "zzzz"), "not a SHA-256"),
        ] {
            let failure = Manifest::from_json("p/k.json", json.as_bytes()).unwrap_err();
            assert_eq!(failure.exit, Exit::Data);
            assert!(failure.what.starts_with("the manifest `p/k.json` "));
            assert!(failure.what.contains(trouble), "{}", failure.what);
        }
    }

    #[test]
    fn keys_of_manifests() {
        assert_eq!(manifest_key("", "o.snap"), ".manifest/o.snap.json");
        assert_eq!(manifest_key("a/b", "o.snap"), "a/b/.manifest/o.snap.json");
    }
}
