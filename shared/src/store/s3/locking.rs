//! Locks on their way to a store.
//!
//! A request that stores a locked object must carry a checksum. Content-MD5 is the one kind
//! that every store with object lock takes: Backblaze B2 knows none of the newer ones, and two
//! kinds at once are refused by others.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::ObjectLockMode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::store::{LockMode, ObjectLock};

pub(super) fn mode(lock: ObjectLock) -> ObjectLockMode {
    match lock.mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    }
}

pub(super) fn until(lock: ObjectLock) -> DateTime {
    DateTime::from_secs(lock.until.as_second())
}

/// The value of Content-MD5.
pub(super) fn md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_md5_is_as_the_standard_has_it() {
        assert_eq!(md5(b""), "1B2M2Y8AsgTpgAmY7PhCfg==");
        assert_eq!(md5(b"abc"), "kAFQmDzST7DWlj99KOF/cg==");
    }
}
