//! What lies beside the backups of a destination: uploads that were never ended, and saved
//! machine configs. What cannot be seen of it is said, and hides nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::model::{LifecycleRule, OpenUpload, Place, SavedNode};
use super::place::Asked;
use crate::configs::{self, SavedConfig};
use crate::store::{Destination, Store};

/// Uploads of objects of this destination, the oldest first.
pub(super) async fn uploads(
    place: &mut Place,
    store: &dyn Store,
    destination: &Destination,
    now: Timestamp,
) {
    let found = match store.open_uploads().await {
        Ok(found) => found,
        Err(error) => {
            let what = error.failure.what;
            return place.unseen.push(format!("open uploads: {what}"));
        }
    };
    let base = store.key_of("");
    let own = found.into_iter().filter(|upload| upload.lies_in(&base));
    let mut own: Vec<OpenUpload> = own
        .map(|upload| OpenUpload {
            key: upload.key,
            upload_id: upload.id,
            begun_at: upload.begun.map(|begun| begun.to_string()),
            age_seconds: upload.begun.map(|begun| seconds(begun, now)),
        })
        .collect();
    own.sort_by(|left, right| (&left.begun_at, &left.key).cmp(&(&right.begun_at, &right.key)));
    // A folder has no rules: there `prune` clears them.
    if let (Destination::S3 { .. }, false) = (destination, own.is_empty()) {
        place.lifecycle_rule = Some(LifecycleRule::of(&base));
    }
    place.open_uploads = Some(own);
}

/// The newest saved machine config of each node, and, where an administrator has asked them, the
/// nodes that run with something else.
pub(super) async fn machine_configs(
    place: &mut Place,
    destination: &Destination,
    asked: &Asked<'_>,
) {
    let now = asked.now;
    let listing = match configs::list(destination, asked.options, now).await {
        Ok(listing) => listing,
        Err(failure) => {
            let what = failure.what;
            return place.unseen.push(format!("saved machine configs: {what}"));
        }
    };
    let live = asked.live.filter(|live| !live.nodes.is_empty());
    place.outdated_configs = live.map(|live| live.without_current(&listing.configs));
    let own = listing.configs.into_iter();
    let own = own.filter(|one| asked.cluster.is_none_or(|name| name == one.cluster));
    let mut newest: BTreeMap<(String, String), SavedConfig> = BTreeMap::new();
    // The newest come first.
    for one in own {
        let node = (one.cluster.clone(), one.node.clone());
        newest.entry(node).or_insert(one);
    }
    let nodes = newest.into_values().map(|saved| SavedNode {
        saved_at: saved.taken_at.to_string(),
        age_seconds: seconds(saved.taken_at, now),
        current: live.and_then(|live| live.runs_with(&saved)),
        cluster: saved.cluster,
        node: saved.node,
    });
    place.machine_configs = Some(nodes.collect());
}

fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    now.as_second() - since.as_second()
}
