//! A whole disaster recovery: upload, bootstrap, restore, join; and what stops it.

use std::time::Duration;

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use etcdbackup_proto::machine::{
    BootstrapRequest, EtcdMember, EtcdMemberListRequest, EtcdSnapshotRequest, ResetPartitionSpec,
    ResetRequest,
};
use talos_sim::roles::ADMIN;
use talos_sim::{Arguments, Fill, Layer, Restore, Simulator};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::client::{self, End};
use crate::tool::{tool, with_etcd};

/// Nothing that must come takes longer, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn admin(simulator: &Simulator, node: usize) -> MachineServiceClient<Channel> {
    client::machine(simulator, node, &[ADMIN]).await
}

pub(crate) async fn snapshot(simulator: &Simulator, node: usize) -> Vec<u8> {
    let mut client = admin(simulator, node).await;
    let request = Request::new(EtcdSnapshotRequest {});
    let taken = client::snapshot(&mut client, request, PATIENCE).await;
    assert!(matches!(taken.end, End::Ok), "{:?}", taken.end);
    taken.bytes()
}

/// Uploads as talosctl does, in pieces of 4 KiB.
pub(crate) async fn upload(simulator: &Simulator, node: usize, bytes: &[u8]) -> Result<(), Status> {
    let chunks: Vec<_> = bytes
        .chunks(4096)
        .map(|chunk| Data {
            metadata: None,
            bytes: chunk.to_vec().into(),
        })
        .collect();
    let mut client = admin(simulator, node).await;
    let call = client.etcd_recover(futures::stream::iter(chunks));
    tokio::time::timeout(PATIENCE, call)
        .await
        .expect("an answer")
        .map(drop)
}

pub(crate) const RECOVER: BootstrapRequest = BootstrapRequest {
    recover_etcd: true,
    recover_skip_hash_check: false,
};

pub(crate) async fn bootstrap(
    simulator: &Simulator,
    node: usize,
    request: BootstrapRequest,
) -> Result<(), Status> {
    let mut client = admin(simulator, node).await;
    client.bootstrap(request).await.map(drop)
}

pub(crate) fn reset_of(labels: &[&str]) -> ResetRequest {
    ResetRequest {
        reboot: true,
        system_partitions_to_wipe: labels
            .iter()
            .map(|label| ResetPartitionSpec {
                label: (*label).to_owned(),
                wipe: true,
            })
            .collect(),
        ..ResetRequest::default()
    }
}

/// Resets and waits until the node has booted and its etcd waits.
pub(crate) async fn reset(simulator: &Simulator, node: usize, labels: &[&str]) {
    let before = simulator.boot_id(node);
    let answer = admin(simulator, node).await.reset(reset_of(labels)).await;
    assert!(!answer.unwrap().into_inner().messages[0].actor_id.is_empty());
    wait(|| simulator.boot_id(node) != before).await;
    simulator.await_etcd(node, "Preparing").unwrap();
}

pub(crate) async fn wait(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("what must come");
}

pub(crate) async fn members(simulator: &Simulator, node: usize) -> Vec<EtcdMember> {
    let mut client = admin(simulator, node).await;
    let request = EtcdMemberListRequest { query_local: true };
    let answer = tokio::time::timeout(PATIENCE, client.etcd_member_list(request)).await;
    let answer = answer.expect("an answer").unwrap().into_inner();
    answer.messages[0].members.clone()
}

