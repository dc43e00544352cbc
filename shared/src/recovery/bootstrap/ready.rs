//! Whether one node may be bootstrapped from a snapshot now: a pure function of a survey.
//!
//! Talos has no lock across nodes: two bootstraps make two clusters. So every control plane of
//! the census must answer and be empty, or be named lost.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::super::condition::{Condition, restore_was_refused};
use super::super::file::FileFacts;
use super::super::finding::Severity;
use super::super::known::Known;
use super::super::survey::{NodeSurvey, Survey};
use super::super::unseen::unseen;
use super::super::verdict::{Verdict, judge};
use crate::failure::{Exit, Failure};
use crate::talos::MachineType;

/// What can be done.
#[derive(Debug, PartialEq)]
pub(super) enum Ready<'a> {
    /// Upload and bootstrap.
    Bootstrap(&'a NodeSurvey),
    /// A restore was done on this node before: only waiting is left.
    Restored(&'a NodeSurvey),
}

/// Judges `name` in a survey. `uploaded`: the bytes that our own upload left there.
pub(super) fn ready<'a>(
    survey: &'a Survey,
    name: &str,
    facts: &FileFacts,
    uploaded: Option<u64>,
) -> Result<Ready<'a>, Failure> {
    let target = target(survey, name)?;
    machine_type(target)?;
    if survey.condition(target) == Condition::Voting && was_restored(target) {
        return others_join(survey, target).map(|()| Ready::Restored(target));
    }
    for node in &survey.nodes {
        empty(survey, node)?;
    }
    let judged = judge(survey);
    if !matches!(judged.verdict, Verdict::AwaitingBootstrap | Verdict::Lost) {
        let why = judged.reasons.join("; ");
        let exit = if judged.verdict == Verdict::Unknown {
            judged.exit()
        } else {
            Exit::No
        };
        return Err(Failure::new(exit, format!("no bootstrap: {why}"))
            .hint("see `talosctl-recover-check unrecoverable`"));
    }
    waits(survey, target)?;
    requested(survey)?;
    uploads(survey, target, uploaded)?;
    fits(target, facts)?;
    Ok(Ready::Bootstrap(target))
}

fn target<'a>(survey: &'a Survey, name: &str) -> Result<&'a NodeSurvey, Failure> {
    if survey.workers.iter().any(|worker| worker == name) {
        return Err(
            Failure::new(Exit::Usage, format!("node {name} is a worker"))
                .hint("name a control plane with `-n`"),
        );
    }
    let target = survey.called(name).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("no control plane is called {name}"))
            .hint("name one with `-n`; `talosctl-recover-check` lists them")
    })?;
    match &target.reached {
        Known::Is(_) => Ok(target),
        Known::Unknown(unknown) => Err(unseen(target, unknown)),
    }
}

fn machine_type(node: &NodeSurvey) -> Result<(), Failure> {
    match &node.machine_type {
        Known::Is(MachineType::ControlPlane) => Ok(()),
        Known::Is(MachineType::Init) => Err(no(
            node,
            "is of type `init`, which bootstraps an empty cluster by itself",
            "make it a control plane first: `talosctl edit machineconfig --mode=staged`, then reboot",
        )),
        Known::Is(_) => Err(no(
            node,
            "is no control plane",
            "name a control plane with `-n`",
        )),
        Known::Unknown(unknown) => Err(unseen(node, unknown)),
    }
}

fn no(node: &NodeSurvey, what: &str, hint: &str) -> Failure {
    Failure::new(Exit::No, format!("node {} {what}", node.title())).hint(hint)
}

/// Nothing of an old cluster is left on it.
fn empty(survey: &Survey, node: &NodeSurvey) -> Result<(), Failure> {
    if node.machine_type.is_and(|of| *of == MachineType::Init) {
        machine_type(node)?;
    }
    let wipe = format!("talosctl-recover-wipe -n {} --restore-from FILE", node.node);
    match survey.condition(node) {
        Condition::Waiting | Condition::Empty | Condition::Lost => Ok(()),
        Condition::Unknown(unknown) => Err(unseen(node, &unknown)),
        Condition::Voting => Err(no(
            node,
            "votes: its etcd has a quorum, and needs no restore",
            &format!(
                "see `talosctl-recover-check`; only one that was restored wrongly is given up: `{wipe} --discard-cluster NAME`"
            ),
        )),
        Condition::HalfRestored => Err(no(
            node,
            "holds what a refused restore left",
            &format!("wipe it again: `{wipe}`"),
        )),
        holds => Err(no(
            node,
            &format!("holds data of etcd ({})", holds.words()),
            &format!(
                "is it still needed? ask `talosctl-recover-check unrecoverable`; save it: `talosctl-snapshot-take --salvage -n {}`; then `{wipe}`",
                node.node
            ),
        )),
    }
}

