//! The verdict of every cluster.

use super::super::samples::{Is, node, survey};
use super::super::{DatabaseProof, Known};
use super::*;

#[test]
fn the_verdict_of_every_cluster() {
    use Is::*;
    use Verdict::*;
    for (nodes, verdict) in [
        (&[Voting, Voting, Voting][..], Healthy),
        (&[Voting], Healthy),
        (&[Voting, Voting, Silent], Degraded),
        (&[Voting, Voting, Is::Lost], Degraded),
        (&[Voting, Voting, Waiting], Degraded),
        (&[Voting, Voting, Stopped], Degraded),
        // One that votes proves a quorum, whoever is silent.
        (&[Voting, Silent, Silent], Degraded),
        (&[Leaderless, Leaderless, Leaderless], Blocked),
        (&[Leaderless, Stopped, Silent], Blocked),
        (&[Stopped, Stopped, Waiting], Blocked),
        (&[Stopped], Blocked),
        // The silent one could make the majority.
        (&[Leaderless, Silent, Silent], Unknown),
        (&[Leaderless, Waiting, Silent], Unknown),
        (&[Leaderless, Is::Lost, Silent], Unknown),
        (&[Leaderless, Is::Lost, Is::Lost], Salvageable),
        (&[Stopped, Waiting, Is::Lost], Salvageable),
        (&[DatabaseOnly, Waiting, Waiting], Salvageable),
        // A third of five cannot, whatever it holds.
        (&[Stopped, Waiting, Waiting, Waiting, Silent], Salvageable),
        // It could hold the last database.
        (&[Waiting, Waiting, Silent], Unknown),
        (&[Waiting, Waiting, Denied], Unknown),
        (&[Waiting, Waiting, Fragments], Unknown),
        (&[Waiting, Waiting, Unmounted], Unknown),
        (&[Waiting, Waiting, Waiting], AwaitingBootstrap),
        (&[Waiting, GaveUp, Is::Lost], AwaitingBootstrap),
        (&[Waiting, Waiting, HalfRestored], Verdict::Lost),
        (&[Is::Lost, Is::Lost, Is::Lost], Verdict::Lost),
        (&[Silent], Unknown),
        (&[], Unknown),
    ] {
        let judged = judge(&survey(nodes));
        assert_eq!(judged.verdict, verdict, "{nodes:?}: {:?}", judged.reasons);
        assert!(!judged.reasons.is_empty(), "{nodes:?}");
    }
}

#[test]
fn the_exit_code_says_whether_a_backup_is_needed_and_unknown_never_does() {
    use Is::*;
    for (nodes, code) in [
        (&[Voting, Voting, Voting][..], 0_u8),
        (&[Stopped, Stopped, Waiting], 1),
        (&[Stopped, Waiting, Is::Lost], 1),
        (&[Waiting, Waiting, HalfRestored], 0),
        (&[Waiting, Waiting, Waiting], 0),
        (&[Waiting, Waiting, Silent], 69),
        (&[Waiting, Waiting, Denied], 77),
        (&[Waiting, Silent, Denied], 69),
        (&[Waiting, Waiting, Fragments], 69),
    ] {
        let expected = if nodes.contains(&Voting) { 1 } else { code };
        assert_eq!(judge(&survey(nodes)).exit().code(), expected, "{nodes:?}");
    }
}

#[test]
fn a_verdict_that_wipes_needs_a_second_look() {
    use Is::*;
    let judged = |nodes: &[Is]| judge(&survey(nodes));
    let lost = [Waiting, Waiting, HalfRestored];
    let again = settle(&judged(&lost), judged(&lost));
    assert_eq!(again.verdict, Verdict::Lost);
    let differs = settle(&judged(&[Waiting, Waiting, Silent]), judged(&lost));
    assert_eq!(differs.verdict, Verdict::Unknown);
    assert_eq!(differs.exit(), Exit::Unreachable);
    // The second look alone decides where nothing is destroyed.
    let better = settle(&judged(&lost), judged(&[Voting, Voting, Voting]));
    assert_eq!(better.verdict, Verdict::Healthy);
}

/// cp-1 lost its quorum a moment ago, and the learner on cp-2 goes on naming a leader.
#[test]
fn a_leader_that_is_named_and_not_seen_is_no_quorum() {
    let mut cluster = survey(&[Is::Voting, Is::Voting, Is::Silent]);
    for node in &mut cluster.nodes {
        node.members = super::super::Known::not_asked("timed out");
        if let crate::recovery::Known::Is(status) = &mut node.status {
            status.leader = 3;
            status.is_learner = status.member_id == 2;
        }
    }
    let judged = judge(&cluster);
    assert_eq!(judged.verdict, Verdict::Unknown, "{:?}", judged.reasons);
    assert_eq!(judged.conditions[1], Condition::Learner);
    cluster.nodes[2].lost = true;
    assert_eq!(judge(&cluster).verdict, Verdict::Salvageable);
    // Two voters could agree again.
    if let crate::recovery::Known::Is(status) = &mut cluster.nodes[1].status {
        status.is_learner = false;
    }
    assert_eq!(judge(&cluster).verdict, Verdict::Blocked);
}

