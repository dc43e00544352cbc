//! Our programs against a server made of Talos' own generated stubs, which sets every field
//! that Talos has, some that it does not have yet, and metadata as apid appends them.

use std::fs;

use e2e::World;
use serde_json::{Value, json};

use crate::process::{back_up_and_pull, ours};
use crate::stubs::Stubs;
use crate::support::{ok, refused};

/// Nodes behind one endpoint; no packet could reach their addresses themselves.
const ADDRESSES: [&str; 4] = ["10.5.0.2", "10.5.0.3", "fd00::4", "10.5.0.5"];
const LEADER: u64 = 0x8e9e_05c5_2164_694d;

/// Nodes with these statuses, each with a snapshot of its own.
fn start(statuses: [Value; 4]) -> Stubs {
    let world = World::serving(snapshot(0));
    let nodes = ADDRESSES.iter().zip(statuses).enumerate();
    let scenario: Vec<Value> = nodes
        .map(|(index, (address, status))| {
            let file = world.path(&format!("snapshot-{index}"));
            fs::write(&file, snapshot(index)).unwrap();
            json!({
                "address": address, "snapshot": file, "status": status,
                "member": {
                    "id": status["memberId"], "hostname": format!("stub-{index}"),
                    "clientUrls": [url(address), "https://192.0.2.1:2379"],
                    "isLearner": status["isLearner"],
                },
            })
        })
        .collect();
    Stubs::play(world, &scenario, &[])
}

/// The nodes that were asked for a snapshot, in order.
fn asked(stubs: &Stubs) -> Vec<String> {
    let calls = stubs.calls_of("EtcdSnapshot").into_iter();
    calls
        .map(|call| call["node"][0].as_str().unwrap().to_owned())
        .collect()
}

fn taken(stubs: &Stubs) -> Vec<u8> {
    fs::read(stubs.world.path("taken")).unwrap()
}

fn url(address: &str) -> String {
    if address.contains(':') {
        format!("https://[{address}]:2379")
    } else {
        format!("https://{address}:2379")
    }
}

/// Different for each node.
fn snapshot(node: usize) -> Vec<u8> {
    talos_sim::sample::snapshot(200_000 + node * 40_000)
}

/// A status in which every field that is not named here is set to something.
fn status(member: u64, changes: &Value) -> Value {
    let mut status = json!({
        "memberId": member.to_string(), "leader": LEADER.to_string(), "raftAppliedIndex": "90000",
        "errors": [], "isLearner": false,
    });
    for (name, value) in changes.as_object().unwrap() {
        status[name] = value.clone();
    }
    status
}

/// A learner, the leader, a follower, and one that lags: the third is the one to take.
fn mixed() -> [Value; 4] {
    [
        status(1, &json!({"isLearner": true})),
        status(LEADER, &json!({})),
        status(3, &json!({})),
        status(4, &json!({"raftAppliedIndex": "100"})),
    ]
}

#[test]
fn the_healthiest_follower_is_found_and_its_bytes_arrive() {
    let stubs = start(mixed());
    ok(&ours(&stubs.world, "talosctl-snapshot-take")
        .args(["-o", "taken"])
        .output()
        .unwrap());
    assert!(taken(&stubs) == snapshot(2), "the bytes of another node");
    assert_eq!(asked(&stubs), ["fd00::4"]);
    let calls = stubs.calls();
    for method in ["EtcdMemberList", "EtcdStatus", "EtcdSnapshot"] {
        assert!(
            calls.iter().any(|call| call["method"] == method),
            "no {method}"
        );
    }
    for call in calls {
        assert_eq!(call["node"].as_array().map(Vec::len), Some(1), "{call}");
        assert!(call["nodes"].is_null(), "{call}");
        assert_eq!(
            (&call["roles"], &call["deadline"]),
            (&json!(["os:etcd:backup"]), &json!(true))
        );
    }
}

#[test]
fn of_no_good_follower_the_leader_is_taken() {
    let sick = json!({"errors": ["etcdserver: no leader"], "leader": "0"});
    let stubs = start([
        status(1, &json!({"isLearner": true})),
        status(2, &sick),
        status(3, &json!({"raftAppliedIndex": "7"})),
        status(LEADER, &json!({})),
    ]);
    ok(&ours(&stubs.world, "talosctl-snapshot-take")
        .args(["-o", "taken"])
        .output()
        .unwrap());
    assert_eq!(asked(&stubs), ["10.5.0.5"]);
    assert!(taken(&stubs) == snapshot(3), "the bytes of another node");
}

#[test]
fn a_backup_goes_all_the_way_and_a_cut_stream_goes_to_another_member() {
    let stubs = start(mixed());
    let world = &stubs.world;
    fs::write(world.path("snapshot-2"), &snapshot(2)[..50 * 1024]).unwrap();
    let pulled = back_up_and_pull(world);
    assert_eq!(asked(&stubs), ["fd00::4", "10.5.0.3"]);
    assert!(fs::read(pulled).unwrap() == snapshot(1), "other bytes");
}

#[test]
fn a_named_node_is_the_only_one_asked() {
    let stubs = start(mixed());
    let take = |node: &str| {
        let arguments = ["-n", node, "-o", "taken", "--force"];
        ours(&stubs.world, "talosctl-snapshot-take")
            .args(arguments)
            .output()
            .unwrap()
    };
    ok(&take("10.5.0.2"));
    assert!(taken(&stubs) == snapshot(0), "the bytes of another node");
    assert_eq!(stubs.calls().len(), 1);
    refused(&take("10.5.0.99"), 69, "10.5.0.99");
}
