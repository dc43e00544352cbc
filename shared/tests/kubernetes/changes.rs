//! What happened between the two fixtures.

use std::collections::BTreeSet;

use etcdbackup::snapshot::kubernetes::{Baseline, Change, Content, Key};

use crate::fixture::each_live;

#[derive(Default)]
struct Changes {
    added: BTreeSet<String>,
    changed: BTreeSet<String>,
    gone: BTreeSet<String>,
}

fn changes(first: &str, second: &str) -> Changes {
    let (mut baseline, mut changes) = (Baseline::default(), Changes::default());
    each_live(first, |entry, value| {
        baseline.see(entry.etcd_key, Content::of(value));
    });
    each_live(second, |entry, value| {
        let change = baseline.compare(entry.etcd_key, Content::of(value));
        let Key::Object(object) = entry.key else {
            return;
        };
        match change {
            Change::Added => changes.added.insert(object.to_string()),
            Change::Changed => changes.changed.insert(object.to_string()),
            Change::StatusOnly | Change::Same => false,
        };
    });
    each_live(first, |entry, _| {
        if let Key::Object(object) = entry.key
            && baseline.is_gone(entry.etcd_key)
        {
            changes.gone.insert(object.to_string());
        }
    });
    changes
}

#[test]
fn what_was_done_between_them_is_found() {
    let changes = changes("before", "after");
    let quiet = |name: &&String| !name.starts_with("events/") && !name.starts_with("leases.");
    for gone in [
        "namespaces/web",
        "customresourcedefinitions.apiextensions.k8s.io/widgets.example.org",
    ] {
        assert!(changes.gone.contains(gone), "{gone}");
    }
    assert_eq!(
        changes
            .gone
            .iter()
            .filter(|name| name.starts_with("widgets.example.org/"))
            .count(),
        12
    );
    let elsewhere: Vec<&String> = changes
        .gone
        .iter()
        .filter(quiet)
        .filter(|name| !name.ends_with(" in web"))
        .collect();
    let expected = |name: &&&String| {
        name.starts_with("widgets.example.org/")
            || name.starts_with("ipaddresses.")
            || [
                "namespaces/web",
                "customresourcedefinitions.apiextensions.k8s.io/widgets.example.org",
                "apiservices.apiregistration.k8s.io/v1alpha1.example.org",
            ]
            .contains(&name.as_str())
    };
    let other: Vec<_> = elsewhere.iter().filter(|name| !expected(name)).collect();
    assert!(
        other.iter().all(|name| name.ends_with(" in data")),
        "{other:?}"
    );
    assert!(changes.added.contains("namespaces/late"));
    assert!(
        changes
            .added
            .iter()
            .filter(quiet)
            .all(|name| name.ends_with("late") || name.ends_with(" in late")),
        "{:?}",
        changes.added
    );
    assert!(
        changes.changed.contains("statefulsets.apps/redis in data")
            || changes.changed.contains("deployments.apps/redis in data"),
        "{:?}",
        changes.changed
    );
}

#[test]
fn a_snapshot_is_the_same_as_itself() {
    let changes = changes("after", "after");
    assert!(changes.added.is_empty() && changes.changed.is_empty() && changes.gone.is_empty());
}
