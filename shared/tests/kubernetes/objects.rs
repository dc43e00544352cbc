//! Every object of the fixtures by name and uid, and as the API serves it.

use std::collections::{BTreeMap, BTreeSet};

use etcdbackup::snapshot::kubernetes::{Internal, Key, Value, decode, serve_definition};
use serde_json::Value as Json;

use crate::fixture::{bytes, each_live, text};

type Object = (String, String, String);

/// Resource → namespace, name and uid of each object.
fn found(snapshot: &str) -> BTreeMap<String, BTreeSet<Object>> {
    let mut found: BTreeMap<String, BTreeSet<Object>> = BTreeMap::new();
    each_live(snapshot, |entry, value| {
        let Key::Object(object) = entry.key else {
            return;
        };
        let metadata = Value::parse(value).head().unwrap().metadata;
        assert_eq!(
            (metadata.namespace.as_str(), metadata.name.as_str()),
            (object.namespace.unwrap_or_default(), object.name)
        );
        found.entry(object.full_resource()).or_default().insert((
            metadata.namespace,
            metadata.name,
            metadata.uid,
        ));
    });
    found
}

#[test]
fn every_object_the_api_served_is_there_and_no_other() {
    for (snapshot, objects) in [("before", 829), ("after", 518)] {
        let served: BTreeMap<String, Json> =
            serde_json::from_str(&text(&format!("{snapshot}.objects.json"))).unwrap();
        let found = found(snapshot);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            served.keys().collect::<Vec<_>>()
        );
        assert_eq!(found.values().map(BTreeSet::len).sum::<usize>(), objects);
        for (resource, served) in &served {
            let found = &found[resource];
            assert_eq!(
                found.len() as u64,
                served["count"].as_u64().unwrap(),
                "{resource}"
            );
            for (namespace, count) in served["namespaces"].as_object().unwrap() {
                let here = found.iter().filter(|object| object.0 == *namespace).count();
                assert_eq!(
                    here as u64,
                    count.as_u64().unwrap(),
                    "{resource} in {namespace}"
                );
            }
            let Some(listed) = served["objects"].as_array() else {
                continue;
            };
            let listed: BTreeSet<Object> = listed
                .iter()
                .map(|object| serde_json::from_value(object.clone()).unwrap())
                .collect();
            assert!(listed.is_empty() || listed == *found, "{resource}");
        }
    }
}

#[test]
fn what_is_no_object_is_known_by_name() {
    for snapshot in ["before", "after"] {
        let mut others = Vec::new();
        each_live(snapshot, |entry, _| match entry.key {
            Key::Object(_) => {}
            Key::Internal(internal) => others.push(match internal {
                Internal::CompactRevision => "compact_rev_key",
                Internal::Range(_) => "range",
                Internal::MasterLease(_) => "masterlease",
                Internal::PeerServerLease(_) => "peerserverlease",
                other => panic!("{other:?}"),
            }),
            other => panic!("{other:?}"),
        });
        others.sort_unstable();
        others.dedup();
        assert_eq!(
            others,
            ["compact_rev_key", "masterlease", "peerserverlease", "range"]
        );
    }
}

#[test]
fn every_object_reads_as_kubernetes_own_decoder_reads_it() {
    let answers = String::from_utf8(bytes("before.answers.zst")).unwrap();
    let mut answers: BTreeMap<String, Json> = answers
        .lines()
        .map(|line| {
            let mut line: Json = serde_json::from_str(line).unwrap();
            (
                line["key"].as_str().unwrap().to_owned(),
                line["object"].take(),
            )
        })
        .collect();
    assert_eq!(answers.len(), 832);
    each_live("before", |entry, value| {
        let key = String::from_utf8(entry.etcd_key.to_vec()).unwrap();
        if let Some(answer) = answers.remove(&key) {
            let object =
                decode(&Value::parse(value)).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(object, answer, "{key}");
        }
    });
    assert_eq!(answers.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn all_objects_of_the_other_snapshot_decode_too() {
    let mut decoded = 0;
    each_live("after", |entry, value| {
        if let Key::Object(object) = entry.key {
            let json = decode(&Value::parse(value)).unwrap();
            assert_eq!(json["metadata"]["name"], object.name);
            decoded += 1;
        }
    });
    assert_eq!(decoded, 518);
}

/// Whether everything in `part` is in `whole`, too.
fn has(whole: &Json, part: &Json) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|found| has(found, value))),
        (Json::Array(whole), Json::Array(part)) => {
            whole.len() == part.len()
                && whole.iter().zip(part).all(|(whole, part)| has(whole, part))
        }
        _ => whole == part,
    }
}

#[test]
fn definitions_are_served_as_they_were_applied() {
    let mut compared = 0;
    each_live("before", |entry, value| {
        if !matches!(entry.key, Key::Object(object) if object.resource == "customresourcedefinitions")
        {
            return;
        }
        let mut object = decode(&Value::parse(value)).unwrap();
        serve_definition(&mut object);
        let applied =
            object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
                .as_str()
                .unwrap();
        let applied: Json = serde_json::from_str(applied).unwrap();
        assert_eq!(object["apiVersion"], "apiextensions.k8s.io/v1");
        assert!(has(&object["spec"], &applied["spec"]), "{object:#}");
        for left in [
            "version",
            "validation",
            "subresources",
            "additionalPrinterColumns",
            "preserveUnknownFields",
        ] {
            assert!(object["spec"].get(left).is_none(), "{left}");
        }
        compared += 1;
    });
    assert_eq!(compared, 4);
}