fn waits(survey: &Survey, target: &NodeSurvey) -> Result<(), Failure> {
    let service = target.etcd_service();
    // A restore that was refused before it wrote anything leaves a service that only Bootstrap
    // starts again.
    let refused = service.is_some_and(restore_was_refused);
    match survey.condition(target) {
        Condition::Waiting => return Ok(()),
        Condition::Empty if refused => return Ok(()),
        _ => {}
    }
    let state = service.map_or("no service", |service| service.state.as_str());
    let last = service.map_or("", |service| service.last_message());
    let what = format!(
        "etcd on node {} is not Preparing yet ({state}): {last}",
        target.title()
    );
    Err(Failure::new(Exit::Temporary, what)
        .hint("run again in a minute; `talosctl-recover-check preparing` tells what it waits for"))
}

/// Somebody else's bootstrap is on its way.
fn requested(survey: &Survey) -> Result<(), Failure> {
    let asked = |node: &&NodeSurvey| {
        node.etcd_service().is_some_and(|service| {
            let mut events = service.events.iter();
            events.any(|event| event.message.contains("Bootstrap requested"))
        })
    };
    match survey.nodes.iter().find(asked) {
        None => Ok(()),
        Some(node) => Err(no(
            node,
            "was asked for a bootstrap a moment ago",
            "find out by whom: two bootstraps make two clusters",
        )),
    }
}

/// A snapshot that somebody uploaded elsewhere may be bootstrapped at any moment. Who uploads
/// second sees the first one's: of two people at most one goes on.
fn uploads(survey: &Survey, target: &NodeSurvey, own: Option<u64>) -> Result<(), Failure> {
    for node in &survey.nodes {
        if survey.condition(node) == Condition::Lost {
            continue;
        }
        let is_target = node.node == target.node;
        match &node.storage.uploaded {
            Known::Unknown(unknown) => return Err(unseen(node, unknown)),
            Known::Is(Some(bytes)) if !is_target => {
                return Err(no(
                    node,
                    &format!("has an uploaded snapshot of {bytes} bytes waiting"),
                    &format!(
                        "is somebody else at it? bootstrap that node (`-n {}`), or wipe it to drop the upload",
                        node.node
                    ),
                ));
            }
            Known::Is(found) if is_target => arrived(node, *found, own)?,
            Known::Is(_) => {}
        }
    }
    Ok(())
}

/// What we uploaded is there, and nothing else.
fn arrived(node: &NodeSurvey, found: Option<u64>, own: Option<u64>) -> Result<(), Failure> {
    if own.is_none() || found == own {
        return Ok(());
    }
    let what = format!(
        "the upload on node {} is not what was sent: {} bytes of {}",
        node.title(),
        found.unwrap_or(0),
        own.unwrap_or(0)
    );
    Err(Failure::new(Exit::Temporary, what)
        .hint("run again; somebody else may have uploaded another"))
}

fn fits(target: &NodeSurvey, facts: &FileFacts) -> Result<(), Failure> {
    let version = facts.fits_etcd_of(target);
    if version.severity == Severity::Fail {
        return Err(no(
            target,
            &format!("cannot read it: {}", version.what),
            "upgrade Talos there first, or take an older backup",
        ));
    }
    // Talos before 1.11 makes one URL of several addresses (siderolabs/talos#11257); later
    // patches of 1.10 do not.
    let many = target
        .etcd_config
        .is_and(|config| config.advertised.len() > 1);
    if many && target.reached.is_and(|reached| reached.is_before(1, 10)) {
        return Err(no(
            target,
            "advertises several addresses, and this Talos cannot restore then",
            "narrow `cluster.etcd.advertisedSubnets` to one address, or upgrade Talos",
        ));
    }
    Ok(())
}

