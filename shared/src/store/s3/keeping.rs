//! What deleting needs: versions, locks, open uploads. One object at a time: deleting many at
//! once wants a checksum that some stores do not know.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{ObjectLockEnabled, ObjectLockLegalHoldStatus, ObjectLockMode};

use super::call::{Bucket, Call, Outcome};
use super::classify::Operation;
use super::timestamp;
use super::trouble::{Kind, Trouble};
use crate::store::{Hold, LockMode, ObjectLock, OpenUpload, StoreError, StoreErrorKind, chain};

/// The id of what was stored while a bucket kept no versions.
const NO_VERSION: &str = "null";

fn call<'a>(bucket: &Bucket, operation: Operation, key: &'a str) -> Call<'a> {
    Call {
        operation,
        key,
        upload_id: None,
        conditional: false,
        limit: bucket.timeouts.of(0),
    }
}

pub(super) async fn delete(
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
) -> Result<(), StoreError> {
    let asked = bucket
        .call(call(bucket, Operation::Delete, key), |_| {
            let request = bucket.client.delete_object().bucket(&bucket.name).key(key);
            request
                .set_version_id(version.map(ToOwned::to_owned))
                .send()
        })
        .await;
    match asked {
        Err(error) if is_gone(&error) => Ok(()),
        asked => asked.map(drop),
    }
}

/// S3 itself calls a delete of nothing a success; some stores do not.
fn is_gone(error: &StoreError) -> bool {
    let trouble = chain::find::<Trouble>(error);
    trouble.is_some_and(|trouble| {
        trouble.status == 404 && trouble.code != "NoSuchBucket" && trouble.kind == Kind::Refused
    })
}

