//! What was found out, in the shape that scripts read. Names that official tools use keep
//! their meaning: `hash`, `revision`, `totalKey`, `totalSize`, `version` are those of
//! `etcdutl snapshot status`, `hashkv` those of `etcdutl hashkv`.

use serde::Serialize;

use super::bolt::Form;
use super::check::{Checked, Digest};
use super::etcd::{Alarm, Auth, Member};
use super::finding::{Finding, Findings, Severity};

/// The numbers of a snapshot.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// CRC-32C over everything.
    pub hash: u32,
    /// The revision of the last record.
    pub revision: i64,
    /// Keys as etcd 3.6 and later count them.
    pub total_key: u64,
    /// Bytes of all pages.
    pub total_size: u64,
    /// The storage version; empty before 3.6.
    pub version: String,
    /// Keys by each way of counting.
    pub total_keys: TotalKeys,
    /// The revision a restored server begins with.
    pub true_revision: i64,
    /// The fingerprint that all healthy members share.
    pub hashkv: HashKvReport,
    /// `streamed`, `raw` or `lost-digest`.
    pub form: &'static str,
    /// `holds`, `none` or `fails`.
    pub digest: &'static str,
    /// SHA-256 of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes of the file.
    pub file_size: u64,
    /// Pages.
    pub pages: PagesReport,
    /// The etcd that writes such records: `3.6`, `3.5`, `3.4 or older`.
    pub etcd_fingerprint: String,
    /// The version all members agreed on.
    pub cluster_version: Option<String>,
    /// The last raft entry that was applied.
    pub consistent_index: Option<u64>,
    /// Its term.
    pub term: Option<u64>,
    /// Members.
    pub members: Vec<Member>,
    /// Ids of removed members.
    pub removed_members: Vec<u64>,
    /// Alarms.
    pub alarms: Vec<Alarm>,
    /// Authentication.
    pub auth: Auth,
    /// How many leases there are.
    pub leases: usize,
    /// When a node's lease was last renewed, in seconds since 1970.
    pub newest_node_lease: Option<i64>,
}

/// Both ways of counting.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TotalKeys {
    /// Every record of every bucket.
    #[serde(rename = "3.4-3.5")]
    pub records: u64,
    /// Live keys.
    #[serde(rename = "3.6+")]
    pub live: u64,
}

/// HashKV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKvReport {
    /// CRC-32C.
    pub hash: u32,
    /// The revision it is of.
    pub hash_revision: i64,
    /// The compaction it is of; -1: none.
    pub compact_revision: i64,
}

/// Pages of the file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PagesReport {
    /// Bytes of a page.
    pub size: u32,
    /// All pages.
    pub total: u64,
    /// Pages in use.
    pub used: u64,
}

impl From<&Checked> for StatusReport {
    fn from(checked: &Checked) -> Self {
        let (survey, system) = (&checked.survey, &checked.survey.system);
        Self {
            hash: survey.hash,
            revision: survey.revision,
            total_key: survey.live_keys,
            total_size: survey.total_size,
            version: system.storage_version.clone().unwrap_or_default(),
            total_keys: TotalKeys {
                records: survey.records,
                live: survey.live_keys,
            },
            true_revision: survey.true_revision,
            hashkv: HashKvReport {
                hash: survey.hash_kv.hash,
                hash_revision: survey.hash_kv.revision,
                compact_revision: survey.hash_kv.compact_revision,
            },
            form: form_word(checked.form),
            digest: checked.digest.word(),
            sha256: checked.digest.sha256().map(str::to_owned),
            file_size: checked.bytes,
            pages: PagesReport {
                size: checked.meta.page_size,
                total: survey.pages.total,
                used: survey.pages.used,
            },
            etcd_fingerprint: system.fingerprint(),
            cluster_version: system.cluster_version.clone(),
            consistent_index: system.consistent_index,
            term: system.term,
            members: system.members.clone(),
            removed_members: system.removed.clone(),
            alarms: system.alarms.clone(),
            auth: system.auth.clone(),
            leases: system.leases.len(),
            newest_node_lease: survey.newest_node_lease,
        }
    }
}

/// The verdict about a snapshot, and its reasons.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// `clean`, `suspicious` or `damaged`.
    pub verdict: &'static str,
    /// `streamed`, `raw` or `lost-digest`.
    pub form: &'static str,
    /// `holds`, `none` or `fails`.
    pub digest: &'static str,
    /// SHA-256 of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes of the file.
    pub file_size: u64,
    /// Pages.
    pub pages: PagesReport,
    /// Records of all buckets.
    pub records: u64,
    /// The revision of the last record.
    pub revision: i64,
    /// How many findings of each severity there are.
    pub counts: Counts,
    /// The first hundred.
    pub findings: Vec<FindingReport>,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// What proves damage.
    pub damaged: u64,
    /// What should not be so.
    pub suspicious: u64,
    /// What is worth knowing.
    pub notes: u64,
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct FindingReport {
    /// `damaged`, `suspicious` or `note`.
    pub severity: &'static str,
    /// Name of the rule.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
    /// Page id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Page ids from the root down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<u64>,
    /// Byte offset in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl From<&Checked> for CheckReport {
    fn from(checked: &Checked) -> Self {
        let survey = &checked.survey;
        Self {
            verdict: verdict(&survey.findings),
            form: form_word(checked.form),
            digest: checked.digest.word(),
            sha256: checked.digest.sha256().map(str::to_owned),
            file_size: checked.bytes,
            pages: PagesReport {
                size: checked.meta.page_size,
                total: survey.pages.total,
                used: survey.pages.used,
            },
            records: survey.records,
            revision: survey.revision,
            counts: Counts {
                damaged: survey.findings.count(Severity::Damaged),
                suspicious: survey.findings.count(Severity::Suspicious),
                notes: survey.findings.count(Severity::Note),
            },
            findings: survey.findings.kept().iter().map(Into::into).collect(),
        }
    }
}

impl From<&Finding> for FindingReport {
    fn from(finding: &Finding) -> Self {
        let place = finding.place.as_ref();
        Self {
            severity: finding.rule.severity.word(),
            rule: finding.rule.name,
            what: finding.what.clone(),
            hint: finding.rule.hint,
            page: place.map(|place| place.page),
            path: place.map(|place| place.path.clone()).unwrap_or_default(),
            offset: place.map(|place| place.offset),
        }
    }
}

impl Digest {
    /// One word for reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Holds(_) => "holds",
            Self::None(_) => "none",
            Self::Fails(_) => "fails",
        }
    }
}

/// One word for reports.
fn form_word(form: Form) -> &'static str {
    match form {
        Form::Streamed => "streamed",
        Form::LostDigest => "lost-digest",
        Form::Raw => "raw",
    }
}

/// One word for the worst that was found.
fn verdict(findings: &Findings) -> &'static str {
    match findings.worst() {
        Some(Severity::Damaged) => "damaged",
        Some(Severity::Suspicious) => "suspicious",
        Some(Severity::Note) | None => "clean",
    }
}
