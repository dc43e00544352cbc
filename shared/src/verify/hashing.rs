//! Counts and hashes an object while it is read.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;

use crate::catalogue::Content;
use crate::store::{Body, StoreError};

/// What has passed so far.
pub(super) struct Hashed(Arc<Mutex<(u64, Context)>>);

impl Hashed {
    /// Size and SHA-256 of what has passed.
    pub(super) fn content(&self) -> Content {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Content {
            bytes: passed.0,
            sha256: hex::encode(passed.1.clone().finish()),
        }
    }
}

/// A body that is hashed on its way.
pub(super) struct HashingBody {
    inner: Box<dyn Body>,
    passed: Arc<Mutex<(u64, Context)>>,
}

impl HashingBody {
    pub(super) fn around(inner: Box<dyn Body>) -> (Self, Hashed) {
        let passed = Arc::new(Mutex::new((0, Context::new(&SHA256))));
        let hashed = Hashed(Arc::clone(&passed));
        (Self { inner, passed }, hashed)
    }
}

#[async_trait]
impl Body for HashingBody {
    fn size(&self) -> Option<u64> {
        self.inner.size()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let chunk = self.inner.next().await?;
        if let Some(chunk) = &chunk {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            passed.0 += chunk.len() as u64;
            passed.1.update(chunk);
        }
        Ok(chunk)
    }
}
