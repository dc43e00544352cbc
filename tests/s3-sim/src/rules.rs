//! How strict a store is, and what it does not know: where real stores differ.

use http::HeaderMap;
use s3s::dto::ETagCondition;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

const MIB: u64 = 1024 * 1024;

/// What a store does with `If-None-Match: *` on PutObject and CompleteMultipartUpload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// An existing key is answered with 412.
    #[default]
    Honour,
    /// An existing key is answered with 304, as by older `MinIO`.
    HonourAs304,
    /// 501 NotImplemented, as by Backblaze B2.
    NotImplemented,
    /// 400 InvalidArgument.
    BadRequest,
    /// Accepted and not looked at.
    Ignore,
}

/// What a store answers to the Complete of an upload that it has completed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// It knows no such upload.
    #[default]
    NoSuchUpload,
    /// The condition is looked at first: the key exists.
    Condition,
    /// Success again.
    Success,
}

/// The rules of a store.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `If-None-Match`.
    pub if_none_match: Condition,
    /// Complete, once more.
    pub repeated_complete: Repeat,
    /// Bytes that each part but the last must have.
    pub smallest_part: u64,
    /// Whether all parts but the last must have one size.
    pub equal_parts: bool,
    /// Whether `x-amz-checksum-*` is known; if not, it is refused.
    pub checksums: bool,
    /// Whether every bucket keeps versions, asked or not.
    pub always_versioned: bool,
    /// Most entries of one page of a listing.
    pub page: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self::aws()
    }
}

impl Rules {
    /// Amazon's.
    #[must_use]
    pub fn aws() -> Self {
        Self {
            if_none_match: Condition::Honour,
            repeated_complete: Repeat::NoSuchUpload,
            smallest_part: 5 * MIB,
            equal_parts: false,
            checksums: true,
            always_versioned: false,
            page: 1000,
        }
    }

    /// Backblaze B2's: always versioned, no conditions, none of the newer checksums.
    #[must_use]
    pub fn b2() -> Self {
        Self {
            if_none_match: Condition::NotImplemented,
            checksums: false,
            always_versioned: true,
            ..Self::aws()
        }
    }

    /// Cloudflare R2's: all parts but the last of one size.
    #[must_use]
    pub fn r2() -> Self {
        Self {
            equal_parts: true,
            ..Self::aws()
        }
    }

    /// Refuses headers this store does not know.
    pub(crate) fn check_headers(&self, headers: &HeaderMap) -> S3Result<()> {
        let unknown = headers
            .keys()
            .map(http::HeaderName::as_str)
            .find(|name| is_checksum(name));
        match unknown {
            Some(name) if !self.checksums => Err(S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                format!("Unsupported header '{name}' received for this API call."),
            )),
            Some(name) if self.equal_parts && headers.contains_key("content-md5") => {
                Err(S3Error::with_message(
                    S3ErrorCode::InvalidRequest,
                    format!("Both Content-MD5 and '{name}' were given."),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Decides about `If-None-Match`; `exists` says whether the key has an object.
    pub(crate) fn check_condition(
        &self,
        condition: Option<&ETagCondition>,
        exists: bool,
    ) -> S3Result<()> {
        match (condition, self.if_none_match) {
            (None, _) | (_, Condition::Ignore) => Ok(()),
            (_, Condition::NotImplemented) => Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that is not implemented."
            )),
            (_, Condition::BadRequest) => Err(s3_error!(
                InvalidArgument,
                "If-None-Match is not supported here."
            )),
            (Some(ETagCondition::Any), Condition::Honour) if exists => Err(s3_error!(
                PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold"
            )),
            (Some(ETagCondition::Any), Condition::HonourAs304) if exists => {
                Err(s3_error!(NotModified))
            }
            (Some(ETagCondition::Any), _) => Ok(()),
            (Some(ETagCondition::ETag(_)), _) => Err(s3_error!(
                NotImplemented,
                "Only If-None-Match: * is implemented."
            )),
        }
    }
}

/// Headers that carry or announce one of the newer checksums.
fn is_checksum(name: &str) -> bool {
    name.starts_with("x-amz-checksum-")
        || matches!(name, "x-amz-sdk-checksum-algorithm" | "x-amz-trailer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        names
            .iter()
            .map(|name| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static("x"),
                )
            })
            .collect()
    }

    #[test]
    fn conditions() {
        let star = Some(&ETagCondition::Any);
        for (mode, free, taken) in [
            (
                Condition::Honour,
                None,
                Some(S3ErrorCode::PreconditionFailed),
            ),
            (Condition::HonourAs304, None, Some(S3ErrorCode::NotModified)),
            (
                Condition::NotImplemented,
                Some(S3ErrorCode::NotImplemented),
                Some(S3ErrorCode::NotImplemented),
            ),
            (
                Condition::BadRequest,
                Some(S3ErrorCode::InvalidArgument),
                Some(S3ErrorCode::InvalidArgument),
            ),
            (Condition::Ignore, None, None),
        ] {
            let rules = Rules {
                if_none_match: mode,
                ..Rules::aws()
            };
            let code = |exists| {
                let refused = rules.check_condition(star, exists).err();
                refused.map(|error| error.code().clone())
            };
            assert_eq!((code(false), code(true)), (free, taken), "{mode:?}");
            assert!(rules.check_condition(None, true).is_ok());
        }
    }

    #[test]
    fn unknown_checksums_are_refused() {
        let checksum = headers(&["x-amz-checksum-crc32"]);
        assert!(Rules::aws().check_headers(&checksum).is_ok());
        let refused = Rules::b2().check_headers(&checksum).unwrap_err();
        assert!(refused.message().unwrap().contains("x-amz-checksum-crc32"));
        assert!(
            Rules::b2()
                .check_headers(&headers(&["content-md5"]))
                .is_ok()
        );
        let both = headers(&["content-md5", "x-amz-checksum-sha256"]);
        assert!(Rules::r2().check_headers(&both).is_err());
    }
}
