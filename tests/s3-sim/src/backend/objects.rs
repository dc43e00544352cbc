//! Objects: stored whole, read in part, deleted or hidden.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Md5, Sha256};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};

use super::locks::{self, retention};
use super::{Answer, Backend, received};
use crate::state::{Content, Deleted, Version, md5};

pub(super) async fn put(
    backend: &Backend,
    request: S3Request<PutObjectInput>,
) -> Answer<PutObjectOutput> {
    let rules = backend.state().rules;
    rules.check_headers(&request.headers)?;
    let mut input = request.input;
    let locked = retention(
        input.object_lock_mode.as_ref().map(ObjectLockMode::as_str),
        input.object_lock_retain_until_date.clone(),
    )?;
    if locked.is_some() {
        locks::check_checksum(&request.headers)?;
    }
    let body = received(input.body.take()).await?;
    check_sums(&request.headers, request.trailing_headers, &body)?;
    let version = Version {
        modified: backend.state().now(),
        content_type: input.content_type.take(),
        metadata: input.metadata.take(),
        retention: locked,
        ..Version::new(Content::new(vec![body.clone()]), md5(&body))
    };
    let condition = input.if_none_match.as_ref();
    let mut state = backend.state();
    let stored = state.store(&input.bucket, &input.key, condition, version)?;
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(ETag::Strong(stored.etag.clone())),
        version_id: shown_id(&stored),
        ..PutObjectOutput::default()
    }))
}

/// Every checksum that came before or behind a body must be its own.
pub(super) fn check_sums(
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
    body: &[u8],
) -> S3Result<()> {
    let trailers = trailers.and_then(|trailers| trailers.take());
    let trailers = trailers.unwrap_or_default();
    let given = |name| {
        let value = headers.get(name).or_else(|| trailers.get(name))?;
        value.to_str().ok()
    };
    if let Some(wanted) = given("content-md5")
        && wanted != STANDARD.encode(Md5::checksum(body))
    {
        return Err(s3_error!(BadDigest, "The Content-MD5 did not match"));
    }
    let mut hasher = ChecksumHasher {
        crc32: Some(Crc32::new()),
        crc32c: Some(Crc32c::new()),
        sha256: Some(Sha256::new()),
        ..ChecksumHasher::default()
    };
    let names = [
        "x-amz-checksum-crc32",
        "x-amz-checksum-crc32c",
        "x-amz-checksum-sha256",
    ];
    if names.iter().all(|name| given(name).is_none()) {
        return Ok(());
    }
    hasher.update(body);
    let sums = hasher.finalize();
    let own = [
        sums.checksum_crc32,
        sums.checksum_crc32c,
        sums.checksum_sha256,
    ];
    for (name, own) in names.into_iter().zip(own) {
        if given(name).is_some_and(|wanted| Some(wanted) != own.as_deref()) {
            return Err(s3_error!(BadDigest, "A checksum did not match"));
        }
    }
    Ok(())
}

/// A version id as answers carry it: none where no versions are kept.
pub(super) fn shown_id(version: &Version) -> Option<String> {
    (version.id != "null").then(|| version.id.clone())
}

fn check_match(wanted: Option<&ETagCondition>, version: &Version) -> S3Result<()> {
    match wanted {
        Some(ETagCondition::ETag(etag)) if etag.value() != version.etag => {
            Err(s3_error!(PreconditionFailed))
        }
        _ => Ok(()),
    }
}

pub(super) fn get(backend: &Backend, input: &GetObjectInput) -> Answer<GetObjectOutput> {
    let version = backend.within(&input.bucket, |bucket| {
        bucket
            .version(&input.key, input.version_id.as_deref())
            .cloned()
    })?;
    check_match(input.if_match.as_ref(), &version)?;
    let size = version.size();
    let range = match input.range {
        Some(range) => range.check(size)?,
        None => 0..size,
    };
    let content_range = input
        .range
        .map(|_| format!("bytes {}-{}/{size}", range.start, range.end - 1));
    let length = range.end - range.start;
    let pieces = version
        .content
        .as_ref()
        .map(|content| content.range(range))
        .unwrap_or_default();
    let body = StreamingBlob::wrap(stream::iter(pieces.into_iter().map(Ok::<_, io::Error>)));
    Ok(S3Response::new(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(body),
        content_length: i64::try_from(length).ok(),
        content_range,
        content_type: version.content_type.clone(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(version.modified.into()),
        metadata: version.metadata.clone(),
        object_lock_mode: locks::mode(&version),
        object_lock_retain_until_date: version.retention.map(|lock| lock.until.into()),
        version_id: shown_id(&version),
        ..GetObjectOutput::default()
    }))
}

pub(super) fn head(backend: &Backend, input: &HeadObjectInput) -> Answer<HeadObjectOutput> {
    let version = backend.within(&input.bucket, |bucket| {
        bucket
            .version(&input.key, input.version_id.as_deref())
            .cloned()
    })?;
    check_match(input.if_match.as_ref(), &version)?;
    Ok(S3Response::new(HeadObjectOutput {
        content_length: i64::try_from(version.size()).ok(),
        content_type: version.content_type.clone(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(version.modified.into()),
        metadata: version.metadata.clone(),
        object_lock_mode: locks::mode(&version),
        object_lock_retain_until_date: version.retention.map(|lock| lock.until.into()),
        object_lock_legal_hold_status: locks::legal_hold(&version),
        version_id: shown_id(&version),
        ..HeadObjectOutput::default()
    }))
}

pub(super) fn delete(backend: &Backend, input: &DeleteObjectInput) -> Answer<DeleteObjectOutput> {
    let Deleted { version, marker } = backend.state().delete(
        &input.bucket,
        &input.key,
        input.version_id.as_deref(),
        input.bypass_governance_retention.unwrap_or_default(),
    )?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: marker.then_some(true),
        version_id: version,
        ..DeleteObjectOutput::default()
    }))
}

/// Each key has its own outcome, and the answer is a success all the same.
pub(super) fn delete_many(
    backend: &Backend,
    request: S3Request<DeleteObjectsInput>,
) -> Answer<DeleteObjectsOutput> {
    let mut state = backend.state();
    state.rules.check_headers(&request.headers)?;
    locks::check_checksum(&request.headers)?;
    let input = request.input;
    state.bucket(&input.bucket)?;
    let bypass = input.bypass_governance_retention.unwrap_or_default();
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let version = object.version_id.as_deref();
        match state.delete(&input.bucket, &object.key, version, bypass) {
            Ok(done) => deleted.push(DeletedObject {
                delete_marker: done.marker.then_some(true),
                delete_marker_version_id: done.version.filter(|_| done.marker),
                key: Some(object.key),
                version_id: object.version_id,
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(ToOwned::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    let quiet = input.delete.quiet.unwrap_or_default();
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(if quiet { Vec::new() } else { deleted }),
        errors: (!errors.is_empty()).then_some(errors),
        ..DeleteObjectsOutput::default()
    }))
}
