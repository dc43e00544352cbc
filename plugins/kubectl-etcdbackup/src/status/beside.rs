//! What lies beside the backups, on the screen.

use std::collections::BTreeSet;

use etcdbackup::cli::format;
use etcdbackup::cli::ui::printable;
use etcdbackup::status::{OpenUpload, Place};
use jiff::Timestamp;

/// Uploads that are shown one by one.
const SHOWN: usize = 3;

/// Open uploads, and what clears those that no run is behind any more.
pub(super) fn uploads(place: &Place, now: Timestamp) -> String {
    let uploads = place.open_uploads.as_deref().unwrap_or_default();
    let mut text: String = uploads
        .iter()
        .take(SHOWN)
        .map(|upload| line(upload, now))
        .collect();
    if uploads.len() > SHOWN {
        text += &format!("  and {} more open uploads\n", uploads.len() - SHOWN);
    }
    if uploads.iter().any(OpenUpload::is_left_over) {
        text += &remedy(place);
    }
    text
}

fn line(upload: &OpenUpload, now: Timestamp) -> String {
    let begun = upload
        .begun_at
        .as_ref()
        .and_then(|begun| begun.parse().ok());
    let begun = begun.map_or_else(String::new, |begun| {
        format!(", begun {} ago", format::age(begun, now))
    });
    let running = if upload.is_left_over() {
        ""
    } else {
        ", perhaps of a run that goes on"
    };
    let (key, id) = (printable(&upload.key), printable(&upload.upload_id));
    format!("  open upload{begun}{running}: {key}\n    upload id {id}\n")
}

fn remedy(place: &Place) -> String {
    let rule = place.lifecycle_rule.as_ref();
    let Some(rule) = rule.and_then(|rule| serde_json::to_string(rule).ok()) else {
        return "  `kubectl etcdbackup prune` with `--orphans --delete` clears what is left over\n"
            .to_owned();
    };
    // Two lines of it, to fit the screen.
    let rule = rule.replacen(",\"AbortI", ",\n     \"AbortI", 1);
    format!("  this rule in the bucket's lifecycle clears what is left over:\n    {rule}\n")
}

/// Of which nodes a machine config is saved, and since when.
pub(super) fn machine_configs(place: &Place, now: Timestamp) -> String {
    let Some(saved) = &place.machine_configs else {
        return String::new();
    };
    let times = saved.iter().filter_map(|one| one.saved_at.parse().ok());
    let Some(oldest) = times.min() else {
        return "  no machine config is saved: `kubectl etcdbackup configs save`\n".to_owned();
    };
    let clusters: BTreeSet<&str> = saved.iter().map(|one| one.cluster.as_str()).collect();
    let name = |(cluster, node): (&str, &str)| match clusters.len() {
        1 => printable(node),
        _ => printable(&format!("{cluster}/{node}")),
    };
    let nodes: Vec<String> = saved
        .iter()
        .map(|one| name((&one.cluster, &one.node)))
        .collect();
    let age = format::age(oldest, now);
    // Those that are not are among the warnings; of who did not tell nothing is claimed.
    let current = if saved.iter().all(|one| one.current == Some(true)) {
        ": what the nodes run with"
    } else {
        ""
    };
    format!(
        "  machine configs of {} saved, {age} ago at most{current}\n",
        nodes.join(", ")
    )
}
