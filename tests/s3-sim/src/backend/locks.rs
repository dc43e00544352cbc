//! Versioning and object lock.

use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Answer, Backend};
use crate::state::{Mode, Retention, Version};

/// The lock of a request: both its fields, or none.
pub(super) fn retention(
    mode: Option<&str>,
    until: Option<Timestamp>,
) -> S3Result<Option<Retention>> {
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => Ok(Some(Retention {
            mode: match mode {
                "GOVERNANCE" => Mode::Governance,
                "COMPLIANCE" => Mode::Compliance,
                _ => return Err(s3_error!(InvalidArgument, "Unknown wormMode directive.")),
            },
            until: time_of(&until),
        })),
        _ => Err(s3_error!(
            InvalidArgument,
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        )),
    }
}

fn time_of(timestamp: &Timestamp) -> std::time::SystemTime {
    let mut text = Vec::new();
    // Seconds since the epoch: the one format that needs no further crate.
    let written = timestamp.format(TimestampFormat::EpochSeconds, &mut text);
    let seconds: f64 = written
        .ok()
        .and_then(|()| std::str::from_utf8(&text).ok()?.parse().ok())
        .unwrap_or_default();
    std::time::UNIX_EPOCH + std::time::Duration::from_secs_f64(seconds.max(0.0))
}

pub(super) fn mode(version: &Version) -> Option<ObjectLockMode> {
    version.retention.map(|lock| {
        ObjectLockMode::from_static(match lock.mode {
            Mode::Governance => ObjectLockMode::GOVERNANCE,
            Mode::Compliance => ObjectLockMode::COMPLIANCE,
        })
    })
}

pub(super) fn legal_hold(version: &Version) -> Option<ObjectLockLegalHoldStatus> {
    let on = || ObjectLockLegalHoldStatus::from_static(ObjectLockLegalHoldStatus::ON);
    version.legal_hold.then(on)
}

/// What changes a lock, or deletes many objects, must carry a checksum.
pub(super) fn check_checksum(headers: &HeaderMap) -> S3Result<()> {
    let carried = headers.keys().any(|name| {
        let name = name.as_str();
        name == "content-md5" || name == "x-amz-trailer" || name.starts_with("x-amz-checksum-")
    });
    if carried {
        return Ok(());
    }
    Err(s3_error!(
        InvalidRequest,
        "Content-MD5 OR x-amz-checksum- HTTP header is required for requests with Object Lock parameters"
    ))
}

pub(super) fn versioning(
    backend: &Backend,
    input: &GetBucketVersioningInput,
) -> Answer<GetBucketVersioningOutput> {
    let rules = backend.state().rules;
    let keeps = backend.within(&input.bucket, |bucket| Ok(bucket.keeps_versions(rules)))?;
    let enabled = || BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED);
    Ok(S3Response::new(GetBucketVersioningOutput {
        status: keeps.then(enabled),
        ..GetBucketVersioningOutput::default()
    }))
}

pub(super) fn configuration(
    backend: &Backend,
    input: &GetObjectLockConfigurationInput,
) -> Answer<GetObjectLockConfigurationOutput> {
    let lockable = backend.within(&input.bucket, |bucket| Ok(bucket.lockable))?;
    if !lockable {
        return Err(s3_error!(
            ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket"
        ));
    }
    let enabled = ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED);
    Ok(S3Response::new(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(enabled),
            ..ObjectLockConfiguration::default()
        }),
    }))
}

pub(super) fn get(
    backend: &Backend,
    input: &GetObjectRetentionInput,
) -> Answer<GetObjectRetentionOutput> {
    let version = backend.within(&input.bucket, |bucket| {
        bucket
            .version(&input.key, input.version_id.as_deref())
            .cloned()
    })?;
    let Some(lock) = version.retention else {
        return Err(s3_error!(
            NoSuchObjectLockConfiguration,
            "The specified object does not have a ObjectLock configuration"
        ));
    };
    let mode = mode(&version).map(|mode| ObjectLockRetentionMode::from(mode.as_str().to_owned()));
    Ok(S3Response::new(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode,
            retain_until_date: Some(lock.until.into()),
        }),
    }))
}

/// A lock can be made longer by anyone, shorter only where it does not hold.
pub(super) fn put(
    backend: &Backend,
    request: S3Request<PutObjectRetentionInput>,
) -> Answer<PutObjectRetentionOutput> {
    check_checksum(&request.headers)?;
    let input = request.input;
    let wanted = input.retention.unwrap_or_default();
    let wanted = retention(
        wanted.mode.as_ref().map(ObjectLockRetentionMode::as_str),
        wanted.retain_until_date,
    )?;
    let bypass = input.bypass_governance_retention.unwrap_or_default();
    let now = backend.state().now();
    backend.within(&input.bucket, |bucket| {
        if !bucket.lockable {
            return Err(s3_error!(
                InvalidRequest,
                "Bucket is missing Object Lock Configuration"
            ));
        }
        let version = bucket.version_mut(&input.key, input.version_id.as_deref())?;
        let weaker = |held: Retention| {
            wanted.is_none_or(|wanted| {
                wanted.until < held.until
                    || (held.mode == Mode::Compliance && wanted.mode == Mode::Governance)
            })
        };
        if version
            .retention
            .is_some_and(|held| held.holds(now, bypass) && weaker(held))
        {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied because object protected by object lock."
            ));
        }
        version.retention = wanted;
        Ok(())
    })?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}
