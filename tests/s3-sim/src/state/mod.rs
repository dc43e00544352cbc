//! What the server holds: buckets of versions of objects, and open uploads. Keys are taken
//! literally: `a//b` is neither `a/b` nor a folder.

mod listing;
mod object;
mod uploads;

use std::collections::BTreeMap;
use std::time::SystemTime;

use s3s::dto::ETagCondition;
use s3s::{S3Result, s3_error};

pub(crate) use listing::{Listed, Wanted, page};
pub(crate) use object::{Content, Mode, Retention, Version, md5};
pub(crate) use uploads::OpenUpload;

use crate::rules::Rules;

/// The version id where no versions are kept.
const NO_VERSION: &str = "null";

/// Everything a server holds.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    pub(crate) rules: Rules,
    /// What time it is here; none: the machine's.
    pub(crate) clock: Option<SystemTime>,
    counter: u64,
}

/// One bucket.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) versioned: bool,
    /// Objects may be locked. Implies versions.
    pub(crate) lockable: bool,
    /// Of each key its versions, the oldest first. Never empty.
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    /// By key and upload id.
    pub(crate) uploads: BTreeMap<(String, String), OpenUpload>,
    /// The completed uploads' ids, and the ETags of their objects.
    pub(crate) completed: BTreeMap<String, String>,
}

/// What became of a delete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) version: Option<String>,
    /// A marker was added or removed instead of an object.
    pub(crate) marker: bool,
}

impl State {
    pub(crate) fn bucket(&mut self, name: &str) -> S3Result<&mut Bucket> {
        match self.buckets.get_mut(name) {
            Some(bucket) => Ok(bucket),
            None => Err(s3_error!(
                NoSuchBucket,
                "The specified bucket does not exist"
            )),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.unwrap_or_else(SystemTime::now)
    }

    /// A number never given before, as text that sorts by age.
    pub(crate) fn next_id(&mut self) -> String {
        self.counter += 1;
        format!("{:012}", self.counter)
    }

    /// Stores an object under a key; gives its version id.
    pub(crate) fn store(
        &mut self,
        bucket: &str,
        key: &str,
        condition: Option<&ETagCondition>,
        mut version: Version,
    ) -> S3Result<Version> {
        let (rules, id) = (self.rules, self.next_id());
        let bucket = self.bucket(bucket)?;
        rules.check_condition(condition, bucket.newest(key).is_some())?;
        bucket.check_lock(&version)?;
        let keeps = bucket.keeps_versions(rules);
        version.id = if keeps { id } else { NO_VERSION.to_owned() };
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        if !keeps {
            versions.clear();
        }
        versions.push(version.clone());
        Ok(version)
    }

    /// Removes a version, or hides the key where versions are kept.
    pub(crate) fn delete(
        &mut self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        bypass: bool,
    ) -> S3Result<Deleted> {
        let (rules, id, now) = (self.rules, self.next_id(), self.now());
        let bucket = self.bucket(bucket)?;
        match version {
            Some(version) => bucket.delete_version(key, version, now, bypass),
            None if bucket.keeps_versions(rules) => {
                let versions = bucket.objects.entry(key.to_owned()).or_default();
                versions.push(Version::marker(id.clone()));
                Ok(Deleted {
                    version: Some(id),
                    marker: true,
                })
            }
            None => {
                bucket.objects.remove(key);
                Ok(Deleted::default())
            }
        }
    }
}

impl Bucket {
    pub(crate) fn keeps_versions(&self, rules: Rules) -> bool {
        self.versioned || self.lockable || rules.always_versioned
    }

    /// The object a reader sees under a key.
    pub(crate) fn newest(&self, key: &str) -> Option<&Version> {
        let newest = self.objects.get(key)?.last()?;
        (!newest.is_marker()).then_some(newest)
    }

    /// The version a reader asks for, or the newest.
    pub(crate) fn version(&self, key: &str, id: Option<&str>) -> S3Result<&Version> {
        let missing = || s3_error!(NoSuchKey, "The specified key does not exist.");
        let Some(id) = id else {
            return self.newest(key).ok_or_else(missing);
        };
        let versions = self.objects.get(key).ok_or_else(missing)?;
        let found = versions.iter().find(|version| version.id == id);
        match found.ok_or_else(|| s3_error!(NoSuchVersion))? {
            version if version.is_marker() => Err(s3_error!(MethodNotAllowed)),
            version => Ok(version),
        }
    }

    /// The same, to be changed.
    pub(crate) fn version_mut(&mut self, key: &str, id: Option<&str>) -> S3Result<&mut Version> {
        let id = self.version(key, id)?.id.clone();
        self.objects
            .get_mut(key)
            .and_then(|versions| versions.iter_mut().find(|version| version.id == id))
            .ok_or_else(|| s3_error!(NoSuchVersion))
    }

    fn check_lock(&self, version: &Version) -> S3Result<()> {
        if version.retention.is_some() && !self.lockable {
            return Err(s3_error!(
                InvalidRequest,
                "Bucket is missing Object Lock Configuration"
            ));
        }
        Ok(())
    }

    fn delete_version(
        &mut self,
        key: &str,
        id: &str,
        now: SystemTime,
        bypass: bool,
    ) -> S3Result<Deleted> {
        let done = |marker| Deleted {
            version: Some(id.to_owned()),
            marker,
        };
        let Some(versions) = self.objects.get_mut(key) else {
            return Ok(done(false));
        };
        let Some(position) = versions.iter().position(|version| version.id == id) else {
            return Ok(done(false));
        };
        let found = &versions[position];
        let locked = found
            .retention
            .is_some_and(|retention| retention.holds(now, bypass));
        if locked || found.legal_hold {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied because object protected by object lock."
            ));
        }
        let removed = versions.remove(position);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Ok(done(removed.is_marker()))
    }
}
