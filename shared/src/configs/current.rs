//! Which nodes run with a machine config that is not saved: pure functions of a listing and of
//! fingerprints.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::saved::SavedConfig;

/// What a node runs with, by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// The node, as it is named to people.
    pub node: String,
    /// Its host name and addresses.
    pub known_as: BTreeSet<String>,
    /// Of what it runs with: [`super::fingerprint`].
    pub fingerprint: String,
}

/// A node whose newest saved machine config is not what it runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outdated {
    /// The node, as it is named to people.
    pub node: String,
    /// When its newest was saved; none: it has none.
    pub newest: Option<Timestamp>,
}

/// The nodes that have no current saved config. `saved` is of one cluster (see
/// [`SavedConfig::cluster`]).
pub fn without_current(saved: &[SavedConfig], live: &[LiveConfig]) -> Vec<Outdated> {
    let outdated = |node: &LiveConfig| {
        let newest = newest_of(saved, &node.known_as);
        (!newest.is_some_and(|newest| is_current(newest, node))).then(|| Outdated {
            node: node.node.clone(),
            newest: newest.map(|newest| newest.taken_at),
        })
    };
    live.iter().filter_map(outdated).collect()
}

/// Whether this is what the node runs with.
pub(super) fn is_current(saved: &SavedConfig, live: &LiveConfig) -> bool {
    saved.fingerprint == live.fingerprint
}

/// The newest saved config of a node by its host name, else by one of its addresses: machines
/// may have changed their addresses since.
pub fn newest_of<'a>(
    saved: &'a [SavedConfig],
    known_as: &BTreeSet<String>,
) -> Option<&'a SavedConfig> {
    let by_name = saved.iter().filter(|one| known_as.contains(&one.node));
    let newest = by_name.max_by_key(|one| one.taken_at);
    newest.or_else(|| {
        let has = |one: &&SavedConfig| {
            let address = one.address.as_ref();
            address.is_some_and(|address| known_as.contains(address))
        };
        saved.iter().filter(has).max_by_key(|one| one.taken_at)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::configs) fn saved(
        node: &str,
        address: &str,
        hour: i64,
        fingerprint: &str,
    ) -> SavedConfig {
        SavedConfig {
            url: format!("s3://b/p/.configs/prod/{node}-{hour}"),
            key: format!("p/.configs/prod/{node}-{hour}"),
            cluster: "prod".to_owned(),
            node: node.to_owned(),
            address: Some(address.to_owned()),
            taken_at: Timestamp::from_second(hour * 3600).unwrap(),
            fingerprint: fingerprint.to_owned(),
            sealed_for: Some("01234567".to_owned()),
            size: 9,
        }
    }

    fn live(node: &str, address: &str, fingerprint: &str) -> LiveConfig {
        LiveConfig {
            node: node.to_owned(),
            known_as: [node, address].map(str::to_owned).into(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    #[test]
    fn the_newest_decides_not_any() {
        let all = [
            saved("cp-1", "10.0.0.2", 1, "now"),
            saved("cp-2", "10.0.0.3", 1, "old"),
            saved("cp-1", "10.0.0.2", 2, "now"),
            saved("cp-2", "10.0.0.3", 2, "now"),
            saved("cp-2", "10.0.0.3", 3, "old"),
        ];
        let nodes = [
            live("cp-1", "10.0.0.2", "now"),
            live("cp-2", "10.0.0.3", "now"),
            live("cp-3", "10.0.0.4", "now"),
        ];
        let outdated = without_current(&all, &nodes);
        let wanted = [("cp-2", Some(3)), ("cp-3", None)].map(|(node, hour)| Outdated {
            node: node.to_owned(),
            newest: hour.map(|hour: i64| Timestamp::from_second(hour * 3600).unwrap()),
        });
        assert_eq!(outdated, wanted);
    }

    #[test]
    fn the_name_outweighs_an_address_that_moved_and_an_address_finds_a_renamed_node() {
        let all = [
            saved("cp-1", "10.0.0.2", 1, "one"),
            saved("cp-2", "10.0.0.3", 2, "two"),
        ];
        let moved = live("cp-1", "10.0.0.3", "one");
        assert_eq!(without_current(&all, &[moved]), []);
        let renamed = live("node-2", "10.0.0.3", "two");
        assert_eq!(without_current(&all, &[renamed]), []);
    }

    proptest! {
        #[test]
        fn what_was_just_saved_is_current(
            history in proptest::collection::vec((0_usize..3, 0_i64..50, "[ab]"), 0..20),
            node in 0_usize..3,
        ) {
            let names = ["cp-1", "cp-2", "cp-3"];
            let mut all: Vec<SavedConfig> = history
                .iter()
                .map(|(node, hour, print)| saved(names[*node], "-", *hour, print))
                .collect();
            let one = live(names[node], "10.0.0.9", "now");
            let before = without_current(&all, std::slice::from_ref(&one));
            prop_assert_eq!(before.len(), 1);
            let newest = all.iter().filter(|one| one.node == names[node]).map(|one| one.taken_at).max();
            prop_assert_eq!(before[0].newest, newest);
            all.push(saved(names[node], "-", 99, "now"));
            prop_assert_eq!(without_current(&all, &[one]), []);
        }
    }
}
