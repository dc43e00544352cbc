//! A client, and how its failures are read.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use s3_sim::S3Sim;

pub(crate) const BUCKET: &str = "backups";
pub(crate) const MIB: usize = 1024 * 1024;

pub(crate) fn client(server: &S3Sim, secret: &str) -> Client {
    client_with(
        server,
        "akid",
        secret,
        RequestChecksumCalculation::WhenRequired,
    )
}

pub(crate) fn client_with(
    server: &S3Sim,
    access: &str,
    secret: &str,
    checksums: RequestChecksumCalculation,
) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(checksums);
    Client::from_conf(config.build())
}

/// A server with one bucket, and a client that may do everything.
pub(crate) fn served() -> (S3Sim, Client) {
    let server = S3Sim::builder()
        .bucket(BUCKET)
        .credentials("akid", "secret")
        .start();
    let client = client(&server, "secret");
    (server, client)
}

pub(crate) async fn put(client: &Client, key: &str, bytes: &[u8]) {
    let put = client.put_object().bucket(BUCKET).key(key);
    put.body(ByteStream::from(bytes.to_vec()))
        .send()
        .await
        .unwrap();
}

/// The status and code of a refusal; 0 and nothing when there was no answer.
pub(crate) fn refusal<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> (u16, String) {
    let Err(error) = answer else {
        panic!("it was not refused")
    };
    let status = error
        .raw_response()
        .map_or(0, |response| response.status().as_u16());
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    (status, code.unwrap_or_default().to_owned())
}
