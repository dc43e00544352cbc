//! Who may do what: access keys, and a policy for each.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use crate::request::Operation;

/// What an access key may do.
#[derive(Debug, Clone, Default)]
pub struct Policy(Option<BTreeSet<Operation>>);

impl Policy {
    /// Everything.
    #[must_use]
    pub fn full() -> Self {
        Self(None)
    }

    /// Only these.
    #[must_use]
    pub fn only(operations: impl IntoIterator<Item = Operation>) -> Self {
        Self(Some(operations.into_iter().collect()))
    }

    /// Storing objects, whole or in parts, and taking an upload back: no reading, no listing,
    /// no deleting.
    #[must_use]
    pub fn write_only() -> Self {
        Self::only([
            Operation::PutObject,
            Operation::CreateMultipartUpload,
            Operation::UploadPart,
            Operation::CompleteMultipartUpload,
            Operation::AbortMultipartUpload,
        ])
    }

    /// Reading and listing.
    #[must_use]
    pub fn read_only() -> Self {
        Self::only([
            Operation::GetObject,
            Operation::HeadObject,
            Operation::ListObjects,
            Operation::ListObjectsV2,
            Operation::ListObjectVersions,
        ])
    }

    /// All but this.
    #[must_use]
    pub fn without(self, operation: Operation) -> Self {
        Self(self.0.map(|mut allowed| {
            allowed.remove(&operation);
            allowed
        }))
    }

    fn allows(&self, operation: Operation) -> bool {
        self.0
            .as_ref()
            .is_none_or(|allowed| allowed.contains(&operation))
    }
}

/// The access keys of a server. Tests change them while it runs.
#[derive(Default)]
pub(crate) struct Keys(RwLock<HashMap<String, (SecretKey, Policy)>>);

impl Keys {
    pub(crate) fn add(&self, access_key: &str, secret_key: &str, policy: Policy) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(access_key.to_owned(), (secret_key.into(), policy));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn find(&self, access_key: &str) -> Option<(SecretKey, Policy)> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(access_key).cloned()
    }
}

/// Asks the keys before anything is carried out.
pub(crate) struct Guard(pub(crate) Arc<Keys>);

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.find(access_key) {
            Some((secret, _)) => Ok(secret),
            None => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = Operation::named(context.s3_op().name());
        let policy = context
            .credentials()
            .and_then(|credentials| self.0.find(&credentials.access_key))
            .map(|(_, policy)| policy);
        match policy {
            Some(policy) if policy.allows(operation) => Ok(()),
            _ => Err(s3_error!(AccessDenied, "Access Denied")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        assert!(Policy::full().allows(Operation::Other));
        let write = Policy::write_only();
        assert!(write.allows(Operation::AbortMultipartUpload));
        assert!(!write.allows(Operation::ListObjectsV2) && !write.allows(Operation::HeadObject));
        let without = write.without(Operation::AbortMultipartUpload);
        assert!(!without.allows(Operation::AbortMultipartUpload));
        assert!(without.allows(Operation::PutObject));
        assert!(!Policy::read_only().allows(Operation::PutObject));
    }
}
