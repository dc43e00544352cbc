//! Chooses the object a restore is made from: the newest, or the newest not after a time.
//!
//! An empty newest object is an error, never a reason to take an older one in silence.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::entry::{Entry, Kind};
use super::names::ObjectName;
use crate::failure::{Exit, Failure};

/// The chosen object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The object.
    pub entry: Entry,
    /// The next older snapshot of the same cluster, to name if this one is unusable.
    pub older: Option<Entry>,
    /// What a person should be told: one sentence each.
    pub notes: Vec<String>,
}

/// The newest snapshot of `cluster` (none: the only one there is), not after `at`.
///
/// # Errors
/// 1: nothing fits; 2: several clusters and no name; 65: the newest is empty.
pub fn select(
    entries: &[Entry],
    cluster: Option<&str>,
    at: Option<Timestamp>,
) -> Result<Selected, Failure> {
    let fits = |name: &ObjectName| cluster.is_none_or(|wanted| wanted == name.cluster);
    let mut dated: Vec<(ObjectName, &Entry)> = entries
        .iter()
        .filter_map(|entry| Some((dated_name(entry)?, entry)))
        .filter(|(name, _)| fits(name))
        .collect();
    let clusters: BTreeSet<&str> = dated
        .iter()
        .map(|(name, _)| name.cluster.as_str())
        .collect();
    if clusters.len() > 1 {
        return Err(several(&clusters));
    }
    // Newest first; of the same instant the greater key, so that every run chooses alike.
    dated.sort_by(|(left, a), (right, b)| (right.taken_at, &b.key).cmp(&(left.taken_at, &a.key)));
    let oldest = dated.last().map(|(name, _)| name.taken_at);
    let mut newest_first = dated
        .into_iter()
        .filter(|(name, _)| at.is_none_or(|at| name.taken_at <= at));
    let Some((name, entry)) = newest_first.next() else {
        return Err(nothing(entries, cluster, at.zip(oldest)));
    };
    let older = newest_first.find(|(_, entry)| matches!(entry.kind, Kind::Snapshot(_)));
    if matches!(entry.kind, Kind::Partial) {
        return Err(empty(entry, older.as_ref()));
    }
    Ok(Selected {
        entry: entry.clone(),
        older: older.map(|(_, entry)| entry.clone()),
        notes: future_notes(entries, &name.cluster),
    })
}

/// The name of what stands in the order of snapshots: snapshots, and empty objects named so.
fn dated_name(entry: &Entry) -> Option<ObjectName> {
    match &entry.kind {
        Kind::Snapshot(name) => Some(name.clone()),
        Kind::Partial => ObjectName::parse(&entry.name),
        _ => None,
    }
}

fn future_notes(entries: &[Entry], cluster: &str) -> Vec<String> {
    let of_cluster = entries
        .iter()
        .filter(|entry| matches!(&entry.kind, Kind::FutureDated(name) if name.cluster == cluster));
    of_cluster
        .map(|entry| format!("`{}` is dated in the future: skipped", entry.key))
        .collect()
}

fn several(clusters: &BTreeSet<&str>) -> Failure {
    let names: Vec<String> = clusters.iter().map(|name| format!("`{name}`")).collect();
    let what = format!(
        "snapshots of {} clusters lie here: {}",
        names.len(),
        names.join(", ")
    );
    Failure::new(Exit::Usage, what).hint("say which one: `--cluster-name NAME`")
}

fn empty(entry: &Entry, older: Option<&(ObjectName, &Entry)>) -> Failure {
    let what = format!("the newest object `{}` is empty", entry.key);
    let hint = match older {
        Some((name, older)) => {
            let key = &older.key;
            format!("the next older is `{key}`: `--at {}`", name.taken_at)
        }
        None => "there is no older one: look into the other destinations".to_owned(),
    };
    Failure::new(Exit::Data, what).hint(hint)
}

