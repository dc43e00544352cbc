//! The snapshot at hand: what it is worth for this cluster.

use std::fs::File;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Serialize;

use super::finding::{Finding, Severity, about, exit_of};
use super::known::Known;
use super::survey::{NodeSurvey, Survey};
use crate::failure::{Exit, Failure};
use crate::snapshot::bolt::Database;
use crate::snapshot::encryption::{AuthorityVerdict, Keyring, KeysReport};
use crate::snapshot::finding::Severity as Damage;
use crate::snapshot::kubernetes::Contents;
use crate::snapshot::{Checked, Digest, check};
use crate::talos::Member;

/// What a check of the file found, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFacts {
    /// For messages.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether its digest holds; none: it never had one (a raw copy).
    pub digest_holds: Option<bool>,
    /// What is damaged in it, and what should not be so.
    pub damage: Vec<String>,
    /// See `damage`.
    pub suspicions: Vec<String>,
    /// Its revision.
    pub revision: i64,
    /// The changes it has applied, as Raft counts them; none: it does not tell.
    pub applied_index: Option<u64>,
    /// Raft's term of the last of them; none: it does not tell (before etcd 3.5).
    pub term: Option<u64>,
    /// How many keys live in it.
    pub live_keys: u64,
    /// The etcd it is of, as `3.6`; none: it does not tell.
    pub etcd: Option<(u32, u32)>,
    /// The age of its content, where a node's lease tells.
    pub content_from: Option<Timestamp>,
    /// Members in it.
    pub members: Vec<Member>,
    /// What the encryption keys of a machine config open.
    pub keys: Known<KeyFacts>,
}

/// What the encryption keys of a machine config open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFacts {
    /// Whose keys were tried: a file or a node.
    pub of: String,
    /// Live values that cannot be read.
    pub unreadable: u64,
    /// Live values whose key lies in a service.
    pub not_testable: u64,
    /// Whether the cluster's CA is the same; none: one of both does not have it.
    pub same_authority: Option<bool>,
}

impl FileFacts {
    /// Looks at a file: digest, structure, records.
    ///
    /// # Errors
    /// It cannot be read, or is no database at all.
    pub fn of(file: &File, name: &str) -> Result<Self, Failure> {
        let checked = check(file).map_err(|error| error.into_failure(name))?;
        Ok(Self::from_check(&checked, name))
    }

    /// Of a check that was done.
    pub fn from_check(checked: &Checked, name: &str) -> Self {
        let survey = &checked.survey;
        let of = |damage: Damage| {
            let kept = survey.findings.kept().iter();
            let these = kept.filter(|finding| finding.rule.severity == damage);
            these
                .map(|finding| format!("{}: {finding}", finding.rule.name))
                .collect()
        };
        let system = &survey.system;
        let version = system.storage_version.as_ref();
        let version = version.or(system.cluster_version.as_ref());
        Self {
            name: name.to_owned(),
            bytes: checked.bytes,
            digest_holds: match &checked.digest {
                Digest::Holds(_) => Some(true),
                Digest::None(_) => None,
                Digest::Fails(_) => Some(false),
            },
            damage: of(Damage::Damaged),
            suspicions: of(Damage::Suspicious),
            revision: survey.true_revision,
            applied_index: system.consistent_index,
            term: system.term,
            live_keys: survey.live_keys,
            etcd: version.and_then(|version| minor(version)),
            content_from: survey
                .newest_node_lease
                .and_then(|second| Timestamp::from_second(second).ok()),
            members: system.members.iter().map(member).collect(),
            keys: Known::not_asked("no machine config was there to compare"),
        }
    }

    /// Whether Bootstrap must be told to skip the hash: the file decides, not a hope. A raw copy
    /// has none, and a snapshot with one must not be spared its proof.
    pub fn needs_skip_hash_check(&self) -> bool {
        self.digest_holds.is_none()
    }