/// Everything that lies under `key` itself. Where all of it was stored without versions there
/// is nothing to choose from, and a plain delete needs fewer rights.
pub(super) async fn versions(bucket: &Bucket, key: &str) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let mut marker: (Option<String>, Option<String>) = (None, None);
    loop {
        let call = call(bucket, Operation::Versions, key);
        let asked = bucket.call(call, |_| {
            let request = bucket.client.list_object_versions().bucket(&bucket.name);
            let (key_marker, version_marker) = marker.clone();
            request
                .prefix(key)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
        });
        let value = match asked.await {
            Ok(Outcome::Answered { value, .. }) => value,
            Ok(Outcome::Settled) => return Ok(Vec::new()),
            // A store without versions need not know the question.
            Err(error) if does_not_know(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let more = value.is_truncated.unwrap_or_default();
        let next = (
            value.next_key_marker.clone(),
            value.next_version_id_marker.clone(),
        );
        found.extend(of_key(value, key));
        // In key order, a longer key is behind every version of this one.
        let elsewhere = next.0.as_deref().is_some_and(|next| next != key);
        if !more || elsewhere {
            break;
        }
        if next.0.is_none() || next == marker {
            return Err(bucket.refuse(call, Kind::NotS3, "the listing repeats its page for ever"));
        }
        marker = next;
    }
    // Listed newest first, and times have whole seconds: the order of the list breaks ties.
    found.reverse();
    found.sort_by_key(|(modified, _)| *modified);
    let ids = found.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    Ok(if ids == [NO_VERSION] { Vec::new() } else { ids })
}

/// Ids with the time they were made.
fn of_key(page: ListObjectVersionsOutput, key: &str) -> Vec<(Option<jiff::Timestamp>, String)> {
    let versions = page.versions.unwrap_or_default().into_iter();
    let versions = versions.map(|one| (one.key, one.last_modified, one.version_id));
    let markers = page.delete_markers.unwrap_or_default().into_iter();
    let markers = markers.map(|one| (one.key, one.last_modified, one.version_id));
    versions
        .chain(markers)
        .filter(|(name, _, _)| name.as_deref() == Some(key))
        .filter_map(|(_, modified, id)| Some((modified.as_ref().and_then(timestamp), id?)))
        .collect()
}

pub(super) async fn hold(
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
) -> Result<Hold, StoreError> {
    let call = call(bucket, Operation::Head, key);
    let asked = bucket.call(call, |_| {
        let request = bucket.client.head_object().bucket(&bucket.name).key(key);
        request
            .set_version_id(version.map(ToOwned::to_owned))
            .send()
    });
    match asked.await? {
        Outcome::Answered { value, .. } => Ok(hold_of(&value)),
        Outcome::Settled => Ok(Hold::default()),
    }
}

fn hold_of(head: &HeadObjectOutput) -> Hold {
    let until = head
        .object_lock_retain_until_date
        .as_ref()
        .and_then(timestamp);
    let mode = match &head.object_lock_mode {
        Some(ObjectLockMode::Compliance) => LockMode::Compliance,
        _ => LockMode::Governance,
    };
    Hold {
        lock: until.map(|until| ObjectLock { mode, until }),
        legal: head.object_lock_legal_hold_status == Some(ObjectLockLegalHoldStatus::On),
    }
}

/// A store that does not know the question has no locks.
pub(super) async fn can_lock(bucket: &Bucket) -> Result<bool, StoreError> {
    let asked = bucket.call(call(bucket, Operation::LockSettings, ""), |_| {
        let request = bucket.client.get_object_lock_configuration();
        request.bucket(&bucket.name).send()
    });
    let asked = asked.await;
    match asked {
        Ok(Outcome::Answered { value, .. }) => Ok(value
            .object_lock_configuration
            .and_then(|settings| settings.object_lock_enabled)
            == Some(ObjectLockEnabled::Enabled)),
        Ok(Outcome::Settled) => Ok(false),
        Err(error) if does_not_know(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the store has no such feature.
fn does_not_know(error: &StoreError) -> bool {
    error.kind != StoreErrorKind::NotFound
        && chain::find::<Trouble>(error).is_some_and(|trouble| {
            matches!(trouble.status, 400 | 404 | 405 | 501) && trouble.code != "NoSuchBucket"
        })
}

pub(super) async fn open_uploads(
    bucket: &Bucket,
    prefix: &str,
) -> Result<Vec<OpenUpload>, StoreError> {
    let mut found = Vec::new();
    let mut marker: (Option<String>, Option<String>) = (None, None);
    loop {
        let call = call(bucket, Operation::Uploads, prefix);
        let asked = bucket.call(call, |_| {
            let request = bucket.client.list_multipart_uploads().bucket(&bucket.name);
            let (key_marker, id_marker) = marker.clone();
            request
                .prefix(prefix)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker)
                .send()
        });
        let Outcome::Answered { value, .. } = asked.await? else {
            return Err(bucket.refuse(call, Kind::NotS3, "no listing came"));
        };
        let more = value.is_truncated.unwrap_or_default();
        let next = (
            value.next_key_marker.clone(),
            value.next_upload_id_marker.clone(),
        );
        found.extend(uploads(value));
        if !more {
            return Ok(found);
        }
        if next.0.is_none() || next == marker {
            return Err(bucket.refuse(call, Kind::NotS3, "the listing repeats its page for ever"));
        }
        marker = next;
    }
}

fn uploads(page: ListMultipartUploadsOutput) -> impl Iterator<Item = OpenUpload> {
    let uploads = page.uploads.unwrap_or_default().into_iter();
    uploads.filter_map(|upload| {
        Some(OpenUpload {
            key: upload.key?,
            id: upload.upload_id?,
            begun: upload.initiated.as_ref().and_then(timestamp),
        })
    })
}

pub(super) async fn end_upload(bucket: &Bucket, upload: &OpenUpload) -> Result<(), StoreError> {
    let call = Call {
        upload_id: Some(&upload.id),
        ..call(bucket, Operation::Abort, &upload.key)
    };
    let asked = bucket.call(call, |_| {
        let request = bucket.client.abort_multipart_upload().bucket(&bucket.name);
        request.key(&upload.key).upload_id(&upload.id).send()
    });
    asked.await.map(drop)
}
