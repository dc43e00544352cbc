//! The judge: what must never be sent is seen, and a recovery by the book is not condemned.

use std::future::Future;

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::reset_request::WipeMode;
use etcdbackup_proto::machine::{BootstrapRequest, ResetRequest, ServiceRestartRequest};
use talos_sim::{Intent, Record, Simulator};
use tonic::{Response, Status};

use crate::client::routed;
use crate::recovery::{RECOVER, admin, reset_of, snapshot};
use crate::tool::with_etcd;

type Answered<T> = Result<Response<T>, Status>;

/// Offences that `calls` add to a record.
async fn new_offences(record: &Record, calls: impl Future) -> Vec<String> {
    let before = record.offences().len();
    calls.await;
    record.offences().split_off(before)
}

fn only(offences: &[String], word: &str) {
    let all = offences.iter().all(|offence| offence.contains(word));
    assert!(all && !offences.is_empty(), "{word}: {offences:?}");
}

async fn reset(simulator: &Simulator, node: usize, request: ResetRequest) {
    let address = simulator.address(node);
    let mut client = admin(simulator, 0).await;
    let answer: Answered<_> = client.reset(routed(request, "node", &[&address])).await;
    answer.ok();
}

async fn upload(simulator: &Simulator, node: usize, bytes: &[u8]) {
    let address = simulator.address(node);
    let data = Data {
        metadata: None,
        bytes: bytes.to_vec().into(),
    };
    let chunks = futures::stream::iter([data]);
    let mut client = admin(simulator, node).await;
    let sent = client.etcd_recover(routed(chunks, "node", &[&address]));
    sent.await.unwrap();
}

async fn bootstrap(simulator: &Simulator, node: usize, request: BootstrapRequest) {
    let address = simulator.address(node);
    let mut client = admin(simulator, node).await;
    let answer: Answered<_> = client.bootstrap(routed(request, "node", &[&address])).await;
    answer.ok();
}

/// Three control planes that wait, with a scripted etcd.
fn waiting() -> Simulator {
    let simulator = Simulator::builder().workers(1).start().unwrap();
    for node in 0..3 {
        simulator.wipe(node).unwrap();
    }
    for node in 0..3 {
        simulator.await_etcd(node, "Preparing").unwrap();
    }
    simulator
}

#[tokio::test]
async fn a_reset_of_anything_but_one_partition_of_a_control_plane_is_condemned() {
    let simulator = Simulator::builder().workers(1).start().unwrap();
    let record = simulator.record();
    for (node, request, word) in [
        (0, reset_of(&[]), "whole system disk"),
        (0, reset_of(&["STATE"]), "more is wiped"),
        (0, reset_of(&["EPHEMERAL", "STATE"]), "more is wiped"),
        (3, reset_of(&["EPHEMERAL"]), "Worker nodes are never wiped"),
        (
            1,
            ResetRequest {
                graceful: true,
                ..reset_of(&["EPHEMERAL"])
            },
            "another reset",
        ),
        (
            1,
            ResetRequest {
                mode: WipeMode::SystemDisk as i32,
                ..reset_of(&["EPHEMERAL"])
            },
            "another reset",
        ),
    ] {
        let seen = new_offences(&record, reset(&simulator, node, request)).await;
        only(&seen, word);
    }
    let right = reset(&simulator, 2, reset_of(&["EPHEMERAL"]));
    assert_eq!(new_offences(&record, right).await, [""; 0]);
}

#[tokio::test]
async fn a_bootstrap_beside_data_or_silence_is_condemned() {
    let simulator = waiting();
    let record = simulator.record();
    let whole = talos_sim::sample::snapshot(64 * 1024);
    upload(&simulator, 0, &whole).await;
    assert_eq!(record.offences(), [""; 0]);
    simulator.stop_node(2).unwrap();
    let silent = new_offences(&record, bootstrap(&simulator, 0, RECOVER)).await;
    only(&silent, "cp-3 is silent");
    // The call above was asked for, and its end is not known.
    simulator.stop_node(0).unwrap();
    simulator.start_node(0).unwrap();
    let named = Intent {
        lost: vec![simulator.address(2)],
        dry_run: false,
    };
    let said = record.using(named);
    let calls = bootstrap(&simulator, 0, RECOVER);
    assert_eq!(new_offences(&record, calls).await, [""; 0]);
    let twice = new_offences(&record, bootstrap(&simulator, 1, RECOVER)).await;
    assert!(
        twice
            .iter()
            .any(|one| one.contains("told to bootstrap already")),
        "{twice:?}"
    );
    drop(said);
    let simulator = Simulator::builder().start().unwrap();
    upload(&simulator, 0, &whole).await;
    let running = new_offences(&simulator.record(), bootstrap(&simulator, 0, RECOVER)).await;
    only(&running, "runs etcd");
    assert_eq!(running.len(), 3);
}

