//! What `talosctl-recover-wipe` sends, and what it makes of the events that follow.

use super::*;
use crate::support::{ok, refused};

/// The third etcd does not run and has its data; the others wait.
fn stopped(more: Value) -> Stubs {
    let node = [Value::Null, Value::Null, more];
    stubs(["waiting", "waiting", "stopped"], node)
}

fn wipe(stubs: &Stubs, more: &[&str]) -> Output {
    let node = ["-n", ADDRESSES[2], "--lose-database", ADDRESSES[2]];
    let arguments = [&node[..], &["--restore-from", FILE], more].concat();
    run(stubs, "talosctl-recover-wipe", &arguments)
}

/// The one Reset that was decoded, and for whom.
fn reset(stubs: &Stubs) -> (Value, Value) {
    let mut calls = stubs.calls_of("Reset");
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = calls.remove(0);
    (call["node"].clone(), call["request"].clone())
}

fn expected(label: &str) -> (Value, Value) {
    let request = json!({
        "graceful": false, "reboot": true, "mode": "ALL", "userDisksToWipe": [],
        "systemPartitionsToWipe": [{"label": label, "wipe": true}],
    });
    (json!([ADDRESSES[2]]), request)
}

#[test]
fn what_holds_etcd_is_wiped_and_its_events_are_told() {
    let stubs = stopped(json!({"localData": {"/var/openebs": 123_456}}));
    refused(
        &wipe(&stubs, &["--confirm", "stubs"]),
        1,
        "/var/openebs (123456 bytes)",
    );
    let local = "--lose-local-data";
    let planned = wipe(&stubs, &[local, "--dry-run"]);
    ok(&planned);
    let plan = "stub-2 (fd00::4): wipe EPHEMERAL, then reboot (fd00::4)\n  lost with it: /var/openebs (123456 bytes)\n";
    assert!(text(&planned.stdout).contains(plan), "{}", said(&planned));
    refused(&wipe(&stubs, &[local]), 2, "--confirm stubs");
    refused(
        &wipe(&stubs, &[local, "--confirm", "prod"]),
        2,
        "it is called stubs",
    );
    assert_eq!(changes(&stubs), []);

    let done = wipe(&stubs, &[local, "--confirm", "stubs"]);
    ok(&done);
    assert_eq!(reset(&stubs), expected("EPHEMERAL"));
    let events = stubs.calls_of("Events");
    assert_eq!(events.len(), 1, "{events:?}");
    let from_now_on = json!({
        "tailEvents": 0, "tailId": "", "tailSeconds": 0, "withActorId": "",
    });
    assert_eq!(
        (&events[0]["node"], &events[0]["request"]),
        (&json!([ADDRESSES[2]]), &from_now_on)
    );
    // What another actor failed with at the same time is no matter of this one.
    let lines = [
        "wiping EPHEMERAL",
        "its services stop",
        "its partition is wiped",
        "it reboots",
        "has rebooted",
        "waits, empty",
    ];
    assert_said(&done, &lines);
    let next = "next: talosctl-recover-check preparing\n";
    assert!(text(&done.stdout).ends_with(next), "{}", said(&done));
    // It is empty now, and left alone.
    let again = wipe(&stubs, &["--confirm", "stubs"]);
    ok(&again);
    assert!(
        text(&again.stdout).contains("nothing to do"),
        "{}",
        said(&again)
    );
    assert_eq!(
        changes(&stubs),
        [("Reset".to_owned(), ADDRESSES[2].to_owned())]
    );
}

#[test]
fn an_etcd_partition_is_wiped_alone() {
    let own =
        json!({"version": "v1.14.0", "etcdPartition": true, "localData": {"/var/openebs": 1}});
    let stubs = stopped(own);
    ok(&wipe(&stubs, &["--confirm", "stubs"]));
    assert_eq!(reset(&stubs), expected("ETCD"));
}

#[test]
fn a_reset_that_fails_ends_it_with_what_talos_says() {
    for (code, exit, word) in [
        ("LOCKED", 75, "does not begin its reset: the script says so"),
        (
            "FATAL",
            69,
            "the reset of node stub-2 (fd00::4) failed: the script says so",
        ),
    ] {
        let stubs = stopped(json!({"resetFails": code}));
        refused(&wipe(&stubs, &["--confirm", "stubs"]), exit, word);
        assert_eq!(reset(&stubs), expected("EPHEMERAL"));
    }
}
