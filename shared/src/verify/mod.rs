//! Is this backup good? Quickly, where it lies; deeply, where the keys are; and by a drill.
//!
//! *Quick* reads the stored bytes and compares them with the manifest: no key is needed, and
//! it finds what rots in a store. *Deep* opens the object, proves the snapshot's digest and
//! structure and compares it with the manifest. *Drill* restores it on top. The plaintext of
//! a deep look lies in an unlinked file only. Results are kept beside the object, where the
//! credentials allow; nothing trusts them against the bytes.

mod audit;
mod hashing;
mod locate;
mod record;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;

use crate::backup::{Cancel, PullTarget, pull};
use crate::catalogue::{Content, MANIFEST_LIMIT, Manifest, manifest_key_beside};
use crate::drill::{self, Expected};
use crate::failure::{Exit, Failure};
use crate::seal::Identities;
use crate::snapshot::finding::Severity;
use crate::snapshot::spool;
use crate::snapshot::{Checked, Digest, check};
use crate::store::{Store, StoreErrorKind};

pub use audit::{Audit, Expected as ExpectedRecipients};
use hashing::HashingBody;
pub use locate::{Located, Wanted, locate};
pub use record::{
    FOLDER as RECORD_FOLDER, Kept, Verdict, Verification, key_beside as record_key_beside,
};

/// How deep to look.
pub enum Depth {
    /// Only who can open it.
    Header,
    /// The stored bytes against the manifest.
    Quick,
    /// The snapshot itself.
    Deep(Box<Deep>),
}

/// What a deep look needs.
pub struct Deep {
    /// What opens the object.
    pub identities: Identities,
    /// Folder for the unlinked plaintext; none: the system's.
    pub folder: Option<PathBuf>,
    /// Restore it, too.
    pub drill: Option<drill::Plan>,
}

/// Looks at one object of `store`.
///
/// # Errors
/// Nothing could be said: the store's failure, no identity, no space. A bad object is no error:
/// its verdict tells.
pub async fn verify(
    store: &dyn Store,
    key: &str,
    depth: &Depth,
    mut cancel: Cancel,
) -> Result<Verification, Failure> {
    let abort = cancel.clone();
    let look = look(store, key, depth, abort);
    tokio::select! {
        found = look => found,
        exit = cancel.requested() => Err(Failure::new(exit, "stopped by a signal").hint("run it again")),
    }
}

async fn look(
    store: &dyn Store,
    key: &str,
    depth: &Depth,
    cancel: Cancel,
) -> Result<Verification, Failure> {
    let begun = Instant::now();
    let mut found = Verification::begin(store.url_of(key), key);
    let manifest = manifest_beside(store, key, &mut found).await?;
    match depth {
        Depth::Header => found.depth = "header",
        Depth::Quick => quick(store, key, manifest.as_ref(), &mut found).await?,
        Depth::Deep(deep) => {
            self::deep(store, key, deep, manifest.as_ref(), &mut found, cancel).await?;
        }
    }
    found.duration_seconds = begun.elapsed().as_secs_f64();
    Ok(found)
}

/// Adds to a verification whether the object is encrypted to exactly these.
///
/// # Errors
/// The store's; 130, 143: stopped.
pub async fn audit(
    store: &dyn Store,
    key: &str,
    expected: &ExpectedRecipients,
    found: &mut Verification,
    mut cancel: Cancel,
) -> Result<(), Failure> {
    cancel
        .unless_stopped(audit::audit(store, key, expected, found))
        .await?
}

/// Keeps a verification beside its object.
///
/// # Errors
/// Those of the store: a key that may not write is a reason to say so, and no more.
pub async fn keep(store: &dyn Store, key: &str, found: &Verification) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(found)
        .map_err(|error| Failure::new(Exit::Bug, format!("cannot write the result: {error}")))?;
    let place = record::key_beside(key);
    store.put(&place, Bytes::from(json), true).await?;
    Ok(())
}

/// What was kept of the last verification of the object at `key`; none: nothing, or nothing that
/// can be read. It helps to choose, and proves nothing.
pub async fn kept(store: &dyn Store, key: &str) -> Option<Kept> {
    read_kept(store, key).await.ok()?
}

/// The same, for those to whom it matters why there is none.
///
/// # Errors
/// The store's.
pub async fn read_kept(store: &dyn Store, key: &str) -> Result<Option<Kept>, Failure> {
    let json = read_small(store, &record::key_beside(key)).await?;
    Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
}

/// The manifest of the object at `key`; none: there is none, or none that can be read.
pub async fn manifest(store: &dyn Store, key: &str) -> Option<Manifest> {
    read_manifest(store, key).await.ok()?
}

