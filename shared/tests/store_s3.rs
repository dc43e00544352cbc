//! The S3 store against scripted answers: every class of fault on every request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests stop at the first surprise; the scripted server is shared"
)]

mod scripted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{
    Body, Credentials, Destination, RetryPolicy, Store, StoreError, StoreErrorKind, StoreOptions,
    Timeouts,
};

use self::scripted::{Action, Reply, Server};

const KEY: &str = "prod/a.snap";
const ATTEMPTS: usize = 4;
const WRITING: [Action; 5] = [
    Action::Put,
    Action::Create,
    Action::Part,
    Action::Complete,
    Action::Abort,
];
const ALL: [Action; 7] = [
    Action::Put,
    Action::Create,
    Action::Part,
    Action::Complete,
    Action::Abort,
    Action::List,
    Action::Get,
];

fn options(endpoint: &str) -> StoreOptions {
    StoreOptions {
        s3_endpoint: Some(endpoint.to_owned()),
        s3_region: Some("us-east-1".to_owned()),
        s3_credentials: Some(Credentials {
            access_key_id: "planted-id".to_owned(),
            secret_access_key: "planted-secret".to_owned(),
            session_token: Some("planted-token".to_owned()),
        }),
        retry: RetryPolicy {
            attempts: ATTEMPTS as u32,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(4),
            total: Duration::from_secs(30),
        },
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            request: Duration::from_secs(1),
            idle: Duration::from_secs(1),
            abort: Duration::from_secs(3),
            ..Timeouts::default()
        },
        ..StoreOptions::default()
    }
}

async fn store_at(endpoint: &str) -> Arc<dyn Store> {
    let destination = Destination::parse("s3://backups/prod").unwrap();
    etcdbackup::store::open(&destination, &options(endpoint))
        .await
        .unwrap()
}

