//! What a verification found, as scripts, metrics and later looks read it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::Audit;
use crate::catalogue::Content;
use crate::clock;
use crate::drill;
use crate::failure::Exit;
use crate::snapshot::etcd::Survey;

/// The folder of results, beside the objects.
pub const FOLDER: &str = ".verified";

/// Full key of the result that belongs to the object at `key`.
pub fn key_beside(key: &str) -> String {
    match key.rsplit_once('/') {
        Some((prefix, name)) => format!("{prefix}/{FOLDER}/{name}.json"),
        None => format!("{FOLDER}/{key}.json"),
    }
}

/// One word about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was looked at holds.
    Good,
    /// Nothing speaks against it, and nothing could be compared.
    Unproven,
    /// It opens, and something in it should not be so.
    Suspicious,
    /// It cannot be relied on.
    Failed,
}

impl Verdict {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unproven => "unproven",
            Self::Suspicious => "suspicious",
            Self::Failed => "failed",
        }
    }

    /// The exit code it asks for.
    pub fn exit(self) -> Exit {
        match self {
            Self::Good => Exit::Done,
            Self::Unproven | Self::Suspicious => Exit::No,
            Self::Failed => Exit::Data,
        }
    }
}

/// What was found out about one object.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// Version of this form.
    pub version: u32,
    /// Full URL of the object.
    pub url: String,
    /// Its name, without prefix.
    pub object: String,
    /// When: RFC 3339, UTC.
    pub verified_at: String,
    /// When: seconds since 1970, for metrics.
    pub verified_at_seconds: i64,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// `header`, `quick`, `deep` or `drill`.
    pub depth: &'static str,
    /// The outcome.
    pub verdict: Verdict,
    /// 1 when the verdict is good, else 0, for metrics.
    pub verify_ok: u8,
    /// The bytes as they lie in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Content>,
    /// The snapshot in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Content>,
    /// The revision a restored etcd begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// Keys that live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_keys: Option<u64>,
    /// HashKV at that revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_kv: Option<u32>,
    /// The oldest etcd that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd_version: Option<String>,
    /// The newest renewal of a node's lease in it: how old its content is. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_at: Option<String>,
    /// Who can open it, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Audit>,
    /// What a drill saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<drill::Report>,
    /// What is wrong, odd or worth knowing: one line each.
    pub findings: Vec<String>,
    /// Program and version.
    pub tool: &'static str,
}

/// What an earlier verification kept beside its object, as far as a choice needs it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kept {
    /// `quick`, `deep` or `drill`.
    pub depth: String,
    /// The outcome.
    pub verdict: Verdict,
    /// When: RFC 3339, UTC.
    #[serde(default)]
    pub verified_at: Option<String>,
    /// How old its content is: RFC 3339.
    #[serde(default)]
    pub content_at: Option<String>,
}

impl Verification {
    pub(super) fn begin(url: String, key: &str) -> Self {
        let now = clock::now();
        let object = key.rsplit_once('/').map_or(key, |(_, name)| name);
        Self {
            version: 1,
            url,
            object: object.to_owned(),
            verified_at: now.to_string(),
            verified_at_seconds: now.as_second(),
            duration_seconds: 0.0,
            depth: "quick",
            verdict: Verdict::Good,
            verify_ok: 1,
            stored: None,
            snapshot: None,
            revision: None,
            live_keys: None,
            hash_kv: None,
            etcd_version: None,
            content_at: None,
            recipients: None,
            drill: None,
            findings: Vec::new(),
            tool: concat!("etcdbackup ", env!("CARGO_PKG_VERSION")),
        }
    }

    fn worsen(&mut self, verdict: Verdict, what: String) {
        self.verdict = self.verdict.max(verdict);
        self.verify_ok = u8::from(self.verdict == Verdict::Good);
        self.findings.push(what);
    }

    pub(super) fn fail(&mut self, what: String) {
        self.worsen(Verdict::Failed, what);
    }

    pub(super) fn suspect(&mut self, what: String) {
        self.worsen(Verdict::Suspicious, what);
    }

    pub(super) fn unproven(&mut self, what: String) {
        self.worsen(Verdict::Unproven, what);
    }

    pub(super) fn fill(&mut self, survey: &Survey) {
        self.revision = Some(survey.true_revision);
        self.live_keys = Some(survey.live_keys);
        self.hash_kv = Some(survey.hash_kv.hash);
        self.etcd_version = Some(survey.system.fingerprint());
        self.content_at = survey
            .newest_node_lease
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(|time| time.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_only_gets_worse_and_has_its_code() {
        let mut found = Verification::begin("s3://b/p/x.snap".into(), "p/x.snap");
        assert_eq!((found.verdict.exit(), found.verify_ok), (Exit::Done, 1));
        found.unproven("no manifest".into());
        found.fail("cut short".into());
        found.suspect("old".into());
        assert_eq!((found.verdict.exit(), found.verify_ok), (Exit::Data, 0));
        assert_eq!(found.findings.len(), 3);
        assert_eq!(found.object, "x.snap");
        assert_eq!(key_beside("p/x.snap"), "p/.verified/x.snap.json");
        assert_eq!(key_beside("x.snap"), ".verified/x.snap.json");
    }
}