/// os:reader before Talos 1.11: the list of members and the services, and no status.
#[test]
fn an_etcd_whose_status_is_secret_is_not_taken_for_a_stopped_one() {
    use super::super::{Known, samples::reason};
    let mut cluster = survey(&[Is::Voting, Is::Voting, Is::Voting]);
    for node in &mut cluster.nodes {
        node.status = Known::Unknown(reason(Why::NotPermitted, "not authorized"));
        node.alarms = Known::Unknown(reason(Why::NotPermitted, "not authorized"));
    }
    let judged = judge(&cluster);
    assert_eq!(judged.verdict, Verdict::Degraded);
    assert_eq!(judged.reasons, ["not known: not authorized"]);
}

#[test]
fn a_node_that_answers_is_not_lost_whatever_is_said() {
    let mut cluster = survey(&[Is::Stopped, Is::Waiting, Is::Waiting]);
    cluster.nodes[0].lost = true;
    assert_eq!(judge(&cluster).verdict, Verdict::Salvageable);
}

#[test]
fn an_empty_directory_of_a_partition_that_is_not_mounted_proves_nothing() {
    let mut cluster = survey(&[Is::GaveUp]);
    assert_eq!(judge(&cluster).verdict, Verdict::AwaitingBootstrap);
    if let crate::recovery::Known::Is(volumes) = &mut cluster.nodes[0].storage.volumes {
        volumes[0].is_partition = true;
    }
    if let crate::recovery::Known::Is(reached) = &mut cluster.nodes[0].reached {
        reached.version = "v1.14.0".to_owned();
    }
    let judged = judge(&cluster);
    assert_eq!(judged.verdict, Verdict::Unknown);
    assert!(
        judged.reasons[1].contains("not mounted"),
        "{:?}",
        judged.reasons
    );
}

#[test]
fn a_learner_an_alarm_and_a_lost_member_come_with_their_repair() {
    use crate::recovery::{Known, troubles};
    use crate::talos::{Alarm, AlarmKind};
    let mut cluster = survey(&[Is::Voting, Is::Voting, Is::Lost]);
    let mut commands = |kind| -> Vec<String> {
        cluster.nodes[0].alarms = Known::Is(vec![Alarm { member: 2, kind }]);
        assert_eq!(judge(&cluster).verdict, Verdict::Degraded);
        let told = troubles(&cluster).into_iter();
        told.flat_map(|trouble| trouble.commands).collect()
    };
    assert_eq!(
        commands(AlarmKind::NoSpace),
        [
            "talosctl -n 10.0.0.2 etcd remove-member 0000000000000003",
            "talosctl -n 10.0.0.2 etcd defrag",
            "talosctl -n 10.0.0.3 etcd defrag",
            "talosctl -n 10.0.0.2 etcd alarm disarm",
        ]
    );
    assert_eq!(
        commands(AlarmKind::Corrupt),
        [
            "talosctl -n 10.0.0.2 etcd remove-member 0000000000000003",
            "talosctl -n 10.0.0.2 etcd remove-member 0000000000000002",
            "talosctl-recover-wipe -n 10.0.0.3 --restore-from FILE --lose-database 10.0.0.3",
            "talosctl -n 10.0.0.2 etcd alarm disarm",
        ]
    );
}

#[test]
fn two_quorums_are_no_healthy_cluster() {
    let mut cluster = survey(&[Is::Voting, Is::Voting]);
    for (index, place) in cluster.nodes.iter_mut().enumerate() {
        *place = node(index, Is::Voting, 1);
        if index == 1
            && let crate::recovery::Known::Is(members) = &mut place.members
        {
            members[0].id = 2;
        }
    }
    let judged = judge(&cluster);
    assert_eq!(judged.verdict, Verdict::Degraded);
    assert!(judged.reasons[0].contains("two clusters"));
}

#[test]
fn a_database_that_was_read_and_is_damaged_is_no_data() {
    let damaged = |count: usize, damage: Option<&str>| {
        let mut survey = survey(&[Is::Stopped; 3]);
        for node in &mut survey.nodes[..count] {
            node.database = Known::Is(DatabaseProof {
                sha256: "aa".to_owned(),
                damage: damage.map(str::to_owned),
            });
        }
        judge(&survey).verdict
    };
    for (count, damage, verdict) in [
        (0, None, Verdict::Blocked),
        (3, None, Verdict::Blocked),
        (1, Some("page 7"), Verdict::Blocked),
        (2, Some("page 7"), Verdict::Salvageable),
        (3, Some("page 7"), Verdict::Lost),
    ] {
        assert_eq!(damaged(count, damage), verdict, "{count} {damage:?}");
    }
}
