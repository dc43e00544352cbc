//! Versions, markers and locks.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};
use s3_sim::{Rules, S3Sim};

use crate::client::{BUCKET, client, client_with, put, refusal, served};

fn lockable() -> (S3Sim, Client) {
    let server = S3Sim::builder()
        .lockable_bucket(BUCKET)
        .credentials("akid", "secret")
        .start();
    // The checksum that a lock needs.
    let always = RequestChecksumCalculation::WhenSupported;
    let client = client_with(&server, "akid", "secret", always);
    (server, client)
}

fn tomorrow() -> DateTime {
    DateTime::from(SystemTime::now() + Duration::from_secs(86_400))
}

/// Stores a locked object; gives its version.
async fn lock(client: &Client, key: &str, mode: ObjectLockMode) -> String {
    let put = client.put_object().bucket(BUCKET).key(key);
    let put = put
        .object_lock_mode(mode)
        .object_lock_retain_until_date(tomorrow());
    let answer = put
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    answer.version_id().unwrap().to_owned()
}

#[tokio::test]
async fn a_hidden_key_keeps_its_versions() {
    let (server, client) = served();
    server.set_rules(Rules::b2());
    put(&client, "k", b"1").await;
    put(&client, "k", b"2").await;
    let hide = client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(hide.delete_marker(), Some(true));
    assert!(server.all_keys(BUCKET).is_empty() && server.object(BUCKET, "k").is_none());
    let list = client.list_object_versions().bucket(BUCKET);
    let first = list.clone().max_keys(2).send().await.unwrap();
    assert_eq!(
        (first.versions().len(), first.delete_markers().len()),
        (1, 1)
    );
    assert_eq!(first.delete_markers()[0].is_latest(), Some(true));
    let rest = list
        .set_key_marker(first.next_key_marker.clone())
        .set_version_id_marker(first.next_version_id_marker.clone());
    let rest = rest.send().await.unwrap();
    assert_eq!((rest.versions().len(), rest.delete_markers().len()), (1, 0));
    for version in [&first.versions()[0], &rest.versions()[0]] {
        let delete = client.delete_object().bucket(BUCKET).key("k");
        let id = version.version_id().unwrap();
        delete.version_id(id).send().await.unwrap();
    }
    assert_eq!(server.versions(BUCKET, "k").len(), 1, "the marker remains");
}

#[tokio::test]
async fn a_locked_version_cannot_be_deleted() {
    let (server, client) = lockable();
    let kept = lock(&client, "kept", ObjectLockMode::Compliance).await;
    let held = lock(&client, "held", ObjectLockMode::Governance).await;
    let delete = |key: &str, id: &str| {
        let delete = client.delete_object().bucket(BUCKET);
        delete.key(key).version_id(id)
    };
    let denied = (403, "AccessDenied".to_owned());
    assert_eq!(refusal(delete("kept", &kept).send().await), denied);
    assert_eq!(refusal(delete("held", &held).send().await), denied);
    let bypass = delete("kept", &kept).bypass_governance_retention(true);
    assert_eq!(refusal(bypass.send().await), denied);
    let bypass = delete("held", &held).bypass_governance_retention(true);
    bypass.send().await.unwrap();
    assert_eq!(server.all_keys(BUCKET), ["kept"]);
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("kept")
        .send()
        .await
        .unwrap();
    assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Compliance));
}

#[tokio::test]
async fn a_lock_grows_and_does_not_shrink() {
    let (_server, client) = lockable();
    lock(&client, "k", ObjectLockMode::Compliance).await;
    let set = |until: DateTime| {
        let retention = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Compliance)
            .retain_until_date(until)
            .build();
        client
            .put_object_retention()
            .bucket(BUCKET)
            .key("k")
            .retention(retention)
            .send()
    };
    let shorter = DateTime::from(SystemTime::now() + Duration::from_secs(60));
    assert_eq!(
        refusal(set(shorter).await),
        (403, "AccessDenied".to_owned())
    );
    let longer = DateTime::from(SystemTime::now() + Duration::from_secs(2 * 86_400));
    set(longer).await.unwrap();
    let get = client.get_object_retention().bucket(BUCKET).key("k");
    let until = get
        .send()
        .await
        .unwrap()
        .retention
        .unwrap()
        .retain_until_date;
    assert_eq!(until.unwrap().secs(), longer.secs());
}

#[tokio::test]
async fn a_lock_needs_a_lockable_bucket_and_a_checksum() {
    let put = |client: &Client| {
        let put = client.put_object().bucket(BUCKET).key("k");
        put.object_lock_mode(ObjectLockMode::Governance)
            .object_lock_retain_until_date(tomorrow())
            .send()
    };
    let invalid = (400, "InvalidRequest".to_owned());
    let (plain, _) = served();
    let always = RequestChecksumCalculation::WhenSupported;
    let summing = client_with(&plain, "akid", "secret", always);
    assert_eq!(refusal(put(&summing).await), invalid);
    let (server, _) = lockable();
    assert_eq!(refusal(put(&client(&server, "secret")).await), invalid);
    assert!(server.all_keys(BUCKET).is_empty());
}