/// The same, for those to whom it matters why there is none.
///
/// # Errors
/// The store's.
pub async fn read_manifest(store: &dyn Store, key: &str) -> Result<Option<Manifest>, Failure> {
    let place = manifest_key_beside(key);
    let json = read_small(store, &place).await?;
    Ok(json.and_then(|json| Manifest::from_json(&place, &json).ok()))
}

/// The manifest beside `key`; none, with a finding, when there is none or it cannot be read.
async fn manifest_beside(
    store: &dyn Store,
    key: &str,
    found: &mut Verification,
) -> Result<Option<Manifest>, Failure> {
    let place = manifest_key_beside(key);
    let Some(json) = read_small(store, &place).await? else {
        return Ok(None);
    };
    match Manifest::from_json(&place, &json) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(failure) => {
            found.suspect(failure.what);
            Ok(None)
        }
    }
}

/// The first bytes of a small object, one more than a manifest may have; none: it is not there.
async fn read_small(store: &dyn Store, place: &str) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = match store.open(place).await {
        Ok(body) => body,
        Err(error) if error.kind == StoreErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MANIFEST_LIMIT {
            break;
        }
    }
    Ok(Some(bytes))
}

async fn quick(
    store: &dyn Store,
    key: &str,
    manifest: Option<&Manifest>,
    found: &mut Verification,
) -> Result<(), Failure> {
    let Some(manifest) = manifest else {
        found.unproven("there is no manifest to compare the stored bytes with: `--deep` reads the snapshot itself".to_owned());
        return Ok(());
    };
    let (mut body, hashed) = HashingBody::around(store.open(key).await?);
    while crate::store::Body::next(&mut body).await?.is_some() {}
    let stored = hashed.content();
    compare("the stored bytes", &stored, &manifest.stored, found);
    found.stored = Some(stored);
    Ok(())
}

async fn deep(
    store: &dyn Store,
    key: &str,
    deep: &Deep,
    manifest: Option<&Manifest>,
    found: &mut Verification,
    cancel: Cancel,
) -> Result<(), Failure> {
    found.depth = if deep.drill.is_some() {
        "drill"
    } else {
        "deep"
    };
    let file = spool::unlinked(&found.url, deep.folder.as_deref())?;
    let (body, hashed) = HashingBody::around(store.open(key).await?);
    let target = PullTarget::Spool(duplicate(&file)?).open()?;
    let identities = deep.identities.clone();
    let pulled = pull(
        Box::new(body),
        &found.url,
        identities,
        false,
        target,
        cancel,
    )
    .await;
    match pulled {
        Ok(_) => {}
        Err(failure) if failure.exit == Exit::Data => {
            found.fail(failure.what);
            return Ok(());
        }
        Err(failure) => return Err(failure),
    }
    let stored = hashed.content();
    if let Some(manifest) = manifest {
        compare("the stored bytes", &stored, &manifest.stored, found);
    }
    found.stored = Some(stored);
    let checked = check_file(&file, &found.url).await?;
    judge(&checked, manifest, found);
    if let Some(plan) = &deep.drill
        && found.verdict != Verdict::Failed
    {
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let report = drill::drill(path.as_ref(), &Expected::of(&checked), plan).await?;
        for failed in report.failures() {
            found.fail(format!("drill: {}: {}", failed.name, failed.detail));
        }
        found.drill = Some(report);
    }
    Ok(())
}

/// What the check of the file and the manifest say.
fn judge(checked: &Checked, manifest: Option<&Manifest>, found: &mut Verification) {
    for finding in checked.survey.findings.kept() {
        let what = format!("{}: {finding}", finding.rule.name);
        match finding.rule.severity {
            Severity::Damaged => found.fail(what),
            Severity::Suspicious => found.suspect(what),
            Severity::Note => found.findings.push(what),
        }
    }
    if let Digest::Holds(proven) = &checked.digest {
        let snapshot = Content {
            bytes: proven.bytes,
            sha256: proven.sha256.clone(),
        };
        if let Some(manifest) = manifest {
            compare("the snapshot", &snapshot, &manifest.snapshot, found);
        }
        found.snapshot = Some(snapshot);
    }
    found.fill(&checked.survey);
}

fn compare(what: &str, seen: &Content, told: &Content, found: &mut Verification) {
    if seen != told {
        found.fail(format!(
            "{what}: {} bytes with SHA-256 {}, and the manifest says {} bytes with {}",
            seen.bytes, seen.sha256, told.bytes, told.sha256
        ));
    }
}

async fn check_file(file: &File, name: &str) -> Result<Checked, Failure> {
    let (file, name) = (duplicate(file)?, name.to_owned());
    tokio::task::spawn_blocking(move || check(&file).map_err(|error| error.into_failure(&name)))
        .await
        .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the check stopped half way")))
}

fn duplicate(file: &File) -> Result<File, Failure> {
    file.try_clone()
        .map_err(|error| Failure::new(Exit::Io, format!("cannot open the spooled file: {error}")))
}