/// Nothing fits: says what there is instead. `before`: the time asked for and the oldest.
fn nothing(
    entries: &[Entry],
    cluster: Option<&str>,
    before: Option<(Timestamp, Timestamp)>,
) -> Failure {
    let of = cluster.map_or(String::new(), |name| format!(" of cluster `{name}`"));
    if let Some((at, oldest)) = before {
        let what = format!("no snapshot{of} is as old as {at}");
        return Failure::new(Exit::No, what).hint(format!("the oldest is of {oldest}"));
    }
    let count = |is: fn(&Kind) -> bool| entries.iter().filter(|entry| is(&entry.kind)).count();
    let future = count(|kind| matches!(kind, Kind::FutureDated(_)));
    let undated = count(|kind| matches!(kind, Kind::Undated));
    let foreign = count(|kind| matches!(kind, Kind::Foreign(_)));
    let others: BTreeSet<String> = entries
        .iter()
        .filter_map(dated_name)
        .map(|name| format!("`{}`", name.cluster))
        .collect();
    let hint = if !others.is_empty() {
        let names: Vec<String> = others.into_iter().collect();
        format!("snapshots here are of {}", names.join(", "))
    } else if future > 0 {
        format!("{future} dated in the future: check this machine's clock, or give the full key")
    } else if undated > 0 {
        format!("{undated} without a date in the name: give the full key of one")
    } else if foreign > 0 {
        format!("only other tools' objects ({foreign}) lie here: check the prefix")
    } else {
        "nothing lies here: check bucket and prefix".to_owned()
    };
    Failure::new(Exit::No, format!("no snapshot{of} found")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::super::entry::classify;
    use super::*;
    use crate::store::Object;

    fn entries(objects: &[(&str, u64)]) -> Vec<Entry> {
        let now = "2026-01-10T00:00:00Z".parse().unwrap();
        let object = |&(name, size): &(&str, u64)| Object {
            key: format!("p/{name}"),
            size,
            modified: None,
        };
        let objects = objects.iter().map(object);
        objects
            .filter_map(|object| classify(&object, "p", now))
            .collect()
    }

    const THREE: &[(&str, u64)] = &[
        // By instant the first is the middle one, though by text it is the newest.
        ("c-2026-01-03T01:00:00+02:00.snap", 5),
        ("c-2026-01-02T23:30:00Z.snap.zst.age", 5),
        ("c-2026-01-01T00:00:00.000Z.snap.age", 5),
        ("db.snapshot", 5),
        ("notes.txt", 5),
    ];

    #[test]
    fn the_newest_by_instant_and_the_next_older() {
        let selected = select(&entries(THREE), None, None).unwrap();
        assert_eq!(selected.entry.name, THREE[1].0);
        assert_eq!(selected.older.unwrap().name, THREE[0].0);
        assert!(selected.notes.is_empty());
    }

    #[test]
    fn the_newest_not_after_a_time() {
        for (at, wanted) in [
            ("2026-01-02T23:30:00Z", Some(THREE[1].0)),
            ("2026-01-02T23:29:59Z", Some(THREE[0].0)),
            ("2026-01-01T00:00:00Z", Some(THREE[2].0)),
            ("2025-12-31T23:59:59Z", None),
        ] {
            let selected = select(&entries(THREE), Some("c"), Some(at.parse().unwrap()));
            match wanted {
                Some(name) => assert_eq!(selected.unwrap().entry.name, name),
                None => {
                    let failure = selected.unwrap_err();
                    assert_eq!(failure.exit, Exit::No);
                    assert_eq!(
                        failure.hint.unwrap(),
                        "the oldest is of 2026-01-01T00:00:00Z"
                    );
                }
            }
        }
    }

    #[test]
    fn several_clusters_need_a_name() {
        let two = entries(&[
            ("admin@b-2026-01-02T00:00:00Z.snap", 1),
            ("a-2026-01-01T00:00:00Z.snap", 1),
        ]);
        let failure = select(&two, None, None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.ends_with("`a`, `admin@b`"), "{}", failure.what);
        assert!(failure.hint.unwrap().contains("--cluster-name"));
        let selected = select(&two, Some("a"), None).unwrap();
        assert_eq!(selected.entry.key, "p/a-2026-01-01T00:00:00Z.snap");
        let failure = select(&two, Some("x"), None).unwrap_err();
        assert_eq!(failure.exit, Exit::No);
        assert_eq!(
            failure.hint.unwrap(),
            "snapshots here are of `a`, `admin@b`"
        );
    }

    #[test]
    fn the_future_is_skipped_and_said() {
        let future = ("c-2027-01-01T00:00:00Z.snap", 1);
        let selected = select(&entries(&[future, THREE[2]]), None, None).unwrap();
        assert_eq!(selected.entry.name, THREE[2].0);
        assert_eq!(selected.notes.len(), 1);
        assert!(selected.notes[0].contains(future.0));
        let failure = select(&entries(&[future]), None, None).unwrap_err();
        assert!(failure.hint.unwrap().starts_with("1 dated in the future"));
    }

    #[test]
    fn an_empty_newest_is_an_error_that_names_the_next_older() {
        let newest = ("c-2026-01-05T00:00:00Z.snap", 0);
        let failure = select(&entries(&[newest, THREE[2]]), None, None).unwrap_err();
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.hint.unwrap().contains(THREE[2].0));
        let at = Some("2026-01-04T00:00:00Z".parse().unwrap());
        let selected = select(&entries(&[newest, THREE[2]]), None, at).unwrap();
        assert_eq!(selected.entry.name, THREE[2].0);
    }

    #[test]
    fn nothing_to_choose_says_what_there_is() {
        for (objects, hint) in [
            (&[][..], "nothing lies here"),
            (&THREE[3..4], "1 without a date"),
            (&THREE[4..], "only other tools' objects (1)"),
        ] {
            let failure = select(&entries(objects), None, None).unwrap_err();
            assert_eq!(failure.exit, Exit::No);
            assert!(failure.hint.unwrap().starts_with(hint), "{hint}");
        }
    }
}