/// Waits until so many members vote, as one node's etcd sees it.
pub(crate) async fn voters(simulator: &Simulator, node: usize, count: usize) -> Vec<EtcdMember> {
    let found = async {
        loop {
            let members = members(simulator, node).await;
            if members.len() == count && members.iter().all(|member| !member.is_learner) {
                return members;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("all members")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_back_from_a_snapshot() {
    let simulator = with_etcd().start().unwrap();
    simulator.fill(Fill::Objects(200)).unwrap();
    let snapshot = snapshot(&simulator, 0).await;
    let hash = simulator.hash_kv(0).unwrap();
    simulator.fill(Fill::Objects(50)).unwrap();
    for node in 0..3 {
        reset(&simulator, node, &["EPHEMERAL"]).await;
        assert!(!simulator.has_etcd_data(node));
    }
    drop(simulator.take_calls());
    upload(&simulator, 1, &snapshot).await.unwrap();
    bootstrap(&simulator, 1, RECOVER).await.unwrap();
    simulator.await_healthy(1).unwrap();
    assert_eq!(simulator.hash_kv(1).unwrap(), hash);
    for node in [0, 2] {
        simulator.await_healthy(node).unwrap();
    }
    let members = voters(&simulator, 1, 3).await;
    let mut names: Vec<_> = members.iter().map(|member| &member.hostname).collect();
    names.sort_unstable();
    assert_eq!(names, ["cp-1", "cp-2", "cp-3"]);
    for node in [0, 2] {
        assert_eq!(simulator.hash_kv(node).unwrap(), hash);
    }
    let mutating: Vec<_> = simulator
        .calls()
        .into_iter()
        .filter(|call| call.is_mutating() && call.layer == Layer::Machined)
        .map(|call| (call.node, call.arguments))
        .collect();
    assert_eq!(
        mutating,
        [
            ("cp-2".to_owned(), Arguments::Upload(snapshot.len() as u64)),
            (
                "cp-2".to_owned(),
                Arguments::Bootstrap {
                    recover: true,
                    skip_hash_check: false
                }
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_is_bootstrapped_and_bootstrapping_twice_splits_it() {
    let simulator = with_etcd().unbootstrapped().start().unwrap();
    // etcd takes one learner at a time: the one that stays so comes last.
    simulator.keep_learner(2, true);
    simulator.stop_node(2).unwrap();
    bootstrap(&simulator, 0, BootstrapRequest::default())
        .await
        .unwrap();
    simulator.await_healthy(0).unwrap();
    let status = bootstrap(&simulator, 0, RECOVER).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::AlreadyExists, "etcd data directory is not empty")
    );
    simulator.await_healthy(1).unwrap();
    simulator.start_node(2).unwrap();
    wait(|| simulator.etcd_service(2).1.contains("learner")).await;
    let members_now = members(&simulator, 0).await;
    assert_eq!(members_now.len(), 3);
    let learners = members_now.iter().filter(|member| member.is_learner);
    let names: Vec<_> = learners.map(|member| member.hostname.as_str()).collect();
    assert_eq!(names, ["cp-3"]);
    simulator.keep_learner(2, false);
    simulator.await_healthy(2).unwrap();

    let simulator = with_etcd()
        .control_planes(2)
        .unbootstrapped()
        .start()
        .unwrap();
    let (one, other) = tokio::join!(
        bootstrap(&simulator, 0, BootstrapRequest::default()),
        bootstrap(&simulator, 1, BootstrapRequest::default())
    );
    one.unwrap();
    other.unwrap();
    for node in [0, 1] {
        simulator.await_healthy(node).unwrap();
        assert_eq!(members(&simulator, node).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_fails_clean_or_dirty() {
    let simulator = with_etcd().control_planes(1).start().unwrap();
    let good = snapshot(&simulator, 0).await;
    simulator.wipe(0).unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
    let failure = || {
        simulator.await_etcd(0, "Failed").unwrap();
        simulator.etcd_service(0).1
    };
    // Nothing was uploaded.
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    let text = failure();
    let expected = "Failed to run pre stage: error verifying snapshot: ";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains(" /var/lib/etcd.snapshot: no such file"),
        "{text}"
    );
    // No database at all: the directory stays clean, and another attempt is possible.
    upload(&simulator, 0, b"no snapshot").await.unwrap();
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    wait(|| simulator.etcd_service(0).0 == "Failed").await;
    assert!(!simulator.has_etcd_data(0));
    // Without its digest the database is copied before anybody looks for one.
    upload(&simulator, 0, &good[..good.len() - 32])
        .await
        .unwrap();
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    wait(|| simulator.etcd_service(0).1.contains("recovering")).await;
    let text = failure();
    assert!(
        text.contains(
            "error recovering from the snapshot: snapshot missing hash but --skip-hash-check=false"
        ),
        "{text}"
    );
    assert!(simulator.has_etcd_data(0));
    let status = bootstrap(&simulator, 0, RECOVER).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    // Wiped again, and told to skip the digest, it works; the upload is gone then.
    reset(&simulator, 0, &["EPHEMERAL"]).await;
    upload(&simulator, 0, &good[..good.len() - 32])
        .await
        .unwrap();
    let skipping = BootstrapRequest {
        recover_skip_hash_check: true,
        ..RECOVER
    };
    bootstrap(&simulator, 0, skipping).await.unwrap();
    simulator.await_healthy(0).unwrap();
    assert!(simulator.file(0, "/var/lib/etcd.snapshot").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_control_plane_comes_back_also_with_etcd_3_4() {
    let simulator = Simulator::builder()
        .etcd(&tool("etcd-3.4").join("etcd"))
        .control_planes(1)
        .start()
        .unwrap();
    simulator.fill(Fill::Objects(20)).unwrap();
    let good = snapshot(&simulator, 0).await;
    let hash = simulator.hash_kv(0).unwrap();
    reset(&simulator, 0, &["EPHEMERAL"]).await;
    upload(&simulator, 0, &good).await.unwrap();
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    simulator.await_healthy(0).unwrap();
    assert_eq!(simulator.hash_kv(0).unwrap(), hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_fail_as_scripted_and_a_reboot_forgets_them() {
    let simulator = with_etcd()
        .control_planes(1)
        .unbootstrapped()
        .start()
        .unwrap();
    upload(&simulator, 0, b"anything").await.unwrap();
    simulator.script_restore(0, Restore::Reboot);
    let before = simulator.boot_id(0);
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    wait(|| simulator.boot_id(0) != before).await;
    simulator.await_etcd(0, "Preparing").unwrap();
    // The upload is still there, the bootstrap forgotten.
    assert_eq!(
        simulator.file(0, "/var/lib/etcd.snapshot").unwrap(),
        b"anything"
    );
    assert!(!simulator.has_etcd_data(0));
    for (script, dirty) in [
        (Restore::FailClean("out of cheese".to_owned()), false),
        (Restore::FailDirty("out of cheese".to_owned()), true),
    ] {
        simulator.script_restore(0, script);
        bootstrap(&simulator, 0, RECOVER).await.unwrap();
        wait(|| simulator.etcd_service(0).0 == "Failed").await;
        assert!(simulator.etcd_service(0).1.ends_with(": out of cheese"));
        assert_eq!(simulator.has_etcd_data(0), dirty);
    }
}
