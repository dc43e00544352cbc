//! An upload in parts: Create, UploadPart, Complete, Abort, and nothing else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::call::{Bucket, Call, Outcome};
use super::classify::Operation;
use super::explain;
use super::locking;
use super::trouble::{Kind, Trouble};
use crate::failure::{Exit, Failure};
use crate::store::{StoreError, StoreErrorKind, Upload, chain};

/// An open multipart upload.
pub(super) struct S3Upload {
    bucket: Arc<Bucket>,
    key: String,
    id: String,
    /// ETag of each part stored so far: Complete must name them all.
    etags: Mutex<BTreeMap<u32, String>>,
    /// Completed or aborted: nothing is left to remove.
    closed: AtomicBool,
    remark: Option<String>,
}

impl S3Upload {
    /// Opens an upload of `key`.
    pub(super) async fn begin(bucket: Arc<Bucket>, key: &str) -> Result<Self, StoreError> {
        let limit = bucket.timeouts.of(0);
        let call = Call {
            operation: Operation::Create,
            key,
            upload_id: None,
            conditional: false,
            limit,
        };
        let outcome = bucket
            .call(call, |_| {
                bucket
                    .client
                    .create_multipart_upload()
                    .bucket(&bucket.name)
                    .key(key)
                    .set_object_lock_mode(bucket.lock.map(locking::mode))
                    .set_object_lock_retain_until_date(bucket.lock.map(locking::until))
                    .send()
            })
            .await?;
        let Outcome::Answered {
            value,
            earlier_lost,
        } = outcome
        else {
            return Err(bucket.refuse(call, Kind::NotS3, "no upload was named"));
        };
        let Some(id) = value.upload_id.filter(|id| !id.is_empty()) else {
            return Err(bucket.refuse(call, Kind::NotS3, "the answer names no upload id"));
        };
        let remark = earlier_lost.then(|| explain::twice_begun(&bucket.subject(call)));
        Ok(Self {
            key: key.to_owned(),
            id,
            etags: Mutex::default(),
            closed: AtomicBool::new(false),
            remark,
            bucket,
        })
    }

    fn call(&self, operation: Operation, bytes: usize) -> Call<'_> {
        Call {
            operation,
            key: &self.key,
            upload_id: Some(&self.id),
            conditional: operation == Operation::Complete,
            limit: self.bucket.timeouts.of(bytes),
        }
    }

    /// Parts 1 to `parts` as Complete names them.
    fn completed(&self, parts: u32) -> Result<CompletedMultipartUpload, StoreError> {
        let etags = self.etags.lock().unwrap_or_else(PoisonError::into_inner);
        if !etags.keys().copied().eq(1..=parts) {
            let what = format!(
                "cannot publish `{}`: {} of {parts} parts were stored",
                self.key,
                etags.len()
            );
            return Err(StoreError {
                kind: StoreErrorKind::Failed,
                failure: Failure::new(Exit::Bug, what),
            });
        }
        let part = |(number, etag): (&u32, &String)| {
            CompletedPart::builder()
                .part_number(i32::try_from(*number).unwrap_or(i32::MAX))
                .e_tag(etag)
                .build()
        };
        Ok(CompletedMultipartUpload::builder()
            .set_parts(Some(etags.iter().map(part).collect()))
            .build())
    }
}

#[async_trait]
impl Upload for S3Upload {
    fn id(&self) -> &str {
        &self.id
    }

    fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    async fn part(&self, number: u32, _offset: u64, body: Bytes) -> Result<(), StoreError> {
        let call = self.call(Operation::Part, body.len());
        let checksum = self.bucket.lock.map(|_| locking::md5(&body));
        let outcome = self
            .bucket
            .call(call, |_| {
                let request = self
                    .bucket
                    .client
                    .upload_part()
                    .bucket(&self.bucket.name)
                    .key(&self.key);
                let number = i32::try_from(number).unwrap_or(i32::MAX);
                request
                    .upload_id(&self.id)
                    .part_number(number)
                    .set_content_md5(checksum.clone())
                    .body(ByteStream::from(body.clone()))
                    .send()
            })
            .await?;
        let etag = match outcome {
            Outcome::Answered { value, .. } => value.e_tag.filter(|etag| !etag.is_empty()),
            Outcome::Settled => None,
        };
        let etag = etag.ok_or_else(|| {
            self.bucket
                .refuse(call, Kind::NotS3, "the answer has no ETag")
        })?;
        self.etags
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, etag);
        Ok(())
    }

    async fn complete(&self, parts: u32) -> Result<(), StoreError> {
        let parts = self.completed(parts)?;
        let call = self.call(Operation::Complete, 0);
        let outcome = self
            .bucket
            .call(call, |conditional| {
                let request = self
                    .bucket
                    .client
                    .complete_multipart_upload()
                    .bucket(&self.bucket.name)
                    .key(&self.key);
                let condition = conditional.then(|| "*".to_owned());
                request
                    .upload_id(&self.id)
                    .multipart_upload(parts.clone())
                    .set_if_none_match(condition)
                    .send()
            })
            .await?;
        match outcome {
            // An empty 200 is what a proxy answers: the object may be there or not.
            Outcome::Answered { value, .. } if value.e_tag.is_none() && value.key.is_none() => {
                let trouble = Trouble::new(Kind::Lost, "the answer names no object");
                Err(explain::undecided(&self.bucket.subject(call), &trouble))
            }
            _ => {
                self.closed.store(true, Ordering::Release);
                Ok(())
            }
        }
    }

    async fn abort(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let call = self.call(Operation::Abort, 0);
        let asked = self.bucket.call(call, |_| {
            let request = self
                .bucket
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket.name)
                .key(&self.key);
            request.upload_id(&self.id).send()
        });
        let limit = self.bucket.timeouts.abort;
        let trouble = match tokio::time::timeout(limit, asked).await {
            Ok(Ok(_)) => {
                self.closed.store(true, Ordering::Release);
                return Ok(());
            }
            Ok(Err(error)) => chain::find::<Trouble>(&error)
                .cloned()
                .unwrap_or_else(|| Trouble::new(Kind::Lost, error.failure.what)),
            Err(_) => Trouble::timed_out(limit),
        };
        Err(explain::remains(&self.bucket.subject(call), &trouble))
    }
}