/// The cluster that is restored holds nobody else's data.
pub(super) fn others_join(survey: &Survey, target: &NodeSurvey) -> Result<(), Failure> {
    for node in survey.nodes.iter().filter(|node| node.node != target.node) {
        let member = lists(target, node) || is_listed_by(target, node);
        match survey.condition(node) {
            _ if member => {}
            Condition::Waiting | Condition::Empty | Condition::Lost => {}
            Condition::Unknown(unknown) => return Err(unseen(node, &unknown)),
            holds => {
                return Err(no(
                    node,
                    &format!(
                        "holds data that is not of the cluster restored on {} ({})",
                        target.title(),
                        holds.words()
                    ),
                    "two clusters: wipe the one that is not wanted",
                ));
            }
        }
    }
    Ok(())
}

/// Whether the restored member's list has this node.
fn lists(target: &NodeSurvey, node: &NodeSurvey) -> bool {
    target.members.is_and(|members| {
        let addresses = |one: &crate::talos::Member| one.addresses();
        members
            .iter()
            .flat_map(addresses)
            .any(|address| node.known_as.contains(&address))
    })
}

/// Whether this node's list has the restored member: one of both looks may be the older.
fn is_listed_by(target: &NodeSurvey, node: &NodeSurvey) -> bool {
    let id = target.status.get().map(|status| status.member_id);
    node.members
        .is_and(|members| members.iter().any(|member| Some(member.id) == id))
}

/// Whether this etcd began with a restore by Talos: its member's id is then made of the peer
/// URLs and an empty token, and of nothing else (etcd's `membership.NewMember`; a plain bootstrap
/// has a token, and a member that joined a time).
pub(super) fn was_restored(node: &NodeSurvey) -> bool {
    let (Some(status), Some(members)) = (node.status.get(), node.members.get()) else {
        return false;
    };
    members
        .iter()
        .find(|member| member.id == status.member_id)
        .is_some_and(|member| restored_id(&member.peer_urls) == Some(member.id))
}

