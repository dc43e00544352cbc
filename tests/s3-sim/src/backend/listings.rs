//! Listings of buckets, objects and versions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::{Answer, Backend};
use crate::state::{Listed, Version, Wanted, page};

/// What a listing may ask for at once, and what it gets.
fn most(asked: Option<i32>, page: usize) -> usize {
    let asked = asked.and_then(|asked| usize::try_from(asked).ok());
    asked.unwrap_or(page).min(page)
}

/// A continuation token: no client may read anything in it.
fn token(after: &str) -> String {
    hex::encode(after)
}

fn read_token(token: &str) -> S3Result<String> {
    hex::decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "The continuation token provided is incorrect"
            )
        })
}

pub(super) fn buckets(backend: &Backend) -> Answer<ListBucketsOutput> {
    let bucket = |name: &String| Bucket {
        name: Some(name.clone()),
        ..Bucket::default()
    };
    let names = backend.state().buckets.keys().map(bucket).collect();
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(names),
        ..ListBucketsOutput::default()
    }))
}

pub(super) fn objects(backend: &Backend, input: ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
    let mut state = backend.state();
    let most = most(input.max_keys, state.rules.page);
    let bucket = state.bucket(&input.bucket)?;
    let after = match &input.continuation_token {
        Some(token) => Some(read_token(token)?),
        None => input.start_after.clone(),
    };
    let wanted = Wanted {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after: after.as_deref(),
        most,
    };
    let newest = |versions: &Vec<Version>| {
        let newest = versions.last()?;
        (!newest.is_marker()).then(|| object(newest))
    };
    let (lines, more) = page(&bucket.objects, wanted, newest);
    let next = lines.last().filter(|_| more).map(|line| token(line.name()));
    let count = lines.len();
    let (mut contents, mut groups) = (Vec::new(), Vec::new());
    let encoded = input.encoding_type.as_ref().map(EncodingType::as_str) == Some(EncodingType::URL);
    let written = |key: &str| if encoded { in_url(key) } else { key.to_owned() };
    for line in lines {
        match line {
            Listed::Key(key, object) => contents.push(Object {
                key: Some(written(key)),
                ..object
            }),
            Listed::Group(prefix) => groups.push(CommonPrefix {
                prefix: Some(written(&prefix)),
            }),
        }
    }
    drop(state);
    Ok(S3Response::new(ListObjectsV2Output {
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        max_keys: i32::try_from(most).ok(),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(more),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(groups),
        ..ListObjectsV2Output::default()
    }))
}

/// As S3 has it: a blank is `+`, the parts of a path stay apart.
fn in_url(key: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*')
        .remove(b' ');
    utf8_percent_encode(key, PLAIN)
        .to_string()
        .replace(' ', "+")
}

fn object(version: &Version) -> Object {
    Object {
        size: i64::try_from(version.size()).ok(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(version.modified.into()),
        storage_class: Some(ObjectStorageClass::from_static(
            ObjectStorageClass::STANDARD,
        )),
        ..Object::default()
    }
}

/// All versions and markers under a prefix, key by key, the newest first. Delimiters are not
/// known here.
pub(super) fn versions(
    backend: &Backend,
    input: &ListObjectVersionsInput,
) -> Answer<ListObjectVersionsOutput> {
    let mut state = backend.state();
    let most = most(input.max_keys, state.rules.page);
    let bucket = state.bucket(&input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let from = input
        .key_marker
        .clone()
        .unwrap_or_default()
        .max(prefix.clone());
    let mut lines = bucket
        .objects
        .range(from..)
        .take_while(|(key, _)| key.starts_with(&prefix))
        .flat_map(|(key, versions)| {
            let newest_first = versions.iter().rev().enumerate();
            newest_first.map(move |(age, version)| (key, version, age == 0))
        })
        .skip_while(|(key, version, _)| is_before(input, key, version));
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let mut last = (None, None);
    for (key, version, is_latest) in lines.by_ref().take(most) {
        last = (Some(key.clone()), Some(version.id.clone()));
        if version.is_marker() {
            markers.push(marker(key, version, is_latest));
        } else {
            versions.push(shown(key, version, is_latest));
        }
    }
    let more = lines.next().is_some();
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: input.prefix.clone(),
        is_truncated: Some(more),
        next_key_marker: last.0.filter(|_| more),
        next_version_id_marker: last.1.filter(|_| more),
        versions: Some(versions),
        delete_markers: Some(markers),
        ..ListObjectVersionsOutput::default()
    }))
}

/// Whether a line belongs to an earlier page. Version ids of one key fall from line to line.
fn is_before(input: &ListObjectVersionsInput, key: &str, version: &Version) -> bool {
    match (&input.key_marker, &input.version_id_marker) {
        (Some(marker), Some(id)) if key == marker => version.id >= *id,
        (Some(marker), None) => key <= marker.as_str(),
        (Some(marker), _) => key < marker.as_str(),
        (None, _) => false,
    }
}

fn shown(key: &str, version: &Version, is_latest: bool) -> ObjectVersion {
    ObjectVersion {
        key: Some(key.to_owned()),
        version_id: Some(version.id.clone()),
        is_latest: Some(is_latest),
        size: i64::try_from(version.size()).ok(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(version.modified.into()),
        ..ObjectVersion::default()
    }
}

fn marker(key: &str, version: &Version, is_latest: bool) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(key.to_owned()),
        version_id: Some(version.id.clone()),
        is_latest: Some(is_latest),
        last_modified: Some(version.modified.into()),
        ..DeleteMarkerEntry::default()
    }
}
