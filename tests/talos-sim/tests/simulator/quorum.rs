//! Members that are lost, damaged, strange, full: with real etcd, so that a quorum is really lost.

use etcdbackup_proto::machine::{
    BootstrapRequest, EtcdForfeitLeadershipRequest, EtcdLeaveClusterRequest,
    EtcdRemoveMemberByIdRequest,
};
use talos_sim::{Alarm, Fill, HeldUp, Replacement};
use tonic::Code;

use crate::recovery::{admin, bootstrap, members, reset_of, voters, wait};
use crate::tool::with_etcd;

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_leaves_all_data_and_time_holds_etcd_up() {
    let simulator = with_etcd().start().unwrap();
    simulator.fill(Fill::Objects(20)).unwrap();
    let hash = simulator.hash_kv(0).unwrap();
    simulator.power_cut().unwrap();
    for node in 0..3 {
        simulator.hold_up(node, HeldUp::Time);
    }
    simulator.power_back().unwrap();
    for node in 0..3 {
        let waiting = "Waiting for time sync";
        wait(|| simulator.etcd_service(node).1 == waiting).await;
        assert!(simulator.has_etcd_data(node));
    }
    let status = bootstrap(&simulator, 0, BootstrapRequest::default()).await;
    assert_eq!(status.unwrap_err().message(), "time is not in sync yet");
    for node in 0..3 {
        simulator.release(node, HeldUp::Time);
    }
    for node in 0..3 {
        simulator.await_healthy(node).unwrap();
    }
    assert_eq!(simulator.hash_kv(0).unwrap(), hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_member_joins_again_and_two_lost_are_a_quorum_lost() {
    let simulator = with_etcd().start().unwrap();
    let before = voters(&simulator, 0, 3).await;
    // One of three: wiped, it joins again as another member of the same name.
    simulator.wipe(2).unwrap();
    simulator.await_healthy(2).unwrap();
    let after = voters(&simulator, 0, 3).await;
    let id = |members: &[etcdbackup_proto::machine::EtcdMember]| {
        let member = members.iter().find(|one| one.hostname == "cp-3");
        member.unwrap().id
    };
    assert_ne!(id(&before), id(&after));
    // Two of three, with good disks.
    simulator.stop_node(1).unwrap();
    simulator.stop_node(2).unwrap();
    wait(|| {
        simulator
            .etcd_service(0)
            .1
            .starts_with("Health check failed")
    })
    .await;
    assert_eq!(simulator.etcd_service(0).0, "Running");
    simulator.start_node(1).unwrap();
    simulator.await_healthy(0).unwrap();
    simulator.await_healthy(1).unwrap();
    // And with another machine in one's place, which cannot join while there is no quorum.
    simulator.stop_node(1).unwrap();
    simulator.replace_node(2, Replacement::SameSecrets).unwrap();
    simulator.await_etcd(2, "Preparing").unwrap();
    simulator.start_node(1).unwrap();
    simulator.await_healthy(2).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_ends_etcd_again_and_again() {
    let simulator = with_etcd().start().unwrap();
    simulator.corrupt_database(1).unwrap();
    wait(|| {
        let (state, message) = simulator.etcd_service(1);
        state == "Waiting" && message.contains("exit code 2")
    })
    .await;
    simulator.await_healthy(0).unwrap();
    simulator.wipe(1).unwrap();
    simulator.await_healthy(1).unwrap();
    // A process that dies once is started again.
    simulator.kill_etcd(1).unwrap();
    wait(|| simulator.etcd_service(1).0 == "Waiting").await;
    simulator.await_healthy(1).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_raised_listed_and_taken_back() {
    let simulator = with_etcd().control_planes(1).start().unwrap();
    let mut client = admin(&simulator, 0).await;
    for (alarm, number) in [(Alarm::NoSpace, 1), (Alarm::Corrupt, 2)] {
        simulator.raise_alarm(0, alarm).unwrap();
        assert!(simulator.fill(Fill::Objects(1)).is_err());
        let listed = client.etcd_alarm_list(()).await.unwrap().into_inner();
        assert_eq!(listed.messages[0].member_alarms[0].alarm, number);
        let disarmed = client.etcd_alarm_disarm(()).await.unwrap().into_inner();
        assert_eq!(disarmed.messages[0].member_alarms[0].alarm, number);
        let listed = client.etcd_alarm_list(()).await.unwrap().into_inner();
        assert!(listed.messages[0].member_alarms.is_empty());
    }
    simulator.fill(Fill::Objects(1)).unwrap();
    client.etcd_defragment(()).await.unwrap();
    // A database that is really full raises its own.
    let simulator = with_etcd()
        .control_planes(1)
        .quota(1 << 20)
        .start()
        .unwrap();
    let mut fills = (0..20).map(|_| simulator.fill(Fill::Bytes(4 << 20)));
    assert!(fills.any(|fill| fill.is_err()), "it is never full");
    let listed = admin(&simulator, 0).await.etcd_alarm_list(()).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(listed.messages[0].member_alarms[0].alarm, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn phantoms_are_removed_and_members_leave() {
    let simulator = with_etcd().start().unwrap();
    let phantom = simulator.add_phantom_member(0, 200).unwrap();
    let now = members(&simulator, 0).await;
    let found = now.iter().find(|member| member.id == phantom).unwrap();
    assert!(found.hostname.is_empty() && !found.is_learner);
    let mut client = admin(&simulator, 0).await;
    let remove = |member_id| EtcdRemoveMemberByIdRequest { member_id };
    client
        .etcd_remove_member_by_id(remove(phantom))
        .await
        .unwrap();
    let status = client.etcd_remove_member_by_id(remove(phantom)).await;
    let status = status.unwrap_err();
    let text = format!("failed to remove member {phantom}: etcdserver: member not found");
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, text.as_str())
    );
    // Whoever leads gives it up; whoever does not says nothing.
    let mut names = Vec::new();
    for node in 0..3 {
        let request = EtcdForfeitLeadershipRequest {};
        let mut client = admin(&simulator, node).await;
        let answer = client.etcd_forfeit_leadership(request).await.unwrap();
        names.push(answer.into_inner().messages[0].member.clone());
    }
    assert!(
        names.iter().any(|name| name.starts_with("cp-")),
        "{names:?}"
    );
    let mut leaver = admin(&simulator, 2).await;
    leaver
        .etcd_leave_cluster(EtcdLeaveClusterRequest {})
        .await
        .unwrap();
    simulator.await_etcd(2, "Finished").unwrap();
    assert!(!simulator.has_etcd_data(2));
    assert_eq!(members(&simulator, 0).await.len(), 2);
    // A graceful reset leaves first; without quorum it could not.
    let before = simulator.boot_id(1);
    let request = etcdbackup_proto::machine::ResetRequest {
        graceful: true,
        ..reset_of(&["EPHEMERAL"])
    };
    simulator.hold_up(1, HeldUp::Network);
    simulator.hold_up(2, HeldUp::Network);
    admin(&simulator, 1).await.reset(request).await.unwrap();
    wait(|| simulator.boot_id(1) != before).await;
    simulator.await_healthy(0).unwrap();
    assert_eq!(members(&simulator, 0).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_type_init_makes_its_own_cluster_whenever_it_is_empty() {
    let simulator = with_etcd()
        .control_planes(2)
        .init_node(0)
        .unbootstrapped()
        .start()
        .unwrap();
    simulator.await_healthy(1).unwrap();
    assert_eq!(voters(&simulator, 0, 2).await.len(), 2);
    simulator.stop_node(1).unwrap();
    simulator.wipe(0).unwrap();
    simulator.await_healthy(0).unwrap();
    assert_eq!(members(&simulator, 0).await.len(), 1);
}