async fn read_all(body: &mut dyn Body) -> Result<Vec<u8>, StoreError> {
    let mut whole = Vec::new();
    while let Some(bytes) = body.next().await? {
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

/// Runs cases side by side: most of their time is waiting.
async fn each<C, F, Fut>(cases: impl IntoIterator<Item = C>, run: F)
where
    F: Fn(C) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut running: tokio::task::JoinSet<()> = cases.into_iter().map(run).collect();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// Every action with every one of `replies`.
fn crossed(actions: &[Action], replies: &[Reply]) -> Vec<(Action, Reply)> {
    actions
        .iter()
        .flat_map(|action| replies.iter().map(|reply| (*action, reply.clone())))
        .collect()
}

/// Does one `action`; what must come before it is not part of the test and succeeds.
async fn act(store: &dyn Store, action: Action) -> Result<(), StoreError> {
    let body = || Bytes::from_static(b"0123456789");
    match action {
        Action::Put => store.put(KEY, body(), false).await,
        Action::Create => store.begin(KEY, 10).await.map(drop),
        Action::Part => store.begin(KEY, 10).await?.part(1, 0, body()).await,
        Action::Complete => {
            let upload = store.begin(KEY, 10).await?;
            upload.part(1, 0, body()).await?;
            upload.complete(1).await
        }
        Action::Abort => store.begin(KEY, 10).await?.abort().await,
        Action::List => store.list(None).await.map(drop),
        Action::Get => {
            let whole = read_all(store.open(KEY).await?.as_mut()).await?;
            assert_eq!(whole, b"whole object");
            Ok(())
        }
    }
}

/// Checks what every failure owes its reader.
fn check_message(failure: &Failure, words: &[&str]) {
    let text = format!("{failure:?}");
    assert!(!text.contains("planted"), "a secret is shown: {text}");
    assert!(failure.hint.is_some(), "no next step: {text}");
    for word in words {
        assert!(
            failure.what.contains(word) || failure.hint.as_ref().unwrap().contains(word),
            "no {word} in {text}"
        );
    }
    assert!(
        !failure.what.contains('\n') && !failure.what.ends_with('.'),
        "{text}"
    );
}

fn transient() -> Vec<Reply> {
    vec![
        Reply::Error(500, "InternalError"),
        Reply::Error(502, ""),
        Reply::Raw(502, Vec::new(), b"<html>Bad Gateway</html>".to_vec()),
        Reply::Raw(503, Vec::new(), Vec::new()),
        Reply::Error(503, "SlowDown"),
        Reply::Error(504, "GatewayTimeout"),
        Reply::Error(429, "TooManyRequests"),
        Reply::Error(408, ""),
        Reply::Error(400, "RequestTimeout"),
        Reply::Error(409, "OperationAborted"),
        Reply::Reset,
        Reply::Hang,
    ]
}

#[tokio::test]
async fn a_passing_fault_is_retried_once_and_nothing_else_is_asked() {
    each(crossed(&ALL, &transient()), |(action, fault)| async move {
        let server = Server::start().await;
        server.next(action, [fault.clone()]);
        let done = act(store_at(&server.url).await.as_ref(), action).await;
        assert!(done.is_ok(), "{action:?} {fault:?}: {done:?}");
        assert_eq!(server.log_of(action).len(), 2, "{action:?} {fault:?}");
        for other in ALL.into_iter().filter(|other| *other != action) {
            assert!(
                server.log_of(other).len() <= 1,
                "{other:?} repeated for {action:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_lasting_server_fault_ends_unreachable_after_all_attempts() {
    for action in ALL {
        let server = Server::start().await;
        server.always(action, Reply::Error(500, "InternalError"));
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        let exit = if action == Action::Abort {
            Exit::Temporary
        } else {
            Exit::Unreachable
        };
        assert_eq!(
            (error.kind, error.failure.exit),
            (StoreErrorKind::Failed, exit),
            "{action:?}"
        );
        check_message(&error.failure, &["s3://backups/prod", "InternalError"]);
        assert_eq!(server.log_of(action).len(), ATTEMPTS, "{action:?}");
    }
}

#[tokio::test]
async fn a_store_that_keeps_asking_to_slow_down_is_temporary() {
    for action in ALL {
        let server = Server::start().await;
        server.always(action, Reply::Error(503, "SlowDown"));
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.failure.exit),
            (StoreErrorKind::Failed, Exit::Temporary),
            "{action:?}"
        );
        check_message(&error.failure, &["SlowDown"]);
    }
}

#[tokio::test]
async fn lost_answers_leave_the_outcome_unknown_where_something_may_have_happened() {
    each(
        crossed(&ALL, &[Reply::Reset, Reply::Hang]),
        |(action, fault)| async move {
            let server = Server::start().await;
            server.always(action, fault.clone());
            let error = act(store_at(&server.url).await.as_ref(), action)
                .await
                .unwrap_err();
            let expected = match action {
                Action::Put | Action::Create | Action::Complete => {
                    (StoreErrorKind::UnknownOutcome, Exit::Temporary)
                }
                Action::Abort => (StoreErrorKind::Failed, Exit::Temporary),
                Action::Part | Action::List | Action::Get => {
                    (StoreErrorKind::Failed, Exit::Unreachable)
                }
            };
            assert_eq!(
                (error.kind, error.failure.exit),
                expected,
                "{action:?} {fault:?}"
            );
            check_message(&error.failure, &["s3://backups/prod"]);
        },
    )
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_whatever_the_next_attempt_says() {
    for (action, code) in [
        (Action::Put, "AccessDenied"),
        (Action::Create, "AccessDenied"),
        (Action::Complete, "NoSuchUpload"),
    ] {
        let server = Server::start().await;
        server.next(action, [Reply::Reset]);
        server.always(
            action,
            Reply::Error(if code == "NoSuchUpload" { 404 } else { 403 }, code),
        );
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.failure.exit),
            (StoreErrorKind::UnknownOutcome, Exit::Temporary),
            "{action:?}"
        );
        check_message(&error.failure, &["s3://backups/prod/a.snap", code]);
        assert_eq!(server.log_of(action).len(), 2);
    }
}

#[tokio::test]
async fn refusals_are_not_repeated_and_name_bucket_key_action_and_code() {
    let refusals = [
        (
            403,
            "AccessDenied",
            Exit::NotPermitted,
            StoreErrorKind::Failed,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            Exit::NotPermitted,
            StoreErrorKind::Failed,
        ),
        (
            403,
            "InvalidAccessKeyId",
            Exit::NotPermitted,
            StoreErrorKind::Failed,
        ),
        (
            400,
            "ExpiredToken",
            Exit::NotPermitted,
            StoreErrorKind::Failed,
        ),
        (404, "NoSuchBucket", Exit::Config, StoreErrorKind::NotFound),
    ];
    for action in ALL {
        for (status, code, exit, kind) in refusals {
            let server = Server::start().await;
            server.always(action, Reply::Error(status, code));
            let error = act(store_at(&server.url).await.as_ref(), action)
                .await
                .unwrap_err();
            let expected = if action == Action::Abort {
                (StoreErrorKind::Failed, Exit::Temporary)
            } else {
                (kind, exit)
            };
            assert_eq!(
                (error.kind, error.failure.exit),
                expected,
                "{action:?} {code}"
            );
            check_message(&error.failure, &["s3://backups/prod", code, &server.url]);
            assert_eq!(server.log_of(action).len(), 1, "{action:?} {code}");
        }
    }
}

#[tokio::test]
async fn a_refused_or_hanging_abort_names_upload_and_command_in_time() {
    for fault in [Reply::Error(403, "AccessDenied"), Reply::Hang] {
        let server = Server::start().await;
        server.always(Action::Abort, fault);
        let started = Instant::now();
        let error = act(store_at(&server.url).await.as_ref(), Action::Abort)
            .await
            .unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(error.failure.exit, Exit::Temporary);
        let command = format!(
            "aws s3api abort-multipart-upload --bucket backups --key prod/a.snap --upload-id upload-1 --endpoint-url {}",
            server.url
        );
        check_message(
            &error.failure,
            &[
                "upload id upload-1",
                &command,
                "AbortIncompleteMultipartUpload",
            ],
        );
    }
}

#[tokio::test]
async fn an_upload_that_is_gone_counts_as_aborted() {
    let server = Server::start().await;
    server.always(Action::Abort, Reply::Error(404, "NoSuchUpload"));
    act(store_at(&server.url).await.as_ref(), Action::Abort)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_closed_needs_no_abort() {
    let server = Server::start().await;
    let store = store_at(&server.url).await;
    let upload = store.begin(KEY, 10).await.unwrap();
    upload.part(1, 0, Bytes::from_static(b"x")).await.unwrap();
    upload.complete(1).await.unwrap();
    upload.abort().await.unwrap();
    assert!(server.log_of(Action::Abort).is_empty());
    let upload = store.begin(KEY, 10).await.unwrap();
    upload.abort().await.unwrap();
    upload.abort().await.unwrap();
    assert_eq!(server.log_of(Action::Abort).len(), 1);
}

#[tokio::test]
async fn a_taken_key_is_told_from_our_own_lost_success() {
    for action in [Action::Put, Action::Complete] {
        let server = Server::start().await;
        server.always(action, Reply::Error(412, "PreconditionFailed"));
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Exists, "{action:?}");
        check_message(&error.failure, &["s3://backups/prod/a.snap"]);

        for fault in [
            Reply::Reset,
            Reply::Hang,
            Reply::Error(500, "InternalError"),
        ] {
            let server = Server::start().await;
            server.next(action, [fault]);
            server.always(action, Reply::Error(412, "PreconditionFailed"));
            act(store_at(&server.url).await.as_ref(), action)
                .await
                .unwrap();
            assert_eq!(server.log_of(action).len(), 2);
        }
        // A busy store did nothing: whoever has the key now is not us.
        let server = Server::start().await;
        server.next(action, [Reply::Error(503, "SlowDown")]);
        server.always(action, Reply::Error(412, "PreconditionFailed"));
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Exists, "{action:?}");
    }
}

#[tokio::test]
async fn the_condition_is_dropped_for_good_where_the_store_does_not_know_it() {
    for (status, code) in [(501, "NotImplemented"), (400, "InvalidArgument")] {
        for action in [Action::Put, Action::Complete] {
            let server = Server::start().await;
            server.next(action, [Reply::Error(status, code)]);
            let store = store_at(&server.url).await;
            act(store.as_ref(), action).await.unwrap();
            act(store.as_ref(), action).await.unwrap();
            let sent: Vec<bool> = server
                .log_of(action)
                .iter()
                .map(|request| request.header("if-none-match") == Some("*"))
                .collect();
            assert_eq!(sent, [true, false, false], "{action:?} {code}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_the_condition_did_not_cause_keeps_the_condition() {
    let server = Server::start().await;
    server.next(
        Action::Put,
        [
            Reply::Error(400, "InvalidArgument"),
            Reply::Error(400, "InvalidArgument"),
        ],
    );
    let store = store_at(&server.url).await;
    assert_eq!(
        act(store.as_ref(), Action::Put)
            .await
            .unwrap_err()
            .failure
            .exit,
        Exit::Config
    );
    act(store.as_ref(), Action::Put).await.unwrap();
    let sent: Vec<bool> = server
        .log()
        .iter()
        .map(|request| request.header("if-none-match").is_some())
        .collect();
    assert_eq!(sent, [true, false, true]);
}

#[tokio::test]
async fn overwriting_is_only_asked_for_by_those_who_say_so() {
    let server = Server::start().await;
    let store = store_at(&server.url).await;
    store
        .put("prod/.manifest/a.json", Bytes::from_static(b"{}"), true)
        .await
        .unwrap();
    store
        .put("prod/a.snap", Bytes::from_static(b"x"), false)
        .await
        .unwrap();
    let sent: Vec<Option<String>> = server
        .log()
        .iter()
        .map(|request| request.header("if-none-match").map(str::to_owned))
        .collect();
    assert_eq!(sent, [None, Some("*".to_owned())]);
}

#[tokio::test]
async fn an_error_in_the_body_of_a_success_is_an_error() {
    let failed = |code: &str| {
        Reply::Raw(
            200,
            Vec::new(),
            format!("<Error><Code>{code}</Code></Error>").into_bytes(),
        )
    };
    for code in ["InternalError", "SlowDown"] {
        let server = Server::start().await;
        server.next(Action::Complete, [failed(code)]);
        act(store_at(&server.url).await.as_ref(), Action::Complete)
            .await
            .unwrap();
        assert_eq!(server.log_of(Action::Complete).len(), 2, "{code}");

        let server = Server::start().await;
        server.always(Action::Complete, failed(code));
        assert!(
            act(store_at(&server.url).await.as_ref(), Action::Complete)
                .await
                .is_err(),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_success_that_no_s3_store_gives_is_no_success() {
    let empty = Reply::Raw(200, Vec::new(), Vec::new());
    for action in [Action::Put, Action::Create, Action::Part] {
        let server = Server::start().await;
        server.always(action, empty.clone());
        let error = act(store_at(&server.url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(error.failure.exit, Exit::Unreachable, "{action:?}: {error}");
        check_message(&error.failure, &["--s3-endpoint"]);
    }
    let server = Server::start().await;
    server.always(Action::Complete, empty);
    let error = act(store_at(&server.url).await.as_ref(), Action::Complete)
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::UnknownOutcome, "{error}");
}

#[tokio::test]
async fn requests_are_signed_over_their_payload_and_carry_no_newer_checksum() {
    let server = Server::start().await;
    let store = store_at(&server.url).await;
    for action in WRITING {
        act(store.as_ref(), action).await.unwrap();
    }
    for request in server.log() {
        let unwanted = |name: &str| {
            name.starts_with("x-amz-checksum")
                || matches!(
                    name,
                    "x-amz-trailer" | "x-amz-sdk-checksum-algorithm" | "content-md5"
                )
        };
        assert!(!request.header_names().any(unwanted), "{request:?}");
        assert_eq!(request.header("transfer-encoding"), None);
        assert_eq!(request.header("content-encoding"), None);
        let digest = request.header("x-amz-content-sha256").unwrap();
        assert!(
            digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()),
            "{digest}"
        );
        assert!(
            request
                .header("authorization")
                .unwrap()
                .contains("/us-east-1/s3/aws4_request")
        );
        assert!(
            request.target.starts_with("/backups/prod/a.snap"),
            "path style: {}",
            request.target
        );
    }
    let part = &server.log_of(Action::Part)[0];
    assert_eq!(part.body, b"0123456789");
    assert!(part.target.contains("partNumber=1") && part.target.contains("uploadId=upload-1"));
}

#[tokio::test]
async fn complete_names_the_parts_in_order_and_refuses_a_gap() {
    let server = Server::start().await;
    let store = store_at(&server.url).await;
    let upload = store.begin(KEY, 5).await.unwrap();
    upload
        .part(2, 5, Bytes::from_static(b"56789"))
        .await
        .unwrap();
    assert_eq!(
        upload.complete(2).await.unwrap_err().failure.exit,
        Exit::Bug
    );
    upload
        .part(1, 0, Bytes::from_static(b"01234"))
        .await
        .unwrap();
    upload.complete(2).await.unwrap();
    let body = String::from_utf8(server.log_of(Action::Complete)[0].body.clone()).unwrap();
    let (one, two) = (
        body.find("<PartNumber>1<").unwrap(),
        body.find("<PartNumber>2<").unwrap(),
    );
    assert!(one < two, "{body}");
    assert_eq!(server.log_of(Action::Complete).len(), 1);
}

#[tokio::test]
async fn the_wanted_region_is_said() {
    let redirect = Reply::Raw(
        301,
        vec![("x-amz-bucket-region", "eu-central-1".to_owned())],
        b"<Error><Code>PermanentRedirect</Code><Message>other endpoint</Message></Error>".to_vec(),
    );
    let malformed = Reply::Raw(
        400,
        Vec::new(),
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-central-1</Region></Error>".to_vec(),
    );
    for reply in [redirect, malformed] {
        let server = Server::start().await;
        server.always(Action::Put, reply);
        let error = act(store_at(&server.url).await.as_ref(), Action::Put)
            .await
            .unwrap_err();
        assert_eq!(error.failure.exit, Exit::Config);
        check_message(&error.failure, &["--s3-region eu-central-1"]);
        assert_eq!(server.log().len(), 1);
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for action in [Action::Put, Action::Create, Action::List, Action::Get] {
        let error = act(store_at(&url).await.as_ref(), action)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.failure.exit),
            (StoreErrorKind::Failed, Exit::Unreachable),
            "{action:?}"
        );
        check_message(&error.failure, &["refused", &url]);
    }
    let error = act(
        store_at("http://nowhere.invalid").await.as_ref(),
        Action::Put,
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.kind, error.failure.exit),
        (StoreErrorKind::Failed, Exit::Unreachable)
    );
}

#[tokio::test]
async fn a_connection_that_never_stands_sent_nothing() {
    // Accepted by the kernel, answered by nobody: the TLS handshake hangs.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let mut options = options(&url);
    options.timeouts.connect = Duration::from_millis(200);
    options.timeouts.request = Duration::from_secs(20);
    let destination = Destination::parse("s3://backups/prod").unwrap();
    let store = etcdbackup::store::open(&destination, &options)
        .await
        .unwrap();
    for action in [Action::Put, Action::Create] {
        let error = act(store.as_ref(), action).await.unwrap_err();
        assert_eq!(
            (error.kind, error.failure.exit),
            (StoreErrorKind::Failed, Exit::Unreachable),
            "{error}"
        );
        check_message(&error.failure, &["no connection in time", &url]);
    }
}

#[tokio::test]
async fn listings_follow_the_prefix_with_its_slash_page_by_page() {
    let page = |key: &str, next: Option<&str>| {
        let next = next.map_or_else(String::new, |next| {
            format!("<NextContinuationToken>{next}</NextContinuationToken>")
        });
        let truncated = !next.is_empty();
        let object = |key: &str| {
            format!(
                "<Contents><Key>{key}</Key><Size>7</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>"
            )
        };
        let body = format!(
            "<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{next}{}{}</ListBucketResult>",
            object("prod/"),
            object(key)
        );
        Reply::Raw(200, Vec::new(), body.into_bytes())
    };
    let server = Server::start().await;
    server.next(
        Action::List,
        [
            page("prod/a.snap", Some("t&amp;1")),
            page("prod//b.snap", None),
            page("x", Some("t")),
        ],
    );
    let store = store_at(&server.url).await;
    let first = store.list(None).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("t&1"));
    assert_eq!(first.objects.len(), 1, "the folder itself is no object");
    assert_eq!(
        (first.objects[0].key.as_str(), first.objects[0].size),
        ("prod/a.snap", 7)
    );
    assert_eq!(
        first.objects[0].modified.unwrap().to_string(),
        "2026-01-02T03:04:05.678Z"
    );
    let second = store.list(first.next.as_deref()).await.unwrap();
    assert_eq!(
        (second.next, second.objects[0].key.as_str()),
        (None, "prod//b.snap")
    );
    let targets: Vec<String> = server
        .log()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert!(
        targets
            .iter()
            .all(|target| target.contains("prefix=prod%2F")),
        "{targets:?}"
    );
    assert!(
        targets[1].contains("continuation-token=t%261"),
        "{targets:?}"
    );
    // A store that hands out the same token again would be listed for ever.
    assert_eq!(
        store.list(Some("t")).await.unwrap_err().failure.exit,
        Exit::Unreachable
    );
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let whole: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for hangs in [false, true] {
        let server = Server::start().await;
        let etag = ("etag", "\"v1\"".to_owned());
        let range = ("content-range", "bytes 70000-99999/100000".to_owned());
        server.next(
            Action::Get,
            [
                Reply::Cut(200, vec![etag.clone()], whole.clone(), 70_000, hangs),
                Reply::Error(503, "SlowDown"),
                Reply::Raw(206, vec![etag, range], whole[70_000..].to_vec()),
            ],
        );
        let mut body = store_at(&server.url).await.open(KEY).await.unwrap();
        assert_eq!(body.size(), Some(100_000));
        assert!(read_all(body.as_mut()).await.unwrap() == whole);
        let log = server.log();
        assert_eq!(log[2].header("range"), Some("bytes=70000-"));
        assert_eq!(log[2].header("if-match"), Some("\"v1\""));
    }
}

#[tokio::test]
async fn a_download_never_ends_short_or_mixed() {
    let whole = vec![7_u8; 1000];
    let etag = || vec![("etag", "\"v1\"".to_owned())];
    let cut = || Reply::Cut(200, etag(), whole.clone(), 400, false);
    let endings = [
        ("replaced", Reply::Error(412, "PreconditionFailed")),
        (
            "from the start again",
            Reply::Raw(200, etag(), whole.clone()),
        ),
        ("refused", Reply::Error(403, "AccessDenied")),
        ("cut for ever", Reply::Reset),
    ];
    for (name, ending) in endings {
        let server = Server::start().await;
        server.next(Action::Get, [cut()]);
        server.always(Action::Get, ending);
        let mut body = store_at(&server.url).await.open(KEY).await.unwrap();
        let error = read_all(body.as_mut()).await.unwrap_err();
        check_message(&error.failure, &["s3://backups/prod/a.snap"]);
        assert!(server.log().len() <= 1 + ATTEMPTS, "{name}");
    }
    // Without an ETag nothing proves that the rest belongs to the same object.
    let server = Server::start().await;
    server.always(
        Action::Get,
        Reply::Cut(200, Vec::new(), whole.clone(), 400, false),
    );
    let mut body = store_at(&server.url).await.open(KEY).await.unwrap();
    assert!(read_all(body.as_mut()).await.is_err());
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn a_missing_object_is_not_found() {
    let server = Server::start().await;
    server.always(Action::Get, Reply::Error(404, "NoSuchKey"));
    let error = act(store_at(&server.url).await.as_ref(), Action::Get)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.failure.exit),
        (StoreErrorKind::NotFound, Exit::Config)
    );
}

#[tokio::test]
async fn a_presigned_url_is_read_resumed_and_never_shown() {
    let whole: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    let server = Server::start().await;
    let etag = ("etag", "\"v1\"".to_owned());
    let range = ("content-range", "bytes 20000-49999/50000".to_owned());
    server.next(
        Action::Get,
        [
            Reply::Error(503, ""),
            Reply::Cut(200, vec![etag.clone()], whole.clone(), 20_000, false),
            Reply::Raw(206, vec![etag, range], whole[20_000..].to_vec()),
            Reply::Error(403, "AccessDenied"),
        ],
    );
    server.always(Action::Get, Reply::Error(404, "NoSuchKey"));
    let url = format!("{}/backups/prod/a.snap?X-Amz-Signature=planted", server.url);
    let options = options(&server.url);
    let mut body = etcdbackup::store::open_url(&url, &options).await.unwrap();
    assert!(read_all(body.as_mut()).await.unwrap() == whole);
    assert!(
        server
            .log()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    assert!(
        server
            .log()
            .iter()
            .all(|request| request.header("host").is_some())
    );
    for exit in [Exit::NotPermitted, Exit::Config] {
        let Err(failure) = etcdbackup::store::open_url(&url, &options).await else {
            panic!("opened")
        };
        assert_eq!(failure.exit, exit);
        check_message(&failure, &["/backups/prod/a.snap?…"]);
    }
}
