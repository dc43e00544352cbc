//! A real etcd behind every control plane, and its snapshot restored by etcd's own tools.

use std::fs;
use std::time::{Duration, Instant};

use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use etcdbackup_proto::machine::{EtcdMemberListRequest, EtcdSnapshotRequest};
use talos_sim::roles::ADMIN;
use talos_sim::{Fill, Filled, Simulator};
use tonic::Request;
use tonic::transport::Channel;

use crate::client::{self, End};
use crate::tool::tool;

const PATIENCE: Duration = Duration::from_secs(60);

async fn take(simulator: &Simulator, node: usize) -> Vec<u8> {
    let mut client = client::machine(simulator, node, &[ADMIN]).await;
    let taken = client::snapshot(&mut client, Request::new(EtcdSnapshotRequest {}), PATIENCE).await;
    assert!(matches!(taken.end, End::Ok), "{:?}", taken.end);
    taken.bytes()
}

/// The cluster, its calls, its snapshot, with one version of etcd.
async fn serves(version: &str) -> (Simulator, Vec<u8>) {
    let simulator = Simulator::builder()
        .etcd(&tool(version).join("etcd"))
        .start()
        .unwrap();
    assert_eq!(simulator.etcd_endpoints().len(), 3);
    let filled = simulator.fill(Fill::Objects(300)).unwrap();
    assert_eq!(filled.objects, 300);
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let members = client
        .etcd_member_list(EtcdMemberListRequest::default())
        .await
        .unwrap()
        .into_inner();
    let members = &members.messages[0].members;
    let mut names: Vec<_> = members
        .iter()
        .map(|member| member.hostname.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["cp-1", "cp-2", "cp-3"]);
    let status = client.etcd_status(()).await.unwrap().into_inner();
    let status = status.messages[0].member_status.clone().unwrap();
    assert!(members.iter().any(|member| member.id == status.leader));
    assert!(
        members
            .iter()
            .any(|member| member.id == status.member_id && member.hostname == "cp-1")
    );
    let minor = version.trim_start_matches("etcd-");
    assert!(
        status.protocol_version.starts_with(minor),
        "{}",
        status.protocol_version
    );
    assert_eq!(status.storage_version, format!("{minor}.0"));
    assert!(
        client
            .etcd_alarm_list(())
            .await
            .unwrap()
            .into_inner()
            .messages[0]
            .member_alarms
            .is_empty()
    );
    let snapshot = take(&simulator, 1).await;
    assert_eq!(snapshot.len() % 512, 32);
    (simulator, snapshot)
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_3_5_serves_and_its_snapshot_restores_to_the_same_hash() {
    let (simulator, snapshot) = serves("etcd-3.5").await;
    assert_eq!(
        hash_restored("etcd-3.5", &snapshot),
        simulator.hash_kv(0).unwrap()
    );
}

/// A simulator restored from a snapshot, by etcd's own tool: the hash of what it holds.
fn hash_restored(version: &str, snapshot: &[u8]) -> (u32, i64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    fs::write(&file, snapshot).unwrap();
    let restored = Simulator::builder()
        .etcd(&tool(version).join("etcd"))
        .restored_from(&file)
        .start()
        .unwrap();
    restored.hash_kv(2).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_3_4_serves_and_its_snapshot_restores_to_the_same_hash() {
    let (simulator, snapshot) = serves("etcd-3.4").await;
    assert_eq!(
        hash_restored("etcd-3.4", &snapshot),
        simulator.hash_kv(0).unwrap()
    );
}

#[test]
fn a_snapshot_that_cannot_be_restored_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    fs::write(&file, b"no snapshot").unwrap();
    let error = Simulator::builder()
        .etcd(&tool("etcd-3.5").join("etcd"))
        .restored_from(&file)
        .start()
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("restoring"), "{error}");
}

/// Whom the endpoint's own member follows.
async fn leader(client: &mut MachineServiceClient<Channel>) -> u64 {
    let answer = client.etcd_status(()).await.unwrap().into_inner();
    answer.messages[0].member_status.as_ref().unwrap().leader
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_members_shows_as_on_talos_and_nothing_is_left_behind() {
    let simulator = Simulator::builder()
        .etcd(&tool("etcd-3.5").join("etcd"))
        .start()
        .unwrap();
    let filled = simulator.fill(Fill::Bytes(100_000));
    assert!(filled.is_ok_and(|Filled { bytes, .. }| bytes >= 100_000));
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    simulator.stop_etcd(1).unwrap();
    simulator.stop_etcd(2).unwrap();
    // A snapshot is a local read; a call to an etcd that is gone hangs.
    assert!(take(&simulator, 0).await.len() > 100_000);
    let hanging = client.etcd_status(client::routed((), "node", &["cp-2"]));
    assert!(
        tokio::time::timeout(Duration::from_millis(500), hanging)
            .await
            .is_err()
    );
    let until = Instant::now() + PATIENCE;
    while leader(&mut client).await != 0 {
        assert!(Instant::now() < until, "the leader's loss was not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut request = Request::new(EtcdMemberListRequest::default());
    request.set_timeout(Duration::from_secs(20));
    let status = client
        .etcd_member_list(request)
        .await
        .expect_err("a member list without quorum");
    assert_eq!(status.message(), "etcdserver: no leader");
    simulator.start_etcd(1).unwrap();
    // With quorum back, also the node whose own etcd is gone knows the members.
    for node in ["cp-1", "cp-3"] {
        let request = client::routed(EtcdMemberListRequest::default(), "node", &[node]);
        let list = tokio::time::timeout(PATIENCE, client.etcd_member_list(request)).await;
        list.expect("an answer").expect("quorum is back");
    }
    let clients: Vec<_> = simulator
        .etcd_endpoints()
        .iter()
        .map(|url| url.replace("http://", ""))
        .collect();
    assert!(std::net::TcpStream::connect(&clients[0]).is_ok());
    drop(simulator);
    for address in clients {
        assert!(
            std::net::TcpStream::connect(&address).is_err(),
            "{address} is still served"
        );
    }
}

#[test]
fn a_broken_etcd_is_said_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("etcd");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'etcd Version: 3.5.1' && exit\necho 'out of cheese' >&2\nexit 3\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = Simulator::builder()
        .etcd(&path)
        .start()
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("cp-1") && error.contains("out of cheese"),
        "{error}"
    );
    let missing = Simulator::builder()
        .etcd(&folder.path().join("none"))
        .start()
        .err()
        .unwrap()
        .to_string();
    assert!(missing.contains("none"), "{missing}");
}
