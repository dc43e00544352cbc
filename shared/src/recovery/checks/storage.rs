//! The disks: etcd's data, where it lies, what else lies there, and whether there is space.

use super::super::data::{DATA_DIRECTORY, DataDirectory, DataState};
use super::super::finding::{Finding, about};
use super::super::known::{Known, Why};
use super::super::survey::NodeSurvey;
use super::Evidence;

/// Space that a recovery without a file at hand should find: images, an upload, a database.
const SPACE: u64 = 4 * 1024 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

/// What is left of etcd's data. Nothing here is good or bad: the verdict decides.
pub(super) fn data(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| about(&node.storage.data, told))
}

/// Small things are told in KiB.
fn size(bytes: u64) -> String {
    if bytes < 10 * MIB {
        format!("{} KiB", bytes.div_ceil(1024))
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

fn told(data: &DataDirectory) -> Finding {
    let words = data.state().words();
    match (data.state(), data.database_bytes()) {
        (DataState::Intact, Some(bytes)) => Finding::ok(format!("{words}, {}", size(bytes))),
        (DataState::Empty, _) => Finding::warn(format!("{DATA_DIRECTORY} is empty")),
        (_, Some(bytes)) => Finding::warn(format!("{words}, {}", size(bytes))),
        (_, None) => Finding::warn(words),
    }
}

/// A partition of its own is not cleared by a wipe of EPHEMERAL (Talos 1.14).
pub(super) fn partition(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.etcd_partition(), |own| {
            Finding::ok(if *own {
                "etcd has a partition of its own: that is what a wipe clears"
            } else {
                "etcd's data lies on EPHEMERAL"
            })
        })
    })
}

/// The upload and the restored database lie on the disk at the same time.
pub(super) fn space(evidence: &Evidence<'_>) -> Vec<Finding> {
    let file = evidence.file.map(|file| file.bytes);
    let needed = file.map_or(SPACE, |bytes| 3 * bytes + 256 * MIB);
    evidence.each(|node| {
        about(&node.storage.mounts, |mounts| {
            let Some(mount) = mounts.iter().find(|mount| mount.at == "/var") else {
                return Finding::fail("/var is not mounted").hint("wait until its disks are there");
            };
            let (free, needed) = (mount.available / MIB, needed / MIB);
            if free < needed {
                Finding::fail(format!(
                    "{free} MiB free on /var, and {needed} MiB are needed"
                ))
                .hint(format!(
                    "make space: `talosctl -n {} usage /var -d 3 --humanize`",
                    node.node
                ))
            } else {
                Finding::ok(format!("{free} MiB free on /var"))
            }
        })
    })
}

/// What databases that lie still are worth, where they were read.
pub(super) fn databases(evidence: &Evidence<'_>) -> Vec<Finding> {
    let read = evidence.seen().filter_map(|node| {
        let finding = match &node.database {
            Known::Is(proof) => match &proof.damage {
                None => Finding::ok("its database was read: every page and record is sound"),
                Some(damage) => Finding::fail(format!("its database is damaged: {damage}")).hint(
                    "no etcd starts from it; `talosctl-snapshot-take --salvage` keeps a copy",
                ),
            },
            Known::Unknown(unknown) if unknown.why == Why::NotAsked => return None,
            Known::Unknown(unknown) => Finding::unknown(unknown),
        };
        Some(finding.on(node))
    });
    read.collect()
}

/// What a wipe of EPHEMERAL would take besides.
pub(super) fn local_data(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.storage.local_data, |found| {
            if found.is_empty() {
                return Finding::ok("nothing but Talos' and Kubernetes' own on EPHEMERAL");
            }
            let list: Vec<String> = found
                .iter()
                .map(|usage| format!("{} ({})", usage.path, size(usage.bytes)))
                .collect();
            Finding::warn(format!("data of others on EPHEMERAL: {}", list.join(", "))).hint(
                if is_apart(node) {
                    "a wipe of the ETCD partition leaves it alone"
                } else {
                    "a wipe takes it, too: copy it before, or say `--lose-local-data` then"
                },
            )
        })
    })
}

fn is_apart(node: &NodeSurvey) -> bool {
    node.etcd_partition().is_and(|own| *own)
}