    /// Tries the keys of a machine config on every value of the file.
    ///
    /// # Errors
    /// It is damaged.
    pub fn try_keys(&mut self, file: &File, keys: &Keyring, of: &str) -> Result<(), Failure> {
        let duplicate = file.try_clone().map_err(|error| {
            Failure::new(
                Exit::Io,
                format!("cannot open {} again: {error}", self.name),
            )
        })?;
        let database = Database::open(duplicate).map_err(|error| error.into_failure(&self.name))?;
        let contents = Contents::find(&database, None).map_err(Failure::from)?;
        let mut report = KeysReport::new(keys);
        let walked = contents.each(|entry| {
            report.see(entry.place(), entry.value, entry.live);
            ControlFlow::Continue(())
        });
        walked.map_err(Failure::from)?;
        self.keys = Known::Is(KeyFacts {
            of: of.to_owned(),
            unreadable: report.unreadable(),
            not_testable: report.in_services(),
            same_authority: match report.authority() {
                AuthorityVerdict::Same(_) => Some(true),
                AuthorityVerdict::Different { .. } => Some(false),
                AuthorityVerdict::NotInConfig | AuthorityVerdict::NotInSnapshot => None,
            },
        });
        Ok(())
    }

    /// The findings of the assertion `snapshot`.
    pub fn findings(&self, survey: &Survey) -> Vec<Finding> {
        let named = |check: &'static str, finding: Finding| Finding { check, ..finding };
        let mut findings = vec![
            named("digest", self.digest()),
            named("structure", self.structure()),
            named("age", self.age(survey.taken)),
            named("cluster", self.cluster()),
            named("keys", self.encryption()),
        ];
        let reached = survey
            .nodes
            .iter()
            .filter(|node| node.reached.get().is_some());
        findings.extend(reached.map(|node| named("etcd", self.fits_etcd_of(node).on(node))));
        findings.push(named("members", self.same_members(survey)));
        findings
    }

    /// The assertion `snapshot`, for a flow that must not go on without it: what is worth knowing
    /// is returned, what stands in the way is the failure.
    ///
    /// # Errors
    /// 65: it cannot bring this cluster back; 69, 77: whether it can could not be seen.
    pub fn must_pass(&self, survey: &Survey) -> Result<Vec<String>, Failure> {
        let findings = self.findings(survey);
        let worst = |severity| findings.iter().find(|one| one.severity == severity);
        let Some(finding) = worst(Severity::Fail).or_else(|| worst(Severity::Unknown)) else {
            let warned = findings.iter().filter(|one| one.severity == Severity::Warn);
            return Ok(warned.map(|one| one.what.clone()).collect());
        };
        let exit = match finding.severity {
            Severity::Fail => Exit::Data,
            _ => exit_of(&findings),
        };
        let node = finding.node.as_ref();
        let of = node.map_or_else(String::new, |node| format!("node {node}: "));
        let what = format!("{}: {of}{}", self.name, finding.what);
        let more = "`talosctl-recover-check snapshot FILE` tells more".to_owned();
        let hint = finding.hint.clone().unwrap_or(more);
        Err(Failure::new(exit, what).hint(hint))
    }

    fn digest(&self) -> Finding {
        match self.digest_holds {
            Some(true) => Finding::ok("the SHA-256 holds: these are the bytes etcd sent"),
            Some(false) => Finding::fail("the SHA-256 does not hold, or is gone")
                .hint("take another backup: `kubectl etcdbackup list`"),
            None => Finding::warn("a raw copy of a database: nothing proves its bytes")
                .hint("it is restored with `--raw` only; prefer a snapshot"),
        }
    }

    fn structure(&self) -> Finding {
        match (self.damage.first(), self.suspicions.first()) {
            (Some(damage), _) => Finding::fail(format!(
                "{} damaged place(s), the first: {damage}",
                self.damage.len()
            ))
            .hint("take another backup; `talosctl-snapshot-inspect check FILE` tells all of it"),
            (None, Some(odd)) => Finding::warn(format!(
                "{} odd place(s), the first: {odd}",
                self.suspicions.len()
            ))
            .hint("`talosctl-snapshot-inspect check FILE` tells all of it"),
            (None, None) => Finding::ok(format!(
                "every page and record is sound: {} keys",
                self.live_keys
            )),
        }
    }

