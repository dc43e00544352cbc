//! S3: a bucket behind the AWS SDK, whose own retries are off.
//!
//! One call of ours is several attempts (`call`), each read into a `Trouble`, judged by
//! `classify`, and put into words by `explain`. Writing sends only CreateMultipartUpload,
//! UploadPart, CompleteMultipartUpload, AbortMultipartUpload and PutObject: a key that can
//! only write is enough. What `keeping` asks needs rights of its own.

mod body;
mod call;
mod classify;
mod connect;
mod credentials;
mod endpoint;
mod explain;
mod keeping;
mod locking;
mod moving;
mod presigned;
mod transport;
mod trouble;
mod upload;
mod web;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;

use self::body::S3Body;
use self::call::{Bucket, Call, Outcome};
use self::classify::Operation;
use self::trouble::Kind;
use self::upload::S3Upload;
use super::{Body, Hold, Object, OpenUpload, Page, Store, StoreError, StoreOptions, Upload};
use crate::failure::Failure;

pub(super) use self::presigned::open_url;
pub(super) use self::web::post;

/// Opens `prefix` in `bucket`.
pub(super) async fn open(
    bucket: &str,
    prefix: &str,
    options: &StoreOptions,
) -> Result<Arc<dyn Store>, Failure> {
    let bucket = connect::bucket(bucket, options).await?;
    Ok(Arc::new(S3Store {
        bucket: Arc::new(bucket),
        prefix: prefix.to_owned(),
    }))
}

/// Endpoint (none: AWS) and region that a bucket is asked at.
pub(super) async fn place(options: &StoreOptions) -> Result<(Option<String>, String), Failure> {
    connect::place(options).await
}

/// A prefix in a bucket.
struct S3Store {
    bucket: Arc<Bucket>,
    prefix: String,
}

#[async_trait]
impl Store for S3Store {
    fn key_of(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.prefix)
        }
    }

    fn url_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket.name)
    }

    fn moved(&self) -> u64 {
        self.bucket.moved.load(Ordering::Relaxed)
    }

    async fn put(&self, key: &str, body: Bytes, overwrite: bool) -> Result<(), StoreError> {
        let bucket = &self.bucket;
        let limit = bucket.timeouts.of(body.len());
        let lock = bucket.lock.filter(|_| !overwrite);
        let call = Call {
            operation: Operation::Put,
            key,
            upload_id: None,
            conditional: !overwrite,
            limit,
        };
        let outcome = bucket
            .call(call, |conditional| {
                let request = bucket.client.put_object().bucket(&bucket.name).key(key);
                let condition = conditional.then(|| "*".to_owned());
                request
                    .set_if_none_match(condition)
                    .set_object_lock_mode(lock.map(locking::mode))
                    .set_object_lock_retain_until_date(lock.map(locking::until))
                    .set_content_md5(lock.map(|_| locking::md5(&body)))
                    .body(ByteStream::from(body.clone()))
                    .send()
            })
            .await?;
        match outcome {
            // A success without ETag is a web server's, not a store's.
            Outcome::Answered { value, .. } if value.e_tag.is_none() => {
                Err(bucket.refuse(call, Kind::NotS3, "the answer has no ETag"))
            }
            _ => Ok(()),
        }
    }

    async fn begin(&self, key: &str, _part_size: u64) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(
            S3Upload::begin(Arc::clone(&self.bucket), key).await?,
        ))
    }

    async fn list(&self, page: Option<&str>) -> Result<Page, StoreError> {
        let bucket = &self.bucket;
        let prefix = self.key_of("");
        let limit = bucket.timeouts.of(0);
        let call = Call {
            operation: Operation::List,
            key: &prefix,
            upload_id: None,
            conditional: false,
            limit,
        };
        let outcome = bucket
            .call(call, |_| {
                let request = bucket
                    .client
                    .list_objects_v2()
                    .bucket(&bucket.name)
                    .encoding_type(EncodingType::Url)
                    .prefix(&prefix);
                request
                    .set_continuation_token(page.map(ToOwned::to_owned))
                    .send()
            })
            .await?;
        let Outcome::Answered { value, .. } = outcome else {
            return Err(bucket.refuse(call, Kind::NotS3, "no listing came"));
        };
        let next = value
            .next_continuation_token
            .clone()
            .filter(|_| value.is_truncated.unwrap_or_default());
        if value.is_truncated.unwrap_or_default() && next.is_none() {
            return Err(bucket.refuse(
                call,
                Kind::NotS3,
                "the listing is cut and does not say how to go on",
            ));
        }
        if next.is_some() && next.as_deref() == page {
            return Err(bucket.refuse(call, Kind::NotS3, "the listing repeats its page for ever"));
        }
        Ok(Page {
            objects: objects(value),
            next,
        })
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Body>, StoreError> {
        Ok(Box::new(S3Body::open(Arc::clone(&self.bucket), key).await?))
    }

    async fn delete(&self, key: &str, version: Option<&str>) -> Result<(), StoreError> {
        keeping::delete(&self.bucket, key, version).await
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>, StoreError> {
        keeping::versions(&self.bucket, key).await
    }

    async fn hold(&self, key: &str, version: Option<&str>) -> Result<Hold, StoreError> {
        keeping::hold(&self.bucket, key, version).await
    }

    async fn can_lock(&self) -> Result<bool, StoreError> {
        keeping::can_lock(&self.bucket).await
    }

    async fn open_uploads(&self) -> Result<Vec<OpenUpload>, StoreError> {
        keeping::open_uploads(&self.bucket, &self.key_of("")).await
    }

    async fn end_upload(&self, upload: &OpenUpload) -> Result<(), StoreError> {
        keeping::end_upload(&self.bucket, upload).await
    }
}

/// The objects of a page; "folders" (empty objects whose key ends with `/`) are none.
fn objects(page: ListObjectsV2Output) -> Vec<Object> {
    let encoded = page.encoding_type == Some(EncodingType::Url);
    let object = |found: aws_sdk_s3::types::Object| {
        let key = if encoded {
            decoded(&found.key?)?
        } else {
            found.key?
        };
        if key.ends_with('/') {
            return None;
        }
        let size = found
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default();
        Some(Object {
            key,
            size,
            modified: found.last_modified.as_ref().and_then(timestamp),
        })
    };
    page.contents
        .unwrap_or_default()
        .into_iter()
        .filter_map(object)
        .collect()
}

/// A key as it is. XML has no way to write every character of a key: one object with such a name
/// would hide all the others. A store that does not know the encoding does not say it encoded.
fn decoded(key: &str) -> Option<String> {
    let blanks = key.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&blanks).decode_utf8();
    decoded.ok().map(std::borrow::Cow::into_owned)
}

fn timestamp(time: &DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