fn restored_id(peer_urls: &[String]) -> Option<u64> {
    let mut urls = peer_urls.to_vec();
    urls.sort();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, urls.concat().as_bytes());
    let first = hash.as_ref().first_chunk::<8>()?;
    Some(u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{Is, event, file as facts, survey};
    use super::*;

    /// The exit code of bootstrapping 10.0.0.2; 0: it may be.
    fn exit(survey: &Survey) -> u8 {
        match ready(survey, "10.0.0.2", &facts(), None) {
            Ok(Ready::Bootstrap(_)) => 0,
            Ok(Ready::Restored(node)) => panic!("{node:?}"),
            Err(failure) => {
                assert!(failure.hint.is_some(), "{}", failure.what);
                failure.exit.code()
            }
        }
    }

    #[test]
    fn every_other_control_plane_is_empty_or_named_lost() {
        use Is::*;
        for (nodes, code) in [
            (&[Waiting, Waiting, Waiting][..], 0_u8),
            (&[Waiting], 0),
            (&[GaveUp, Waiting, Waiting], 0),
            (&[Waiting, GaveUp, Is::Lost], 0),
            (&[Waiting, Waiting, Silent], 69),
            (&[Waiting, Waiting, Denied], 77),
            (&[Waiting, Waiting, Stopped], 1),
            (&[Waiting, Waiting, Leaderless], 1),
            (&[Waiting, Waiting, Voting], 1),
            (&[Waiting, Waiting, HalfRestored], 1),
            (&[Waiting, Waiting, DatabaseOnly], 1),
            (&[Waiting, Waiting, Fragments], 69),
            (&[Waiting, Waiting, Unmounted], 69),
            (&[Silent, Waiting, Waiting], 69),
            (&[Stopped, Waiting, Waiting], 1),
            (&[Voting, Voting, Voting], 1),
        ] {
            assert_eq!(exit(&survey(nodes)), code, "{nodes:?}");
        }
    }

    fn waiting() -> Survey {
        survey(&[Is::Waiting, Is::Waiting, Is::Waiting])
    }

    #[test]
    fn somebody_elses_upload_or_bootstrap_stops_it() {
        let mut cluster = waiting();
        cluster.nodes[2].storage.uploaded = Known::Is(Some(5));
        assert_eq!(exit(&cluster), 1);
        let mut cluster = waiting();
        cluster.nodes[0].storage.uploaded = Known::Is(Some(5));
        assert_eq!(exit(&cluster), 0, "on the node itself it is replaced");
        let proposed = |cluster: &Survey| {
            let node = super::super::proposed(cluster);
            node.map(|node| node.node.clone())
        };
        assert_eq!(proposed(&cluster).as_deref(), Some("10.0.0.2"));
        let mut elsewhere = waiting();
        elsewhere.nodes[2].storage.uploaded = Known::Is(Some(5));
        assert_eq!(proposed(&elsewhere).as_deref(), Some("10.0.0.4"));
        assert_eq!(proposed(&survey(&[Is::Stopped, Is::Lost])), None);
        let bootstrap = |own| ready(&cluster, "10.0.0.2", &facts(), own).map(drop);
        assert!(bootstrap(Some(5)).is_ok());
        assert_eq!(bootstrap(Some(6)).unwrap_err().exit, Exit::Temporary);
        let mut cluster = waiting();
        if let Known::Is(services) = &mut cluster.nodes[1].services {
            services[0]
                .events
                .push(event("Finished", "Bootstrap requested", 0));
        }
        assert_eq!(exit(&cluster), 1);
    }

    #[test]
    fn the_node_must_be_able_to() {
        let mut cluster = waiting();
        cluster.nodes[0].machine_type = Known::Is(MachineType::Init);
        assert_eq!(exit(&cluster), 1);
        let mut cluster = waiting();
        cluster.nodes[1].machine_type = Known::Is(MachineType::Init);
        assert_eq!(exit(&cluster), 1, "nor may another one be of that type");
        let cluster = waiting();
        let mut newer = facts();
        newer.etcd = Some((3, 9));
        let refused = ready(&cluster, "10.0.0.2", &newer, None);
        assert_eq!(refused.unwrap_err().exit, Exit::No);
        let stranger = ready(&cluster, "10.0.0.9", &facts(), None);
        assert_eq!(stranger.unwrap_err().exit, Exit::Usage);
        let by_name = ready(&cluster, "cp-2", &facts(), None);
        assert!(matches!(by_name, Ok(Ready::Bootstrap(node)) if node.node == "10.0.0.3"));
    }

    /// A cluster in which 10.0.0.2 was restored a moment ago.
    fn restored(others: Is) -> Survey {
        let mut cluster = survey(&[Is::Voting, others, Is::Waiting]);
        let node = &mut cluster.nodes[0];
        let (Known::Is(members), Known::Is(status)) = (&mut node.members, &mut node.status) else {
            panic!("it votes");
        };
        members.truncate(1);
        members[0].id = restored_id(&members[0].peer_urls).unwrap();
        status.member_id = members[0].id;
        cluster
    }

    #[test]
    fn a_restore_of_an_earlier_run_is_waited_for() {
        let facts = facts();
        for (others, goes_on) in [
            (Is::Waiting, true),
            (Is::Stopped, false),
            (Is::Silent, false),
        ] {
            let cluster = restored(others);
            let found = ready(&cluster, "10.0.0.2", &facts, None);
            assert_eq!(
                matches!(found, Ok(Ready::Restored(_))),
                goes_on,
                "{found:?}"
            );
            let unfinished = super::super::unfinished(&cluster);
            assert_eq!(unfinished.is_some(), goes_on, "{others:?}");
        }
        // What was never restored, or has everybody, is not joined.
        for nodes in [[Is::Voting; 3], [Is::Voting, Is::Voting, Is::Waiting]] {
            assert_eq!(super::super::unfinished(&survey(&nodes)), None);
        }
        // It has joined since the restored one was asked for its members.
        let mut cluster = restored(Is::Voting);
        let of_target = cluster.nodes[0].members.clone();
        let found = ready(&cluster, "10.0.0.2", &facts, None);
        assert!(found.is_err(), "its list is of another cluster: {found:?}");
        cluster.nodes[1].members = of_target;
        let found = ready(&cluster, "10.0.0.2", &facts, None);
        assert!(matches!(found, Ok(Ready::Restored(_))), "{found:?}");
        // The other nodes are no place for another bootstrap.
        let cluster = restored(Is::Waiting);
        let elsewhere = ready(&cluster, "10.0.0.3", &facts, None);
        assert_eq!(elsewhere.unwrap_err().exit, Exit::No);
    }

    #[test]
    fn the_id_of_a_restored_member_is_made_of_its_urls() {
        // What `etcdutl snapshot restore --initial-cluster-token ""` (etcd 3.5.1) says of it.
        let urls = ["http://localhost:2380".to_owned()];
        assert_eq!(restored_id(&urls), Some(0x3780_7cb0_bf75_00f6));
    }
}
