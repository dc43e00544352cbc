//! Everything that is known about the fixtures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use etcdbackup::failure::Exit;
use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::etcd::for_each_live;
use etcdbackup::snapshot::{Digest, check};
use serde_json::Value;

use crate::fixtures::{path, unpacked};

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

#[test]
fn numbers_equal_those_of_the_official_tools_and_the_live_server() {
    for (name, live_keys) in [("before", 833), ("after", 522)] {
        let bytes = unpacked(&format!("{name}.snap.zst"));
        let checked = check(&*bytes).unwrap();
        let survey = &checked.survey;
        let status = json(&format!("{name}.status-3.5.json"));
        assert_eq!(status["hash"], survey.hash);
        assert_eq!(status["revision"], survey.revision);
        assert_eq!(status["totalKey"], survey.records);
        assert_eq!(status["totalSize"], survey.total_size);
        let live = &json(&format!("{name}.hashkv.json"))[0]["HashKV"];
        assert_eq!(live["hash"], survey.hash_kv.hash);
        assert_eq!(live["compact_revision"], survey.hash_kv.compact_revision);
        assert_eq!(live["header"]["revision"], survey.hash_kv.revision);
        assert_eq!(survey.live_keys, live_keys);
        assert_eq!(survey.system.fingerprint(), "3.6");
        assert_eq!(survey.system.members.len(), 1);
        assert_eq!(survey.system.members[0].name, "cp-1");
        assert!(matches!(checked.digest, Digest::Holds(_)));
        assert_eq!(survey.findings.kept(), []);
        assert!(checked.sound().is_some());
    }
}

#[test]
fn the_tiny_snapshot_of_etcd_3_5_1() {
    let bytes = unpacked("tiny.snap.zst");
    let checked = check(&*bytes).unwrap();
    let survey = &checked.survey;
    assert_eq!(survey.hash, 1_557_036_457);
    assert_eq!((survey.revision, survey.true_revision), (9, 9));
    assert_eq!((survey.records, survey.live_keys), (15, 6));
    assert_eq!(survey.total_size, 20_480);
    assert_eq!(survey.hash_kv.hash, 2_599_188_741);
    assert_eq!(survey.hash_kv.compact_revision, -1);
    assert_eq!((survey.pages.total, survey.pages.used), (5, 3));
    let system = &survey.system;
    assert_eq!((system.consistent_index, system.term), (Some(13), Some(2)));
    assert_eq!(system.cluster_version.as_deref(), Some("3.5.0"));
    assert_eq!(system.members[0].id, 9_738_038_894_873_888_102);
    assert!(system.leases.contains(&0x4566_a206_fc9c_6d0c));
    assert_eq!(system.fingerprint(), "3.5");
    assert_eq!(survey.findings.exit(), Exit::Done);
}

#[test]
fn the_live_keys_are_those_the_server_listed() {
    for name in ["before", "after"] {
        let bytes = unpacked(&format!("{name}.snap.zst"));
        let database = Database::open(&*bytes).unwrap();
        let mut found = BTreeSet::new();
        for_each_live(&database, |record| {
            found.insert(String::from_utf8(record.value.key.to_vec()).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
        let listed = String::from_utf8(unpacked(&format!("{name}.keys.zst"))).unwrap();
        let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        assert_eq!(found, listed, "{name}");
    }
}
