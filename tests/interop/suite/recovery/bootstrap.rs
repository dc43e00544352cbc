//! What `talosctl-recover-bootstrap` sends, and what it waits for.

use super::*;
use crate::support::{ok, refused};

const TARGET: &str = ADDRESSES[1];
/// Bytes of one message of an upload.
const MESSAGE: usize = 64 * 1024;

fn bootstrap(stubs: &Stubs, more: &[&str]) -> Output {
    let arguments = [&["-n", TARGET], more].concat();
    run(stubs, "talosctl-recover-bootstrap", &arguments)
}

/// The one upload as it arrived: these bytes, at the target.
fn assert_uploaded(stubs: &Stubs, bytes: &[u8]) {
    let expected = json!({
        "bytes": bytes.len(), "sha256": sha256(bytes), "largest": MESSAGE,
        "messages": bytes.len().div_ceil(MESSAGE),
    });
    let uploads = stubs.calls_of("EtcdRecover");
    assert_eq!(uploads.len(), 1, "{uploads:?}");
    assert_eq!(
        (&uploads[0]["upload"], &uploads[0]["node"]),
        (&expected, &json!([TARGET]))
    );
    assert_eq!(uploads[0]["deadline"], true);
}

/// The Bootstraps as they arrived, all at the target.
fn asked_for(stubs: &Stubs) -> Vec<Value> {
    let calls = stubs.calls_of("Bootstrap").into_iter();
    calls
        .map(|call| {
            assert_eq!(
                (&call["node"], &call["deadline"]),
                (&json!([TARGET]), &json!(true))
            );
            call["request"].clone()
        })
        .collect()
}

fn request(skip: bool) -> Value {
    json!({"recoverEtcd": true, "recoverSkipHashCheck": skip})
}

#[test]
fn an_upload_arrives_whole_and_its_node_is_bootstrapped_and_followed_until_all_vote() {
    let stubs = waiting(json!({}));
    let planned = bootstrap(&stubs, &[FILE, "--dry-run"]);
    ok(&planned);
    assert!(
        text(&planned.stdout).contains("would upload 7090208 bytes"),
        "{}",
        said(&planned)
    );
    assert_eq!(changes(&stubs), []);

    let done = bootstrap(&stubs, &[FILE, "--restart-kubelets"]);
    ok(&done);
    assert_uploaded(&stubs, &fixture("after"));
    assert_eq!(asked_for(&stubs), [request(false)]);
    let restarts = stubs.calls_of("ServiceRestart");
    let mut restarted: Vec<&str> = restarts
        .iter()
        .map(|call| {
            assert_eq!(call["request"], json!({"id": "kubelet"}));
            call["node"][0].as_str().unwrap()
        })
        .collect();
    restarted.sort_unstable();
    assert_eq!(restarted, ADDRESSES);
    let lines = [
        "uploading 7090208 bytes to node 10.5.0.3",
        "bootstrapping",
        "node 10.5.0.3: the old etcd service ends",
        "node 10.5.0.3: the old etcd service is gone",
        "node 10.5.0.3: Preparing: Running pre state",
        "node 10.5.0.3: Running: Started task etcd",
        "etcd is healthy on node 10.5.0.3",
        "1 of 3 control planes vote",
        "the kubelets of 3 nodes restart",
    ];
    assert_said(&done, &lines);
    let back = "etcd is back: stub-0 (10.5.0.2), stub-1 (10.5.0.3), stub-2 (fd00::4) vote\n";
    assert!(text(&done.stdout).contains(back), "{}", said(&done));

    // By the id of its member a restore is known again: nothing is sent twice.
    let before = changes(&stubs);
    let again = bootstrap(&stubs, &[FILE]);
    ok(&again);
    assert_said(&again, &["was restored before"]);
    assert_eq!(changes(&stubs), before);
}

#[test]
fn a_raw_copy_of_a_database_is_bootstrapped_without_the_hash() {
    let stubs = waiting(json!({}));
    let raw = database(stubs.world.folder.path());
    let bytes = fs::read(&raw).unwrap();
    let raw = raw.to_str().unwrap();
    refused(&bootstrap(&stubs, &[raw]), 65, "--raw");
    assert_eq!(changes(&stubs), []);
    ok(&bootstrap(&stubs, &[raw, "--raw"]));
    assert_uploaded(&stubs, &bytes);
    assert_eq!(asked_for(&stubs), [request(true)]);
}

#[test]
fn a_bootstrap_that_comes_too_early_is_asked_for_again_and_a_late_one_is_not() {
    let early = json!({"code": "FAILED_PRECONDITION", "message": "bootstrap is not available yet"});
    let stubs = waiting(json!({"refusals": [early]}));
    let done = bootstrap(&stubs, &[FILE]);
    ok(&done);
    assert_said(
        &done,
        &[
            "bootstrap is not available yet; trying again",
            "etcd is healthy",
        ],
    );
    assert_uploaded(&stubs, &fixture("after"));
    assert_eq!(asked_for(&stubs), [request(false), request(false)]);

    let late = json!({"code": "ALREADY_EXISTS", "message": "etcd data directory is not empty"});
    let stubs = waiting(json!({"refusals": [late]}));
    let word = "AlreadyExists: etcd data directory is not empty";
    refused(&bootstrap(&stubs, &[FILE]), 1, word);
    assert_eq!(asked_for(&stubs), [request(false)]);
}

#[test]
fn a_restore_that_fails_is_told_by_the_new_service_and_the_directory() {
    for (text, dirty, word) in [
        ("error verifying snapshot: bad", false, "still empty"),
        ("error recovering from the snapshot: bad", true, "dirty now"),
    ] {
        let stubs = waiting(json!({"restoreFails": text, "restoreDirty": dirty}));
        let failed = bootstrap(&stubs, &[FILE]);
        refused(&failed, 1, word);
        assert_said(
            &failed,
            &[&format!("failed: Failed to run pre stage: {text}")],
        );
        // The upload waits there still, and is what another look finds.
        let again = bootstrap(&stubs, &[FILE, "--dry-run"]);
        if dirty {
            refused(&again, 1, "talosctl-recover-wipe -n 10.5.0.3");
        } else {
            ok(&again);
        }
        assert_eq!(asked_for(&stubs), [request(false)]);
    }
}
