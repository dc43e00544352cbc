//! Multipart uploads as clients see them.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use s3_sim::OpenUpload;

use crate::client::{BUCKET, MIB, refusal, served};

async fn create(client: &Client, key: &str) -> String {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key);
    create.send().await.unwrap().upload_id().unwrap().to_owned()
}

async fn part(client: &Client, key: &str, id: &str, number: i32, size: usize) -> CompletedPart {
    let part = client.upload_part().bucket(BUCKET).key(key).upload_id(id);
    let body = vec![u8::try_from(number).unwrap(); size];
    let answer = part
        .part_number(number)
        .body(ByteStream::from(body))
        .send()
        .await
        .unwrap();
    CompletedPart::builder()
        .part_number(number)
        .e_tag(answer.e_tag().unwrap())
        .build()
}

#[tokio::test]
async fn an_upload_is_seen_open_and_then_as_an_object() {
    let (server, client) = served();
    let id = create(&client, "prod//a").await;
    let mut parts = vec![part(&client, "prod//a", &id, 1, 5 * MIB).await];
    parts.push(part(&client, "prod//a", &id, 2, 7).await);
    let open = OpenUpload {
        key: "prod//a".to_owned(),
        id: id.clone(),
        parts: vec![(1, 5 * MIB as u64), (2, 7)],
    };
    assert_eq!(server.uploads(BUCKET), [open]);
    let list = client.list_multipart_uploads().bucket(BUCKET);
    let list = list.send().await.unwrap();
    assert_eq!(list.uploads()[0].upload_id(), Some(id.as_str()));
    let list = client.list_parts().bucket(BUCKET).key("prod//a");
    let list = list.upload_id(&id).send().await.unwrap();
    assert_eq!(list.parts()[1].size(), Some(7));
    assert!(server.all_keys(BUCKET).is_empty());
    let named = CompletedMultipartUpload::builder().set_parts(Some(parts));
    let complete = client.complete_multipart_upload().bucket(BUCKET);
    let complete = complete
        .key("prod//a")
        .upload_id(&id)
        .multipart_upload(named.build());
    let etag = complete.clone().send().await.unwrap().e_tag;
    assert!(etag.unwrap().ends_with("-2\""));
    assert_eq!(
        refusal(complete.send().await),
        (404, "NoSuchUpload".to_owned())
    );
    assert!(server.uploads(BUCKET).is_empty());
    let object = server.object(BUCKET, "prod//a").unwrap();
    assert_eq!((object.len(), object[5 * MIB]), (5 * MIB + 7, 2));
}

#[tokio::test]
async fn an_upload_is_taken_back_once() {
    let (server, client) = served();
    let id = create(&client, "k").await;
    part(&client, "k", &id, 1, 3).await;
    let abort = client.abort_multipart_upload().bucket(BUCKET).key("k");
    let abort = abort.upload_id(&id);
    abort.clone().send().await.unwrap();
    assert!(server.uploads(BUCKET).is_empty());
    assert_eq!(
        refusal(abort.send().await),
        (404, "NoSuchUpload".to_owned())
    );
    let late = client.upload_part().bucket(BUCKET).key("k");
    let late = late.upload_id(&id).part_number(2).send().await;
    assert_eq!(refusal(late), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn open_uploads_are_listed_in_pages() {
    let (_server, client) = served();
    for number in 0..5 {
        create(&client, &format!("k{}", number / 2)).await;
    }
    let (mut seen, mut key, mut id) = (0, None, None);
    loop {
        let list = client
            .list_multipart_uploads()
            .bucket(BUCKET)
            .max_uploads(2);
        let list = list
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await
            .unwrap();
        seen += list.uploads().len();
        key = list.next_key_marker.clone();
        id = list.next_upload_id_marker.clone();
        if !list.is_truncated().unwrap_or_default() {
            break;
        }
    }
    assert_eq!(seen, 5);
}