    fn age(&self, now: Timestamp) -> Finding {
        let Some(from) = self.content_from else {
            return Finding::warn(format!(
                "revision {}; no node's lease tells how old it is",
                self.revision
            ))
            .hint("compare with another backup: `talosctl-snapshot-inspect diff OLD NEW`");
        };
        let hours = (now.as_second() - from.as_second()) / 3600;
        let text = format!("revision {}, of {from}, {hours} h ago", self.revision);
        if hours > 24 {
            Finding::warn(text).hint("is there no newer one? what was made since is gone then")
        } else {
            Finding::ok(text)
        }
    }

    fn cluster(&self) -> Finding {
        about(&self.keys, |keys| {
            match keys.same_authority {
            Some(true) => Finding::ok("its cluster CA is the machine config's"),
            Some(false) => {
                Finding::fail("its cluster CA is not the machine config's: it is of another cluster, or of one made anew")
                    .hint("restore with the machine configs that were saved with it")
            }
            None => Finding::warn("it holds no cluster CA to compare")
                .hint("make sure by its names: `talosctl-snapshot-inspect ls FILE nodes`"),
        }
        })
    }

    fn encryption(&self) -> Finding {
        about(&self.keys, |keys| {
            if keys.unreadable > 0 {
                let text = format!(
                    "{} live values cannot be read with the keys of {}",
                    keys.unreadable, keys.of
                );
                return Finding::fail(text).hint(
                    "`talosctl-snapshot-inspect keys FILE` tells which; the config must hold the old keys",
                );
            }
            if keys.not_testable > 0 {
                return Finding::warn(format!(
                    "{} live values need their KMS, which is not tried",
                    keys.not_testable
                ));
            }
            Finding::ok(format!("the keys of {} open every live Secret", keys.of))
        })
    }

    /// An etcd does not read a database of a newer minor version.
    pub fn fits_etcd_of(&self, node: &NodeSurvey) -> Finding {
        let Some(of) = self.etcd else {
            return Finding::warn("the snapshot does not tell its etcd version (before 3.6)");
        };
        let image = node.etcd_config.get();
        let own = image.and_then(|config| {
            config
                .image
                .rsplit_once(":v")
                .and_then(|(_, tag)| minor(tag))
        });
        let own = own.or_else(|| node.reached.get().and_then(super::etcd_version::of_talos));
        let Some(own) = own else {
            return Finding::warn("which etcd the node runs is not known")
                .hint(format!("compare it with the snapshot's {}.{}", of.0, of.1));
        };
        let text = format!(
            "etcd {}.{}, the snapshot is of {}.{}",
            own.0, own.1, of.0, of.1
        );
        if own < of {
            Finding::fail(text).hint("upgrade Talos there first: its etcd is older than the data")
        } else {
            Finding::ok(text)
        }
    }

    fn same_members(&self, survey: &Survey) -> Finding {
        let known = |member: &&Member| {
            let addresses = member.addresses();
            let mut nodes = survey.nodes.iter();
            nodes.any(|node| {
                addresses.iter().any(|one| node.known_as.contains(one))
                    || node.hostname.as_deref() == Some(member.name.as_str())
            })
        };
        let met = self.members.iter().filter(known).count();
        let all = self.members.len();
        if all == 0 {
            return Finding::warn("it holds no members to compare");
        }
        let text = if all == 1 {
            format!("{met} of its 1 member is a control plane of the census")
        } else {
            format!("{met} of its {all} members are control planes of the census")
        };
        if met == 0 {
            Finding::warn(text).hint("is it of this cluster? a restore drops the old members")
        } else {
            Finding::ok(text)
        }
    }
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn member(member: &crate::snapshot::etcd::Member) -> Member {
    Member {
        id: member.id,
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        client_urls: member.client_urls.clone(),
        is_learner: member.is_learner,
    }
}
