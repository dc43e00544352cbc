//! Roles: the table of Talos, asked over the wire, for a Talos before and after 1.11.

use std::time::Duration;

use etcdbackup_proto::machine::{EtcdMemberListRequest, EtcdSnapshotRequest};
use talos_sim::roles::{ADMIN, ETCD_BACKUP, IMPERSONATOR, OPERATOR, READER};
use talos_sim::{Simulator, sample};
use tonic::{Code, Request};

use crate::client::{self, End, PATIENCE};

/// Which calls come through, as letters: Version, Services, Members, sTatus, Alarms, snaPshot.
async fn allowed(simulator: &Simulator, roles: &[&str]) -> String {
    let mut client = client::machine(simulator, 0, roles).await;
    let mut letters = String::new();
    let mut note = |letter, outcome: Result<(), tonic::Status>| match outcome {
        Ok(()) => letters.push(letter),
        Err(status) => {
            assert_eq!(
                (status.code(), status.message()),
                (Code::PermissionDenied, "not authorized")
            );
        }
    };
    note('V', client.version(()).await.map(drop));
    note('S', client.service_list(()).await.map(drop));
    note(
        'M',
        client
            .etcd_member_list(EtcdMemberListRequest::default())
            .await
            .map(drop),
    );
    note('T', client.etcd_status(()).await.map(drop));
    note('A', client.etcd_alarm_list(()).await.map(drop));
    let taken = client::snapshot(&mut client, Request::new(EtcdSnapshotRequest {}), PATIENCE).await;
    note(
        'P',
        match taken.end {
            End::Ok => Ok(()),
            End::Error(status) => Err(status),
            End::Silence => panic!("a snapshot hung"),
        },
    );
    letters
}

fn simulator(version: &str) -> Simulator {
    let version = version.parse().unwrap();
    Simulator::builder()
        .version(version)
        .snapshot_bytes(sample::snapshot(0))
        .start()
        .unwrap()
}

#[tokio::test]
async fn roles_of_talos_1_13() {
    let simulator = simulator("v1.13.9");
    for (roles, expected) in [
        (&[ADMIN][..], "VSMTAP"),
        (&[OPERATOR], "VSMTAP"),
        (&[READER], "VSMTA"),
        (&[ETCD_BACKUP], "MTAP"),
        (&[READER, ETCD_BACKUP], "VSMTAP"),
        (&[IMPERSONATOR], ""),
        (&["os:unknown"], ""),
        (&[], ""),
    ] {
        assert_eq!(allowed(&simulator, roles).await, expected, "{roles:?}");
    }
}

#[tokio::test]
async fn roles_of_talos_1_10() {
    let simulator = simulator("v1.10.2");
    for (roles, expected) in [
        (&[ADMIN][..], "VSMTAP"),
        (&[OPERATOR], "VSMTAP"),
        (&[READER], "VSM"),
        (&[ETCD_BACKUP], "P"),
    ] {
        assert_eq!(allowed(&simulator, roles).await, expected, "{roles:?}");
    }
}

#[tokio::test]
async fn bootstrap_takes_an_admin_an_empty_directory_and_an_etcd() {
    let simulator = simulator("v1.13.9");
    let request = etcdbackup_proto::machine::BootstrapRequest::default();
    let mut reader = client::machine(&simulator, 0, &[READER]).await;
    assert_eq!(
        reader.bootstrap(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let mut admin = client::machine(&simulator, 0, &[ADMIN]).await;
    let status = admin.bootstrap(request).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::AlreadyExists, "etcd data directory is not empty")
    );
    simulator.wipe(0).unwrap();
    let status = client::machine(&simulator, 0, &[ADMIN])
        .await
        .bootstrap(request)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::Unimplemented,
            "Bootstrap without an etcd program is not simulated"
        )
    );
}

#[tokio::test]
async fn a_list_of_members_comes_through_any_etcd_that_listens() {
    let simulator = Simulator::builder().start().unwrap();
    simulator.script(0, |script| script.listening = false);
    let mut client = client::machine(&simulator, 0, &[READER]).await;
    let anywhere = client.etcd_member_list(EtcdMemberListRequest::default());
    let answer = tokio::time::timeout(PATIENCE, anywhere).await;
    let answer = answer.expect("an answer").unwrap().into_inner();
    assert_eq!(answer.messages[0].members.len(), 3);
    let local = client.etcd_member_list(EtcdMemberListRequest { query_local: true });
    let silence = Duration::from_millis(300);
    assert!(tokio::time::timeout(silence, local).await.is_err());
}

#[tokio::test]
async fn without_quorum_the_errors_are_talos_own() {
    let simulator = Simulator::builder().start().unwrap();
    simulator.script(0, |script| script.quorum = false);
    let mut client = client::machine(&simulator, 0, &[READER]).await;
    let members = client.etcd_member_list(EtcdMemberListRequest::default());
    let status = members.await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unknown, "etcdserver: no leader")
    );
    let status = client.etcd_alarm_list(()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::Unknown,
            "failed to list etcd alarms: etcdserver: no leader"
        )
    );
}

#[tokio::test]
async fn services_read_as_on_talos() {
    let simulator = Simulator::builder().workers(1).start().unwrap();
    let mut client = client::machine(&simulator, 0, &[READER]).await;
    let answer = client.service_list(()).await.unwrap().into_inner();
    let services = &answer.messages[0].services;
    assert!(services.is_sorted_by_key(|service| &service.id));
    let etcd = services
        .iter()
        .find(|service| service.id == "etcd")
        .unwrap();
    assert_eq!(etcd.state, "Running");
    assert!(etcd.health.as_ref().unwrap().healthy);
    assert_eq!(
        etcd.events.as_ref().unwrap().events.last().unwrap().msg,
        "Health check successful"
    );

    simulator.script(0, |script| script.listening = false);
    let answer = client.service_list(()).await.unwrap().into_inner();
    let etcd = answer.messages[0]
        .services
        .iter()
        .find(|service| service.id == "etcd")
        .unwrap();
    let health = etcd.health.as_ref().unwrap();
    assert_eq!((etcd.state.as_str(), health.unknown), ("Preparing", true));
    assert_eq!(health.last_change.unwrap().seconds, -62_135_596_800);

    let request = client::routed((), "node", &["worker-1"]);
    let answer = client.service_list(request).await.unwrap().into_inner();
    assert!(
        !answer.messages[0]
            .services
            .iter()
            .any(|service| service.id == "etcd")
    );
}
