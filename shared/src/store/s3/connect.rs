//! From options and environment to a client for one bucket. Nothing is sent to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, IdentityCache, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use url::Url;

use super::call::Bucket;
use super::transport::Transport;
use super::{credentials, endpoint};
use crate::failure::Failure;
use crate::store::{RetryPolicy, StoreOptions};

/// The region where nothing names one: what stores without regions expect.
const DEFAULT_REGION: &str = "us-east-1";

/// Where a store is, as flags, environment and files say.
struct Found {
    loaded: SdkConfig,
    endpoint: Option<Url>,
    region: Region,
}

async fn find(options: &StoreOptions, transport: &Transport) -> Result<Found, Failure> {
    let given = options.s3_endpoint.clone().or_else(endpoint_of_environment);
    let given = given.as_deref().map(endpoint::checked).transpose()?;
    let named = region(options).await;
    let provisional = named
        .clone()
        .unwrap_or_else(|| Region::from_static(DEFAULT_REGION));
    let loaded = load(options, provisional, transport).await;
    let endpoint = match given {
        Some(endpoint) => Some(endpoint),
        None => loaded.endpoint_url().map(endpoint::checked).transpose()?,
    };
    let region = named
        .or_else(|| {
            endpoint
                .as_ref()
                .and_then(endpoint::region_of)
                .map(|region| Region::new(region.to_owned()))
        })
        .unwrap_or_else(|| Region::from_static(DEFAULT_REGION));
    Ok(Found {
        loaded,
        endpoint,
        region,
    })
}

/// Endpoint (none: AWS) and region of a bucket. No credentials are needed.
pub(super) async fn place(options: &StoreOptions) -> Result<(Option<String>, String), Failure> {
    let found = find(options, &Transport::new(options)?).await?;
    Ok((found.endpoint.as_ref().map(shown), found.region.to_string()))
}

/// A client for one bucket.
pub(super) async fn bucket(name: &str, options: &StoreOptions) -> Result<Bucket, Failure> {
    let transport = Transport::new(options)?;
    let Found {
        loaded,
        endpoint,
        region,
    } = find(options, &transport).await?;
    let credentials = credentials::find(options, &region, &transport).await?;
    let moved = Arc::<AtomicU64>::default();
    let config = configured(&loaded, options, endpoint.as_ref())
        .region(region)
        .credentials_provider(credentials)
        .http_client(transport.counting_client(&moved));
    Ok(Bucket {
        client: aws_sdk_s3::Client::from_conf(config.build()),
        name: name.to_owned(),
        endpoint: endpoint
            .as_ref()
            .map_or_else(|| endpoint::AWS.to_owned(), shown),
        custom_endpoint: endpoint.is_some(),
        retry: attempts_of_environment(options.retry),
        timeouts: options.timeouts,
        lock: options.lock,
        unconditional: AtomicBool::new(false),
        moved,
    })
}

/// The S3 settings that differ from the SDK's.
fn configured(loaded: &SdkConfig, options: &StoreOptions, endpoint: Option<&Url>) -> Builder {
    let timeouts = TimeoutConfig::builder().connect_timeout(options.timeouts.connect);
    let mut config = Builder::from(loaded)
        // `call` retries, and knows which outcomes are unknown.
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            timeouts
                .disable_read_timeout()
                .disable_operation_timeout()
                .disable_operation_attempt_timeout()
                .build(),
        )
        // Slow uplinks are normal; our own limits find what stands still.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Stores that do not know the newer checksums refuse them; the signature covers the payload.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .identity_cache(
            IdentityCache::lazy()
                .load_timeout(credentials::PATIENCE)
                .build(),
        )
        .force_path_style(endpoint::by_path(options.s3_path_style, endpoint));
    config.set_endpoint_url(endpoint.map(shown));
    config
}

/// Profile and environment as the SDK reads them.
async fn load(options: &StoreOptions, region: Region, transport: &Transport) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region)
        .http_client(transport.client())
        .no_credentials();
    if let Some(profile) = &options.s3_profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// Flag, environment, profile; never the instance metadata, which makes machines outside
/// a cloud wait.
async fn region(options: &StoreOptions) -> Option<Region> {
    if let Some(region) = &options.s3_region {
        return Some(Region::new(region.clone()));
    }
    if let Some(region) = EnvironmentVariableRegionProvider::new().region().await {
        return Some(region);
    }
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &options.s3_profile {
        profile = profile.profile_name(name);
    }
    profile.build().region().await
}

/// `AWS_ENDPOINT_URL_S3`; the SDK itself reads `AWS_ENDPOINT_URL` and the profile.
fn endpoint_of_environment() -> Option<String> {
    let ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    std::env::var("AWS_ENDPOINT_URL_S3")
        .ok()
        .filter(|endpoint| !ignored && !endpoint.is_empty())
}

/// `AWS_MAX_ATTEMPTS`, as the AWS tools read it; the SDK's own retries are off.
fn attempts_of_environment(policy: RetryPolicy) -> RetryPolicy {
    let given = std::env::var("AWS_MAX_ATTEMPTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|attempts| *attempts > 0);
    RetryPolicy {
        attempts: given.unwrap_or(policy.attempts),
        ..policy
    }
}

/// An endpoint as people write it, without the last `/`.
fn shown(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}
