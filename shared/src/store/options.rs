//! What a caller may choose about stores: plain data, no flags, no environment.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::keeping::ObjectLock;

/// How a bucket is addressed in URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathStyle {
    /// Virtual for AWS and the clouds known to serve it, path for every other endpoint.
    #[default]
    Auto,
    /// `https://endpoint/bucket/key`.
    Path,
    /// `https://bucket.endpoint/key`.
    Virtual,
}

/// Keys given by the caller instead of found by the AWS credential chain.
#[derive(Clone)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary keys.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// When to ask again, and when to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Pause before the second attempt; doubled before each further one.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// No attempt begins later than this after the first.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            total: Duration::from_secs(300),
        }
    }
}

/// Limits in time of what is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands (name, TCP, TLS).
    pub connect: Duration,
    /// Until an answer begins, for a request without body.
    pub request: Duration,
    /// Added to `request` for a body: its size at this rate, in bytes a second.
    pub slowest_upload: u64,
    /// Until the next bytes of a download.
    pub idle: Duration,
    /// An abort, its retries included.
    pub abort: Duration,
    /// Each question to the instance metadata service, the last of the credential chain.
    pub instance_metadata: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(60),
            slowest_upload: 64 * 1024,
            idle: Duration::from_secs(60),
            abort: Duration::from_secs(10),
            instance_metadata: Duration::from_secs(1),
        }
    }
}

impl Timeouts {
    /// One limit for every request, its body included.
    pub fn fixed(limit: Duration) -> Self {
        Self {
            request: limit,
            slowest_upload: u64::MAX,
            idle: limit,
            ..Self::default()
        }
    }

    /// The limit of one attempt that sends `bytes`.
    pub(super) fn of(&self, bytes: usize) -> Duration {
        let seconds = bytes as u64 / self.slowest_upload.max(1);
        self.request.saturating_add(Duration::from_secs(seconds))
    }
}

/// What holds for every store a program opens.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// Endpoint with its scheme; without it `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the
    /// profile's, AWS.
    pub s3_endpoint: Option<String>,
    /// Region; without it `AWS_REGION`, the profile's, the endpoint's, `us-east-1`.
    pub s3_region: Option<String>,
    /// How buckets are addressed.
    pub s3_path_style: PathStyle,
    /// PEM file of CAs trusted besides the system's; without it `AWS_CA_BUNDLE`.
    pub s3_ca_file: Option<PathBuf>,
    /// Profile of the AWS files; without it `AWS_PROFILE`, `default`.
    pub s3_profile: Option<String>,
    /// Keys, where they do not come from the AWS chain.
    pub s3_credentials: Option<Credentials>,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// When to ask again.
    pub retry: RetryPolicy,
    /// The lock of every object that is stored.
    pub lock: Option<ObjectLock>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_an_attempt_grows_with_its_body() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.of(0), Duration::from_secs(60));
        assert_eq!(timeouts.of(8 * 1024 * 1024), Duration::from_secs(60 + 128));
    }

    #[test]
    fn options_show_no_key() {
        let options = StoreOptions {
            s3_credentials: Some(Credentials {
                access_key_id: "planted-id".to_owned(),
                secret_access_key: "planted-secret".to_owned(),
                session_token: Some("planted-token".to_owned()),
            }),
            ..StoreOptions::default()
        };
        assert!(!format!("{options:?}").contains("planted"));
    }
}
