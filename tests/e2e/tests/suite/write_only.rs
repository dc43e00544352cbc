//! A key that may only write is enough, and nothing but writing is ever tried.

use std::process::Output;

use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text};
use s3_sim::{Condition, Operation, Policy, Request, Rules};
use talos_sim::Fault;

use crate::support::{self, IN_PARTS, backed_up, check_pull, ok, refused, sample};

const SMALL: usize = 300_000;
const LARGE: usize = 12 << 20;

/// A world whose key may only write, to a store with these rules.
fn world(size: usize, rules: Rules) -> World {
    let world = World::serving(sample(size));
    world.s3.set_rules(rules);
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::write_only());
    world
}

fn now(world: &World) -> Output {
    backed_up(world, &["s3://backups/prod"], &IN_PARTS)
}

fn push(world: &World) -> Output {
    world.shell(
        "talosctl-snapshot-take -q | talosctl-snapshot-push s3://backups/prod -R recipients.txt --compress none --part-size 5MiB",
    )
}

fn operations(requests: &[Request]) -> Vec<Operation> {
    requests.iter().map(|request| request.operation).collect()
}

/// What every request of a run owes a plain store.
fn check_plain(requests: &[Request]) {
    for request in requests {
        for start in [
            "x-amz-checksum",
            "x-amz-sdk-checksum",
            "x-amz-trailer",
            "content-md5",
        ] {
            assert!(request.headers_like(start).is_empty(), "{request:?}");
        }
        let signed = request.header("x-amz-content-sha256").unwrap_or_default();
        let empty = request.operation == Operation::AbortMultipartUpload;
        assert!(empty || signed.len() == 64, "an unsigned body: {request:?}");
        assert_eq!(request.header("transfer-encoding"), None, "{request:?}");
    }
}

#[test]
fn a_small_object_is_one_put_and_its_manifest() {
    for run in [now, push] {
        let world = world(SMALL, Rules::aws());
        ok(&run(&world));
        let requests = world.s3.requests();
        check_plain(&requests);
        assert_eq!(operations(&requests), [Operation::PutObject; 2]);
        assert!(requests[0].key.starts_with("prod/"), "{requests:?}");
        assert!(
            requests[1].key.starts_with("prod/.manifest/"),
            "{requests:?}"
        );
        assert_eq!(requests[0].header("if-none-match"), Some("*"));
        assert!(requests.iter().all(|request| request.status == Some(200)));
    }
}

#[test]
fn a_large_object_is_an_upload_in_parts_and_its_manifest() {
    for run in [now, push] {
        let world = world(LARGE, Rules::r2());
        ok(&run(&world));
        let requests = world.s3.requests();
        check_plain(&requests);
        let mut seen = operations(&requests);
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                Operation::PutObject,
                Operation::CreateMultipartUpload,
                Operation::UploadPart,
                Operation::UploadPart,
                Operation::UploadPart,
                Operation::CompleteMultipartUpload
            ]
        );
        assert!(requests.iter().all(|request| request.status == Some(200)));
        let last = &requests[requests.len() - 1];
        assert_eq!(
            last.operation,
            Operation::PutObject,
            "the manifest comes last"
        );
        world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::full());
        let key = &world.s3.keys(BUCKET, "prod")[0];
        check_pull(&world, key, LARGE).unwrap();
    }
}

#[test]
fn a_store_without_conditions_is_asked_without_them() {
    for mode in [Condition::NotImplemented, Condition::BadRequest] {
        for size in [SMALL, LARGE] {
            let world = world(
                size,
                Rules {
                    if_none_match: mode,
                    ..Rules::b2()
                },
            );
            ok(&now(&world));
            let requests = world.s3.requests();
            let conditional = requests
                .iter()
                .filter(|request| request.header("if-none-match").is_some());
            assert_eq!(conditional.count(), 1, "{mode:?} {size}: {requests:?}");
            let refused = requests
                .iter()
                .filter(|request| request.status != Some(200));
            assert_eq!(refused.count(), 1, "{mode:?} {size}");
            assert_eq!(world.s3.keys(BUCKET, "prod").len(), 1);
        }
    }
}

#[test]
fn conditions_stay_dropped_for_the_rest_of_the_run() {
    let world = world(
        SMALL,
        Rules {
            if_none_match: Condition::NotImplemented,
            ..Rules::aws()
        },
    );
    // The object is asked for twice more after the condition was dropped.
    let busy = s3_sim::Effect::Status(503, "SlowDown".to_owned());
    let busy = s3_sim::Fault::new(Operation::PutObject, busy);
    world.s3.inject(busy.after(1).times(2));
    ok(&now(&world));
    let conditions: Vec<bool> = world
        .s3
        .requests()
        .iter()
        .map(|request| request.header("if-none-match").is_some())
        .collect();
    assert!(conditions[0]);
    assert!(
        conditions[1..].iter().all(|condition| !condition),
        "{conditions:?}"
    );
}

#[test]
fn without_the_right_to_abort_the_open_upload_is_named() {
    let world = world(LARGE, Rules::aws());
    let policy = Policy::write_only().without(Operation::AbortMultipartUpload);
    world.s3.allow(ACCESS_KEY, SECRET_KEY, policy);
    for node in 0..3 {
        let cut = Fault::CutWithOk(11 << 20);
        world.talos.inject(node, cut).unwrap();
    }
    let output = now(&world);
    let open = world.s3.uploads(BUCKET);
    assert_eq!(open.len(), 3, "one for each member that was tried");
    let stderr = text(&output.stderr);
    for upload in &open {
        assert!(stderr.contains(&upload.id), "{} in {stderr}", upload.id);
    }
    refused(&output, 75, "abort-multipart-upload");
    refused(&output, 75, "node ");
    assert!(world.s3.all_keys(BUCKET).is_empty());
}

#[test]
fn what_is_not_allowed_is_said_with_the_right_that_is_missing() {
    let world = world(SMALL, Rules::aws());
    let list = world.ours("kubectl-etcdbackup", &["list", "s3://backups/prod"]);
    refused(&list, 77, "s3:ListBucket");
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::read_only());
    refused(&now(&world), 77, "s3:PutObject");
    world.s3.allow(ACCESS_KEY, "another", Policy::full());
    refused(&now(&world), 77, "AWS_SECRET_ACCESS_KEY");
    let nobody = support::now(&world, &["s3://backups/prod"], &[])
        .env("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
        .output()
        .unwrap();
    refused(&nobody, 77, "AWS_ACCESS_KEY_ID");
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::full());
    let missing = backed_up(&world, &["s3://elsewhere/prod"], &[]);
    refused(&missing, 78, "create bucket `elsewhere`");
}
