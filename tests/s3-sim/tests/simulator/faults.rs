//! Every effect of a fault, seen from the client.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use s3_sim::{Effect, Fault, Gate, Operation, S3Sim};

use crate::client::{BUCKET, MIB, put, refusal, served};

/// Puts an object of a mebibyte under one effect: the answer, and whether the object is there.
async fn under(effect: Effect) -> ((u16, String), bool) {
    let (server, client) = served();
    server.inject(Fault::new(Operation::PutObject, effect).times(1));
    let answer = refusal(try_put(&client, MIB).await);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].status, (answer.0 > 0).then_some(answer.0));
    let stored = server.object(BUCKET, "k").is_some();
    put(&client, "k", b"and then it works").await;
    (answer, stored)
}

async fn try_put(
    client: &Client,
    size: usize,
) -> Result<(), aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>> {
    let put = client.put_object().bucket(BUCKET).key("k");
    put.body(ByteStream::from(vec![7; size]))
        .send()
        .await
        .map(drop)
}

#[tokio::test]
async fn answers_before_and_after_the_work() {
    let status = |status, code: &str| ((status, code.to_owned()), false);
    for (code, name) in [(500, "InternalError"), (503, "SlowDown"), (429, "")] {
        let effect = Effect::Status(code, name.to_owned());
        assert_eq!(under(effect).await, status(code, name));
    }
    let effect = Effect::StatusAfter(502, String::new());
    assert_eq!(under(effect).await, ((502, String::new()), true));
}

#[tokio::test]
async fn resets_before_and_after_the_work() {
    let nothing = (0, String::new());
    assert_eq!(under(Effect::Reset).await, (nothing.clone(), false));
    assert_eq!(under(Effect::LostAnswer).await, (nothing.clone(), true));
    assert!(under(Effect::CutAnswer(9)).await.1);
}

async fn takes_longer_than(limit: Duration, server: &S3Sim, client: &Client) -> bool {
    let stored = tokio::time::timeout(limit, try_put(client, MIB)).await;
    server.clear_faults();
    stored.is_err()
}

#[tokio::test]
async fn hangs_before_and_after_the_work() {
    let limit = Duration::from_millis(500);
    for (effect, stored) in [(Effect::Hang, false), (Effect::HangAfter, true)] {
        let (server, client) = served();
        server.inject(Fault::new(Operation::PutObject, effect));
        assert!(takes_longer_than(limit, &server, &client).await);
        assert_eq!(server.object(BUCKET, "k").is_some(), stored);
        assert_eq!(server.requests()[0].status, None);
    }
}

#[tokio::test]
async fn slow_answers_and_slow_ears() {
    let (server, client) = served();
    server.inject(Fault::new(
        Operation::PutObject,
        Effect::Drip(Duration::from_millis(2)),
    ));
    let begun = Instant::now();
    try_put(&client, 10).await.unwrap();
    assert!(
        begun.elapsed() > Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
    server.clear_faults();
    // The pause ends with the connection it was planned for.
    let client = crate::client::client(&server, "secret");
    server.inject(Fault::new(
        Operation::PutObject,
        Effect::SlowReceive(Duration::from_millis(20)),
    ));
    assert!(takes_longer_than(Duration::from_millis(100), &server, &client).await);
}

#[tokio::test]
async fn a_download_is_cut() {
    let (server, client) = served();
    server.put(BUCKET, "k", &vec![7; MIB]);
    server.inject(Fault::new(Operation::GetObject, Effect::CutAnswer(300_000)));
    let get = client.get_object().bucket(BUCKET).key("k");
    let answer = get.send().await.unwrap();
    assert_eq!(answer.content_length(), Some(MIB as i64));
    assert!(answer.body.collect().await.is_err());
}

#[tokio::test]
async fn a_gate_holds_requests() {
    let (server, client) = served();
    let gate = Gate::closed();
    server.inject(Fault::new(Operation::PutObject, Effect::Hold(gate.clone())));
    let held = tokio::spawn(async move { try_put(&client, 10).await });
    while gate.arrived() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(server.object(BUCKET, "k").is_none());
    gate.open();
    held.await.unwrap().unwrap();
    assert!(server.object(BUCKET, "k").is_some());
}
