//! Multipart uploads.

use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::locks::{self, retention};
use super::objects::{check_sums, shown_id};
use super::{Answer, Backend, received};
use crate::state::{Content, Version};

pub(super) fn create(
    backend: &Backend,
    request: S3Request<CreateMultipartUploadInput>,
) -> Answer<CreateMultipartUploadOutput> {
    let mut state = backend.state();
    state.rules.check_headers(&request.headers)?;
    let input = request.input;
    let locked = retention(
        input.object_lock_mode.as_ref().map(ObjectLockMode::as_str),
        input.object_lock_retain_until_date,
    )?;
    let template = Version {
        content_type: input.content_type,
        metadata: input.metadata,
        retention: locked,
        ..Version::new(Content::default(), String::new())
    };
    let id = state.open_upload(&input.bucket, &input.key, template)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        ..CreateMultipartUploadOutput::default()
    }))
}

pub(super) async fn part(
    backend: &Backend,
    request: S3Request<UploadPartInput>,
) -> Answer<UploadPartOutput> {
    let rules = backend.state().rules;
    rules.check_headers(&request.headers)?;
    let mut input = request.input;
    let locked = backend.within(&input.bucket, |bucket| {
        let upload = bucket.upload(&input.key, &input.upload_id)?;
        Ok(upload.template.retention.is_some())
    })?;
    if locked {
        locks::check_checksum(&request.headers)?;
    }
    let body = received(input.body.take()).await?;
    check_sums(&request.headers, request.trailing_headers, &body)?;
    let etag = backend.within(&input.bucket, |bucket| {
        bucket.store_part(&input.key, &input.upload_id, input.part_number, body)
    })?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(ETag::Strong(etag)),
        ..UploadPartOutput::default()
    }))
}

pub(super) fn complete(
    backend: &Backend,
    request: S3Request<CompleteMultipartUploadInput>,
) -> Answer<CompleteMultipartUploadOutput> {
    let mut state = backend.state();
    state.rules.check_headers(&request.headers)?;
    let input = request.input;
    let named = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let stored = state.complete_upload(
        &input.bucket,
        (&input.key, &input.upload_id),
        &named,
        input.if_none_match.as_ref(),
    )?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        e_tag: Some(ETag::Strong(stored.etag.clone())),
        version_id: shown_id(&stored),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..CompleteMultipartUploadOutput::default()
    }))
}

pub(super) fn abort(
    backend: &Backend,
    input: &AbortMultipartUploadInput,
) -> Answer<AbortMultipartUploadOutput> {
    backend.within(&input.bucket, |bucket| {
        bucket.abort_upload(&input.key, &input.upload_id)
    })?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) fn list_parts(backend: &Backend, input: ListPartsInput) -> Answer<ListPartsOutput> {
    let most = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or_default();
    let after = u32::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
    let (parts, more) = backend.within(&input.bucket, |bucket| {
        let upload = bucket.upload(&input.key, &input.upload_id)?;
        let mut rest = upload.parts.range(after + 1..);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(most)
            .map(|(number, part)| Part {
                part_number: i32::try_from(*number).ok(),
                size: i64::try_from(part.body.len()).ok(),
                e_tag: Some(ETag::Strong(part.etag.clone())),
                last_modified: Some(part.modified.into()),
                ..Part::default()
            })
            .collect();
        Ok((parts, rest.next().is_some()))
    })?;
    let last = parts.last().and_then(|part| part.part_number);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(more),
        next_part_number_marker: last.filter(|_| more),
        parts: Some(parts),
        ..ListPartsOutput::default()
    }))
}

pub(super) fn list(
    backend: &Backend,
    input: ListMultipartUploadsInput,
) -> Answer<ListMultipartUploadsOutput> {
    let most = usize::try_from(input.max_uploads.unwrap_or(1000)).unwrap_or_default();
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.key_marker.map(|key| {
        // Without an id all uploads of the key are behind us.
        let id = input.upload_id_marker;
        (key, id.unwrap_or_else(|| char::MAX.to_string()))
    });
    let (uploads, more) = backend.within(&input.bucket, |bucket| {
        let mut rest = bucket
            .uploads
            .iter()
            .filter(|(name, _)| name.0.starts_with(&prefix))
            .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let uploads: Vec<MultipartUpload> = rest
            .by_ref()
            .take(most)
            .map(|((key, id), upload)| MultipartUpload {
                key: Some(key.clone()),
                upload_id: Some(id.clone()),
                initiated: Some(upload.initiated.into()),
                ..MultipartUpload::default()
            })
            .collect();
        Ok((uploads, rest.next().is_some()))
    })?;
    let last = uploads.last().filter(|_| more).cloned().unwrap_or_default();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        is_truncated: Some(more),
        next_key_marker: last.key,
        next_upload_id_marker: last.upload_id,
        uploads: Some(uploads),
        ..ListMultipartUploadsOutput::default()
    }))
}