#[tokio::test]
async fn a_bootstrap_from_anything_unproven_is_condemned() {
    let skip = BootstrapRequest {
        recover_skip_hash_check: true,
        ..RECOVER
    };
    let whole = talos_sim::sample::snapshot(64 * 1024);
    let raw = &whole[..whole.len() - 32];
    let mut flipped = whole.clone();
    flipped[5000] ^= 1;
    for (bytes, request, word) in [
        (None, RECOVER, Some("no snapshot")),
        (Some(&flipped[..]), RECOVER, Some("not proven")),
        (Some(&whole[..9999]), RECOVER, Some("not proven")),
        (Some(raw), RECOVER, Some("decides whether it is checked")),
        (Some(&whole), skip, Some("decides whether it is checked")),
        (
            Some(&whole),
            BootstrapRequest::default(),
            Some("empty cluster"),
        ),
        (Some(raw), skip, None),
        (Some(&whole), RECOVER, None),
    ] {
        let simulator = waiting();
        if let Some(bytes) = bytes {
            upload(&simulator, 1, bytes).await;
        }
        bootstrap(&simulator, 1, request).await;
        let offences = simulator.record().offences();
        match word {
            Some(word) => only(&offences, word),
            None => assert_eq!(offences, [""; 0]),
        }
    }
}

#[tokio::test]
async fn who_restarts_more_than_kubelets_or_names_nobody_is_condemned() {
    let simulator = Simulator::builder().start().unwrap();
    let (record, address) = (simulator.record(), simulator.address(1));
    let mut client = admin(&simulator, 0).await;
    let restart = |id: &str| ServiceRestartRequest { id: id.to_owned() };
    let right = client.service_restart(routed(restart("kubelet"), "node", &[&address]));
    assert_eq!(new_offences(&record, right).await, [""; 0]);
    let unnamed = client.service_restart(restart("kubelet"));
    only(&new_offences(&record, unnamed).await, "one node by name");
    let etcd = client.service_restart(routed(restart("etcd"), "node", &[&address]));
    only(&new_offences(&record, etcd).await, "only kubelets");
    let disarm = client.etcd_alarm_disarm(routed((), "node", &[&address]));
    only(&new_offences(&record, disarm).await, "no program has to");
    let dry = record.using(Intent {
        dry_run: true,
        ..Intent::default()
    });
    let again = client.service_restart(routed(restart("kubelet"), "node", &[&address]));
    only(&new_offences(&record, again).await, "dry run");
    drop(dry);
}

#[tokio::test]
async fn a_recovery_by_the_book_is_not_condemned_and_a_bad_page_is() {
    let simulator = with_etcd().control_planes(1).start().unwrap();
    let whole = snapshot(&simulator, 0).await;
    for damaged in [true, false] {
        simulator.wipe(0).unwrap();
        simulator.await_etcd(0, "Preparing").unwrap();
        let mut bytes = whole.clone();
        if damaged {
            // Every page but the first two, and no digest that could tell.
            bytes.truncate(whole.len() - 32);
            bytes[8 * 1024..].fill(0xff);
        }
        upload(&simulator, 0, &bytes).await;
        let request = BootstrapRequest {
            recover_etcd: true,
            recover_skip_hash_check: damaged,
        };
        bootstrap(&simulator, 0, request).await;
        if damaged {
            simulator.await_etcd(0, "Failed").unwrap();
            only(&simulator.record().offences(), "bad snapshot");
        } else {
            simulator.await_healthy(0).unwrap();
            assert_eq!(simulator.record().offences().len(), 1);
        }
    }
}
