//! Objects, listings, keys, policies.

use std::time::{Duration, Instant};

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::ByteStream;
use s3_sim::{Condition, Operation, Policy, Rules, S3Sim};

use crate::client::{BUCKET, client, client_with, put, refusal, served};

#[tokio::test]
async fn an_object_is_stored_read_and_deleted() {
    let (server, client) = served();
    put(&client, "prod/a:b c+d", b"0123456789").await;
    let get = client.get_object().bucket(BUCKET).key("prod/a:b c+d");
    let answer = get.clone().range("bytes=3-5").send().await.unwrap();
    assert_eq!(answer.content_range(), Some("bytes 3-5/10"));
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), b"345");
    let answer = get.clone().send().await.unwrap();
    assert_eq!(answer.content_length(), Some(10));
    let stale = get.clone().if_match("\"0000\"").send().await;
    assert_eq!(refusal(stale).0, 412);
    let delete = client.delete_object().bucket(BUCKET).key("prod/a:b c+d");
    delete.send().await.unwrap();
    assert_eq!(refusal(get.send().await), (404, "NoSuchKey".to_owned()));
    assert_eq!(server.requests().len(), 6);
    let missing = client
        .get_object()
        .bucket("elsewhere")
        .key("k")
        .send()
        .await;
    assert_eq!(refusal(missing), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn keys_are_taken_literally() {
    let (server, client) = served();
    for key in ["a/b", "a//b", "a/./b", "a/b/", "/a"] {
        put(&client, key, key.as_bytes()).await;
    }
    assert_eq!(
        server.all_keys(BUCKET),
        ["/a", "a/./b", "a//b", "a/b", "a/b/"]
    );
    for key in ["a/b", "a//b", "/a"] {
        assert_eq!(server.object(BUCKET, key).unwrap(), key.as_bytes());
    }
}

#[tokio::test]
async fn conditions_are_honoured_refused_or_ignored() {
    let (server, client) = served();
    put(&client, "k", b"first").await;
    let again = async |mode| {
        server.set_rules(Rules {
            if_none_match: mode,
            ..Rules::aws()
        });
        let put = client.put_object().bucket(BUCKET).key("k");
        let put = put.body(ByteStream::from_static(b"second"));
        put.if_none_match("*").send().await
    };
    for (mode, status) in [
        (Condition::Honour, 412),
        (Condition::HonourAs304, 304),
        (Condition::NotImplemented, 501),
        (Condition::BadRequest, 400),
    ] {
        assert_eq!(refusal(again(mode).await).0, status, "{mode:?}");
    }
    assert_eq!(server.object(BUCKET, "k").unwrap(), b"first");
    again(Condition::Ignore).await.unwrap();
    assert_eq!(server.object(BUCKET, "k").unwrap(), b"second");
}

#[tokio::test]
async fn a_listing_of_a_hundred_thousand_is_walked_in_pages() {
    let (server, client) = served();
    for number in 0..100_000 {
        server.put(BUCKET, &format!("prod/{number:06}"), b"x");
    }
    server.put(BUCKET, "prod-eu/1", b"x");
    let begun = Instant::now();
    let (mut keys, mut pages, mut token) = (0, 0, None::<String>);
    loop {
        let list = client.list_objects_v2().bucket(BUCKET).prefix("prod/");
        let page = list.set_continuation_token(token).send().await.unwrap();
        keys += page.contents().len();
        pages += 1;
        token = page.next_continuation_token().map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!((keys, pages), (100_000, 100));
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let groups = client.list_objects_v2().bucket(BUCKET).delimiter("/");
    let groups = groups.send().await.unwrap();
    let names: Vec<_> = groups
        .common_prefixes()
        .iter()
        .filter_map(|group| group.prefix())
        .collect();
    assert_eq!(names, ["prod-eu/", "prod/"]);
}

#[tokio::test]
async fn wrong_keys_and_forbidden_calls_are_refused() {
    let (server, full) = served();
    put(&full, "k", b"x").await;
    let wrong = client(&server, "guess").list_objects_v2().bucket(BUCKET);
    let (status, code) = refusal(wrong.send().await);
    assert_eq!((status, code.as_str()), (403, "SignatureDoesNotMatch"));
    let when = RequestChecksumCalculation::WhenRequired;
    let unknown = client_with(&server, "nobody", "secret", when);
    let unknown = unknown.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(refusal(unknown), (403, "InvalidAccessKeyId".to_owned()));
    server.allow("writer", "secret", Policy::write_only());
    let writer = client_with(&server, "writer", "secret", when);
    put(&writer, "k2", b"y").await;
    let denied = (403, "AccessDenied".to_owned());
    let list = writer.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(refusal(list), denied);
    let get = writer.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(get), denied);
    let head = writer.head_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(head).0, 403);
    let delete = writer.delete_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(delete), denied);
    let mut seen: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.access_key.as_deref() == Some("writer"))
        .map(|request| (request.operation, request.status.unwrap()))
        .collect();
    assert_eq!(seen.remove(0), (Operation::PutObject, 200));
    assert!(seen.iter().all(|(_, status)| *status == 403), "{seen:?}");
}

#[tokio::test]
async fn checksums_are_checked_or_unknown() {
    let (server, _) = served();
    let always = client_with(
        &server,
        "akid",
        "secret",
        RequestChecksumCalculation::WhenSupported,
    );
    put(&always, "k", b"with a checksum").await;
    assert!(
        !server.requests()[0]
            .headers_like("x-amz-checksum-")
            .is_empty()
    );
    let wrong = always.put_object().bucket(BUCKET).key("k2");
    let wrong = wrong
        .checksum_crc32("AAAAAA==")
        .body(ByteStream::from_static(b"other"))
        .send()
        .await;
    assert_eq!(refusal(wrong), (400, "BadDigest".to_owned()));
    server.set_rules(Rules::b2());
    let refused = always.put_object().bucket(BUCKET).key("k3").send().await;
    assert_eq!(refusal(refused), (400, "InvalidArgument".to_owned()));
    assert_eq!(server.all_keys(BUCKET), ["k"]);
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let server = S3Sim::builder()
        .versioned_bucket(BUCKET)
        .credentials("akid", "secret")
        .start();
    let client = client(&server, "secret");
    put(&client, "a", b"1").await;
    put(&client, "b", b"2").await;
    let object = |key: &str| {
        aws_sdk_s3::types::ObjectIdentifier::builder()
            .key(key)
            .build()
            .unwrap()
    };
    let delete = aws_sdk_s3::types::Delete::builder()
        .objects(object("a"))
        .objects(object("missing"))
        .build()
        .unwrap();
    let answer = client.delete_objects().bucket(BUCKET).delete(delete);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.deleted().len(), 2);
    assert_eq!(server.all_keys(BUCKET), ["b"]);
    assert_eq!(
        server.versions(BUCKET, "a")[1].bytes.as_deref(),
        Some(&b"1"[..])
    );
}

#[tokio::test]
async fn a_folder_has_its_own_keys() {
    let (server, _) = served();
    for key in ["top", "a/1", "a/b/2", "a//3"] {
        server.put(BUCKET, key, b"x");
    }
    assert_eq!(server.keys(BUCKET, ""), ["top"]);
    assert_eq!(server.keys(BUCKET, "a"), ["a/1"]);
    assert_eq!(server.keys(BUCKET, "a/b"), ["a/b/2"]);
}
