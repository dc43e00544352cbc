//! Which saved machine config is meant.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::saved::SavedConfig;
use crate::failure::{Exit, Failure};

/// The newest saved config of `node` (its host name or address) in `cluster` (none: the only
/// one), not after `at`.
///
/// # Errors
/// 1: nothing fits; 2: several clusters have such a node, and none was named.
pub fn choose<'a>(
    saved: &'a [SavedConfig],
    cluster: Option<&str>,
    node: &str,
    at: Option<Timestamp>,
) -> Result<&'a SavedConfig, Failure> {
    let own = |one: &&SavedConfig| cluster.is_none_or(|cluster| cluster == one.cluster);
    let mut of_node: Vec<&SavedConfig> = saved
        .iter()
        .filter(own)
        .filter(|one| one.node == node)
        .collect();
    if of_node.is_empty() {
        let at_address = |one: &&SavedConfig| one.address.as_deref() == Some(node);
        of_node = saved.iter().filter(own).filter(at_address).collect();
    }
    let clusters: BTreeSet<&str> = of_node.iter().map(|one| one.cluster.as_str()).collect();
    if clusters.len() > 1 {
        let what = format!(
            "node {node} is saved for several clusters: {}",
            listed(&clusters)
        );
        return Err(Failure::new(Exit::Usage, what).hint("say which one: `--cluster-name NAME`"));
    }
    let oldest = of_node.iter().map(|one| one.taken_at).min();
    let in_time = |one: &&SavedConfig| at.is_none_or(|at| one.taken_at <= at);
    let newest = of_node.into_iter().filter(in_time);
    newest
        .max_by(|left, right| (left.taken_at, &left.key).cmp(&(right.taken_at, &right.key)))
        .ok_or_else(|| nothing(saved, cluster, node, at.zip(oldest)))
}

fn nothing(
    saved: &[SavedConfig],
    cluster: Option<&str>,
    node: &str,
    before: Option<(Timestamp, Timestamp)>,
) -> Failure {
    if let Some((at, oldest)) = before {
        let what = format!("no machine config of node {node} was saved by {at}");
        return Failure::new(Exit::No, what).hint(format!("the oldest is of {oldest}"));
    }
    let own = saved
        .iter()
        .filter(|one| cluster.is_none_or(|cluster| cluster == one.cluster));
    let nodes: BTreeSet<&str> = own.map(|one| one.node.as_str()).collect();
    let clusters: BTreeSet<&str> = saved.iter().map(|one| one.cluster.as_str()).collect();
    let of = cluster.map_or(String::new(), |cluster| format!(" of cluster {cluster}"));
    let failure = Failure::new(
        Exit::No,
        format!("no machine config of node {node}{of} is saved"),
    );
    if !nodes.is_empty() {
        failure.hint(format!("there are those of {}", listed(&nodes)))
    } else if !clusters.is_empty() {
        failure.hint(format!("those here are of cluster {}", listed(&clusters)))
    } else {
        failure.hint(
            "nothing is saved here: check bucket and prefix, or take that of another control plane",
        )
    }
}

fn listed(names: &BTreeSet<&str>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::current::tests::saved;
    use super::*;

    fn all() -> Vec<SavedConfig> {
        let mut all = vec![
            saved("cp-1", "10.0.0.2", 1, "a"),
            saved("cp-1", "10.0.0.2", 3, "b"),
            saved("cp-2", "10.0.0.3", 2, "c"),
            saved("cp-2", "10.1.0.3", 2, "d"),
        ];
        all[3].cluster = "lab".to_owned();
        all
    }

    fn hours(hours: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(hours * 3600).unwrap())
    }

    #[test]
    fn the_newest_by_name_or_address_not_after_a_time() {
        let all = all();
        for (cluster, node, at, fingerprint) in [
            (None, "cp-1", None, "b"),
            (None, "10.0.0.2", None, "b"),
            (None, "cp-1", hours(2), "a"),
            (None, "cp-1", hours(3), "b"),
            (Some("lab"), "cp-2", None, "d"),
            (None, "10.0.0.3", None, "c"),
        ] {
            let chosen = choose(&all, cluster, node, at).unwrap();
            assert_eq!(chosen.fingerprint, fingerprint, "{node} {at:?}");
        }
    }

    #[test]
    fn what_does_not_fit_says_what_there_is() {
        let all = all();
        for (saved, cluster, node, at, exit, hint) in [
            (&all[..], None, "cp-2", None, Exit::Usage, "--cluster-name"),
            (&all, None, "cp-9", None, Exit::No, "`cp-1`, `cp-2`"),
            (&all, Some("x"), "cp-1", None, Exit::No, "`lab`, `prod`"),
            (
                &all,
                None,
                "cp-1",
                hours(0),
                Exit::No,
                "the oldest is of 1970-01-01T01:00:00Z",
            ),
            (&[], None, "cp-1", None, Exit::No, "nothing is saved here"),
        ] {
            let failure = choose(saved, cluster, node, at).unwrap_err();
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(
                failure.hint.as_deref().unwrap().contains(hint),
                "{failure:?}"
            );
        }
    }
}
