//! What `talosctl-recover-check` asks and reads.

use std::collections::BTreeSet;

use super::*;
use crate::stubs::MACHINE;
use crate::support::code;

const STATE: &str = "cosi.resource.State";

/// The report of an assertion, and its exit code.
fn check(stubs: &Stubs, arguments: &[&str]) -> (i32, Value) {
    let arguments = [arguments, &["-o", "json"]].concat();
    let output = run(stubs, "talosctl-recover-check", &arguments);
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    (code(&output), report)
}

fn verdict(report: &Value) -> &str {
    report["judgement"]["verdict"].as_str().unwrap()
}

/// Some fields of a JSON object.
fn some(of: &Value, names: &[&str]) -> Value {
    let pairs = names.iter().map(|name| (*name, of[*name].clone()));
    Value::Object(
        pairs
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[test]
fn the_resources_of_a_waiting_node_are_read_as_the_official_types_encode_them() {
    let stubs = waiting(json!({}));
    let (exit, report) = check(&stubs, &["unrecoverable"]);
    assert_eq!((exit, verdict(&report)), (0, "awaiting-bootstrap"));
    let nodes = report["survey"]["nodes"].as_array().unwrap();
    assert_eq!(
        nodes.len(),
        3,
        "the worker is none, the endpoint is the first"
    );
    // The one with an IPv6 address.
    let node = &nodes[2];
    let expected = json!({
        "node": "fd00::4", "hostname": "stub-2", "sources": ["discovery"],
        "machineType": "controlPlane", "timeSynced": true, "bootId": "stub-2-boot-0",
        "machineStatus": {
            "stage": "booting", "ready": false, "unmet": [["services", "etcd not running"]],
        },
        "etcdConfig": {
            "name": "stub-2", "advertised": ["fd00::4"],
            "image": "registry.k8s.io/etcd:v3.6.12", "quota": 8_589_934_592_u64,
        },
        "clusterName": "stubs", "addresses": ["fd00::4"],
        "clusterMembers": [
            {"hostname": "stub-0", "addresses": ["10.5.0.2"], "machineType": "controlPlane"},
            {"hostname": "stub-1", "addresses": ["10.5.0.3"], "machineType": "controlPlane"},
            {"hostname": "stub-2", "addresses": ["fd00::4"], "machineType": "controlPlane"},
            {"hostname": "stub-worker", "addresses": ["10.5.0.99"], "machineType": "worker"},
        ],
        "storage": {
            "volumes": [
                {
                    "id": "EPHEMERAL", "isPartition": true, "phase": "ready",
                    "bytes": 68_719_476_736_u64, "error": "",
                },
                {"id": "ETCD", "isPartition": false, "phase": "ready", "bytes": 0, "error": ""},
            ],
            "mounts": [
                {"at": "/", "bytes": 68_719_476_736_u64, "available": 51_539_607_552_u64},
                {"at": "/var", "bytes": 68_719_476_736_u64, "available": 51_539_607_552_u64},
            ],
            "data": {"exists": true, "entries": []}, "uploaded": null, "localData": [],
        },
    });
    let names: Vec<&str> = expected
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(some(node, &names), expected);
    assert_eq!(node["reached"]["version"], "v1.13.9");
    let uptime = node["clock"]["uptimeSeconds"].as_u64().unwrap();
    assert!((600..660).contains(&uptime), "{uptime}");
    // etcd's calls end with their deadline there.
    for call in ["status", "members", "alarms"] {
        assert_eq!(node[call]["unknown"]["why"], "silent", "{call}");
    }
    let etcd = &node["services"][2];
    let shown = some(etcd, &["id", "state", "healthy", "healthMessage"]);
    let expected =
        json!({"id": "etcd", "state": "Preparing", "healthy": null, "healthMessage": ""});
    assert_eq!(shown, expected);
    let events = etcd["events"].as_array().unwrap().iter();
    let states: Vec<&Value> = events.map(|event| &event["state"]).collect();
    assert_eq!(states, ["Starting", "Waiting", "Preparing"]);
    let (exit, report) = check(&stubs, &["preparing"]);
    assert_eq!((exit, &report["holds"]), (0, &json!(true)), "{report}");
}

/// The distinct messages of a method's calls.
fn asked(stubs: &Stubs, service: &str, method: &str) -> BTreeSet<String> {
    let mut calls = stubs.calls();
    calls.retain(|call| call["service"] == service && call["method"] == method);
    calls
        .iter()
        .map(|call| call["request"].to_string())
        .collect()
}

fn set(messages: &[Value]) -> BTreeSet<String> {
    messages.iter().map(Value::to_string).collect()
}

#[test]
fn everything_asked_is_what_talos_knows_by_that_name() {
    let stubs = waiting(json!({}));
    // Whether the keys fit, only the machine config tells.
    let (_, report) = check(&stubs, &["snapshot", FILE]);
    let findings = report["findings"].as_array().unwrap();
    let keys = findings.iter().find(|one| one["check"] == "keys").unwrap();
    assert_eq!(keys["severity"], "ok", "{keys}");
    let get = |(namespace, kind, id): (&str, &str, &str)| json!({"namespace": namespace, "type": kind, "id": id, "options": null});
    let resources = [
        ("cluster", "Infos.cluster.talos.dev", "current"),
        ("config", "MachineConfigs.config.talos.dev", "v1alpha1"),
        ("config", "MachineTypes.config.talos.dev", "machine-type"),
        ("etcd", "EtcdSpecs.etcd.talos.dev", "etcd"),
        ("network", "HostnameStatuses.net.talos.dev", "hostname"),
        ("network", "NodeAddresses.net.talos.dev", "routed"),
        ("runtime", "MachineStatuses.runtime.talos.dev", "machine"),
        ("runtime", "TimeStatuses.v1alpha1.talos.dev", "node"),
    ];
    assert_eq!(asked(&stubs, STATE, "Get"), set(&resources.map(get)));
    let list = |(namespace, kind): (&str, &str)| json!({"namespace": namespace, "type": kind, "options": null});
    let kinds = [
        ("cluster", "Members.cluster.talos.dev"),
        ("runtime", "VolumeStatuses.block.talos.dev"),
    ];
    assert_eq!(asked(&stubs, STATE, "List"), set(&kinds.map(list)));
    let walk = |(root, depth): (&str, i32)| {
        json!({
            "root": root, "recurse": true, "recursionDepth": depth, "types": [],
            "reportXattrs": false,
        })
    };
    let roots = [
        ("/var", 2),
        ("/var/lib/etcd", 4),
        ("/var/lib/etcd.snapshot", 1),
    ];
    assert_eq!(asked(&stubs, MACHINE, "List"), set(&roots.map(walk)));
    let read = |path: &str| json!({"path": path});
    let files = [
        "/proc/sys/kernel/random/boot_id",
        "/proc/uptime",
        "/proc/stat",
    ];
    assert_eq!(asked(&stubs, MACHINE, "Read"), set(&files.map(read)));
    let local = set(&[json!({"queryLocal": true})]);
    assert_eq!(asked(&stubs, MACHINE, "EtcdMemberList"), local);
    for call in stubs.calls() {
        assert!(call["nodes"].is_null(), "{call}");
        let shown = (&call["roles"], &call["deadline"]);
        assert_eq!(shown, (&json!(["os:admin"]), &json!(true)), "{call}");
    }
    assert_eq!(changes(&stubs), []);
}

#[test]
fn a_cluster_that_works_is_healthy_and_its_members_are_told_apart() {
    let stubs = stubs(["running"; 3], [const { Value::Null }; 3]);
    let (exit, report) = check(&stubs, &["unrecoverable"]);
    assert_eq!((exit, verdict(&report)), (1, "healthy"), "{report}");
    for (index, node) in report["survey"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(node["machineStatus"]["stage"], "running");
        // One of the kind NONE is none.
        assert_eq!(node["alarms"], json!([]));
        assert_eq!(node["status"]["isLearner"], false);
        let members = node["members"].as_array().unwrap();
        assert_eq!(members.len(), 3);
        assert_eq!(members[index]["id"], node["status"]["memberId"]);
        assert_eq!(members[index]["name"], format!("stub-{index}"));
    }
    let url = &report["survey"]["nodes"][0]["members"][2]["peerUrls"][0];
    assert_eq!(url, "https://[fd00::4]:2380");
}

#[test]
fn databases_that_lie_still_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = database(folder.path());
    let bytes = fs::read(&file).unwrap();
    // As the leader sends it to a member that is far behind: a stream's pages without its digest.
    let snapshot = fixture("after");
    let sent = &snapshot[..snapshot.len() - 32];
    fs::write(folder.path().join("sent"), sent).unwrap();
    let own = json!({"database": file});
    let of_leader = json!({"database": folder.path().join("sent")});
    let stubs = stubs(["stopped"; 3], [own.clone(), of_leader, own]);
    let (exit, report) = check(&stubs, &["unrecoverable", "--prove-databases"]);
    assert_eq!((exit, verdict(&report)), (1, "blocked"), "{report}");
    let nodes = &report["survey"]["nodes"];
    for (node, bytes) in [(&nodes[1], sent), (&nodes[2], &bytes)] {
        let sound = json!({"sha256": sha256(bytes), "damage": null});
        assert_eq!(node["database"], sound);
    }
    let node = &nodes[2];
    let entries = node["storage"]["data"]["entries"].as_array().unwrap();
    let file = entries.iter().find(|one| one["path"] == "member/snap/db");
    let expected = json!({"path": "member/snap/db", "bytes": bytes.len(), "isDirectory": false});
    assert_eq!(file, Some(&expected));
    let mut reads = stubs.calls_of("Read");
    reads.retain(|call| call["request"]["path"] == "/var/lib/etcd/member/snap/db");
    assert_eq!(reads.len(), 6, "each twice");
}
