//! Reading an object: an interrupted download goes on where it stopped, and only of the
//! same object (`If-Match`).

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::call::{Bucket, Call, Outcome};
use super::classify::Operation;
use super::trouble::Kind;
use crate::failure::{Exit, Failure};
use crate::store::retry::Attempts;
use crate::store::{Body, StoreError, StoreErrorKind, chain};

/// An object being read.
pub(super) struct S3Body {
    bucket: Arc<Bucket>,
    key: String,
    stream: ByteStream,
    etag: Option<String>,
    size: Option<u64>,
    offset: u64,
    /// Interruptions of the whole download, spaced and bounded like the attempts of a call.
    interruptions: Attempts,
}

impl S3Body {
    /// Begins to read `key`.
    pub(super) async fn open(bucket: Arc<Bucket>, key: &str) -> Result<Self, StoreError> {
        let answer = get(&bucket, key, None, None).await?;
        let size = answer
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        let interruptions = Attempts::new(bucket.retry);
        let (etag, stream) = (answer.e_tag, answer.body);
        Ok(Self {
            key: key.to_owned(),
            stream,
            etag,
            size,
            offset: 0,
            interruptions,
            bucket,
        })
    }

    /// Takes the download up again after `reason`.
    async fn resume(&mut self, reason: &str) -> Result<(), StoreError> {
        tracing::debug!(
            key = self.key,
            offset = self.offset,
            reason,
            "download interrupted"
        );
        let Some(etag) = self.etag.clone().filter(|_| self.size.is_some()) else {
            return Err(self.cut(reason));
        };
        if !self.interruptions.again().await {
            return Err(self.cut(reason));
        }
        let range = format!("bytes={}-", self.offset);
        let answer = match get(&self.bucket, &self.key, Some(range), Some(etag)).await {
            Err(error) if error.failure.what.contains("PreconditionFailed") => {
                return Err(self.cut("it was replaced meanwhile"));
            }
            answer => answer?,
        };
        let start = format!("bytes {}-", self.offset);
        if !answer
            .content_range
            .is_some_and(|range| range.starts_with(&start))
        {
            return Err(self.cut("the store does not resume downloads"));
        }
        self.stream = answer.body;
        Ok(())
    }

    fn cut(&self, reason: &str) -> StoreError {
        let Self {
            bucket,
            key,
            offset,
            ..
        } = self;
        let size = self
            .size
            .map_or_else(|| "?".to_owned(), |size| size.to_string());
        let what = format!(
            "reading `s3://{}/{key}` stopped after {offset} of {size} bytes: {reason}",
            bucket.name
        );
        let failure = Failure::new(Exit::Unreachable, what).hint("run it again");
        StoreError {
            kind: StoreErrorKind::Failed,
            failure,
        }
    }
}

#[async_trait]
impl Body for S3Body {
    fn size(&self) -> Option<u64> {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let reason = match tokio::time::timeout(self.bucket.timeouts.idle, self.stream.next())
                .await
            {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
                Ok(Some(Ok(bytes))) => {
                    self.offset += bytes.len() as u64;
                    return match self.size {
                        Some(size) if self.offset > size => {
                            Err(self.cut("more bytes came than the store announced"))
                        }
                        _ => Ok(Some(bytes)),
                    };
                }
                Ok(None) if self.size.is_none_or(|size| self.offset == size) => return Ok(None),
                Ok(None) => "the connection closed early".to_owned(),
                Ok(Some(Err(error))) => chain::innermost(&error),
                Err(_) => format!("no bytes for {:?}", self.bucket.timeouts.idle),
            };
            self.resume(&reason).await?;
        }
    }
}

async fn get(
    bucket: &Bucket,
    key: &str,
    range: Option<String>,
    etag: Option<String>,
) -> Result<GetObjectOutput, StoreError> {
    let limit = bucket.timeouts.of(0);
    let call = Call {
        operation: Operation::Get,
        key,
        upload_id: None,
        conditional: false,
        limit,
    };
    let outcome = bucket
        .call(call, |_| {
            let request = bucket.client.get_object().bucket(&bucket.name).key(key);
            request
                .set_range(range.clone())
                .set_if_match(etag.clone())
                .send()
        })
        .await?;
    match outcome {
        Outcome::Answered { value, .. } => Ok(value),
        Outcome::Settled => Err(bucket.refuse(call, Kind::NotS3, "no object came")),
    }
}
