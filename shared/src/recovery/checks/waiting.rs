//! Whether a control plane can be bootstrapped, or can join the one that is.
//!
//! etcd waits in `Preparing` for 30 minutes, then it is `Failed`: Bootstrap still works, joining
//! does not. 70 minutes after its boot the machine reboots, and what Bootstrap and the upload
//! left in Talos' memory is gone.

use jiff::Timestamp;

use super::super::condition::{gave_up_joining, restore_was_refused};
use super::super::data::{DATA_DIRECTORY, DataState, UPLOADED_SNAPSHOT};
use super::super::finding::{Finding, about};
use super::super::survey::NodeSurvey;
use super::Evidence;
use crate::talos::Service;

/// Talos' EtcdJoinTimeout.
const JOIN_MINUTES: i64 = 30;
/// Talos' BootTimeout.
const BOOT_MINUTES: u64 = 70;
/// A restore of a large snapshot and a calm mind take about this long.
const ENOUGH_MINUTES: i64 = 10;

/// Minutes until Talos gives up waiting, and whether the node's own clock told.
pub fn minutes_left(node: &NodeSurvey, ours: Timestamp) -> Option<(i64, bool)> {
    let service = node.etcd_service().filter(|one| one.state == "Preparing")?;
    let now = node.clock.get().and_then(|clock| clock.now.get());
    let waited = now.unwrap_or(&ours).as_second() - service.since()?.as_second();
    Some((JOIN_MINUTES - waited / 60, now.is_some()))
}

pub(super) fn state(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.services, |_| match node.etcd_service() {
            Some(service) => of_service(node, service, evidence.survey.taken),
            None => Finding::fail("etcd is no service of it now: a bootstrap may be running")
                .hint("look again in a minute"),
        })
    })
}

fn of_service(node: &NodeSurvey, service: &Service, ours: Timestamp) -> Finding {
    let requested = |one: &crate::talos::ServiceEvent| one.message.contains("Bootstrap requested");
    if service.events.iter().any(requested) {
        return Finding::fail("somebody requested a bootstrap here")
            .hint("find out who: two bootstraps make two clusters");
    }
    if service.state == "Preparing" {
        return preparing(node, ours);
    }
    let reboot = format!("`talosctl -n {} reboot`", node.node);
    if gave_up_joining(service) {
        return Finding::warn("etcd gave up waiting: good for Bootstrap, and cannot join").hint(
            format!("bootstrap here, or reboot it to let it join: {reboot}"),
        );
    }
    if restore_was_refused(service) {
        return Finding::fail(format!("a restore was refused: {}", service.last_message()))
            .hint("wipe this node again before the next try: its directory may be dirty");
    }
    Finding::fail(format!(
        "etcd is {}, not Preparing: {}",
        service.state,
        service.last_message()
    ))
    .hint("is etcd gone at all? ask `talosctl-recover-check unrecoverable`")
}

fn preparing(node: &NodeSurvey, ours: Timestamp) -> Finding {
    let Some((left, by_node)) = minutes_left(node, ours) else {
        return Finding::warn("etcd is Preparing; since when is not told");
    };
    let clock = if by_node {
        ""
    } else {
        " by this machine's clock"
    };
    let text = format!("etcd is Preparing, {} min left{clock}", left.max(0));
    if left < ENOUGH_MINUTES {
        return Finding::warn(text).hint(format!(
            "little time: `talosctl -n {} reboot` begins it anew",
            node.node
        ));
    }
    Finding::ok(text)
}

/// Bootstrap refuses a directory with anything in it.
pub(super) fn directory(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.storage.data, |data| match data.state() {
            DataState::Empty => Finding::ok(format!("{DATA_DIRECTORY} is empty")),
            state => Finding::fail(format!("{DATA_DIRECTORY} holds {}", state.words())).hint(
                "is it still needed? ask `talosctl-recover-check unrecoverable` before any wipe",
            ),
        })
    })
}

/// A file that somebody uploaded waits for somebody's bootstrap.
pub(super) fn upload(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.storage.uploaded, |upload| match upload {
            None => Finding::ok("no uploaded snapshot waits"),
            Some(bytes) => Finding::fail(format!("{UPLOADED_SNAPSHOT} waits, {bytes} bytes"))
                .hint("is somebody else at it? an upload of yours replaces it"),
        })
    })
}

/// A boot that does not end is ended.
pub(super) fn reboot(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.each(|node| {
        about(&node.clock, |clock| {
            let minutes = clock.uptime_seconds / 60;
            let runs = node
                .machine_status
                .is_and(|status| status.stage == "running");
            let left = BOOT_MINUTES.saturating_sub(minutes);
            if runs || minutes >= BOOT_MINUTES {
                Finding::ok(format!("up for {minutes} min, its boot is over"))
            } else if left < ENOUGH_MINUTES as u64 {
                Finding::warn(format!("it reboots by itself in {left} min"))
                    .hint("wait for that: an upload and a bootstrap do not survive it")
            } else {
                Finding::ok(format!("{left} min until it would reboot by itself"))
            }
        })
    })
}
