//! Bootstrap: when it is refused, what it ends, and what it does not see.

use etcdbackup_proto::machine::{BootstrapRequest, EventsRequest, ServiceStateEvent};
use prost::Message as _;
use talos_sim::{HeldUp, Restore, Simulator};
use tonic::Code;

use crate::recovery::{
    PATIENCE, RECOVER, admin, bootstrap, members, reset_of, snapshot, upload, voters, wait,
};
use crate::tool::with_etcd;

#[tokio::test(flavor = "multi_thread")]
async fn old_data_that_nobody_wiped_makes_a_second_cluster() {
    let simulator = with_etcd().etcd_partition().start().unwrap();
    let good = snapshot(&simulator, 0).await;
    simulator.power_cut().unwrap();
    simulator.wipe(0).unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
    upload(&simulator, 0, &good).await.unwrap();
    simulator.script_restore(0, Restore::Hang);
    bootstrap(&simulator, 0, RECOVER).await.unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
    assert!(!simulator.has_etcd_data(0));
    simulator.script_restore(0, Restore::Real);
    simulator.await_healthy(0).unwrap();
    for node in [1, 2] {
        simulator.start_node(node).unwrap();
    }
    for node in [1, 2] {
        simulator.await_healthy(node).unwrap();
    }
    assert_eq!(members(&simulator, 0).await.len(), 1);
    assert_eq!(members(&simulator, 1).await.len(), 3);
    // Wiped with its partition, and only so, an old member joins the new cluster.
    let before = simulator.boot_id(2);
    let request = reset_of(&["EPHEMERAL", "ETCD"]);
    admin(&simulator, 2).await.reset(request).await.unwrap();
    wait(|| simulator.boot_id(2) != before).await;
    simulator.await_healthy(2).unwrap();
    voters(&simulator, 0, 2).await;
}

/// The history of etcd's service while a Bootstrap call replaces it.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_ends_in_the_words_of_the_version() {
    let canceled = "Failed to run pre stage: failed to build initial etcd cluster: failed to build cluster arguments: context canceled";
    for (version, words) in [
        ("v1.12.3", canceled),
        ("v1.13.9", "Service finished successfully"),
    ] {
        let simulator = with_etcd()
            .control_planes(1)
            .unbootstrapped()
            .version(version.parse().unwrap())
            .start()
            .unwrap();
        bootstrap(&simulator, 0, BootstrapRequest::default())
            .await
            .unwrap();
        simulator.await_healthy(0).unwrap();
        let request = EventsRequest {
            tail_events: -1,
            ..EventsRequest::default()
        };
        let mut client = admin(&simulator, 0).await;
        let mut stream = client.events(request).await.unwrap().into_inner();
        let mut said = Vec::new();
        while said.last().is_none_or(|last| last != "Bootstrap requested") {
            let event = tokio::time::timeout(PATIENCE, stream.message()).await;
            let data = event.expect("an event").unwrap().unwrap().data;
            let data = data.filter(|data| data.type_url.ends_with("ServiceStateEvent"));
            if let Some(data) = data {
                let event = ServiceStateEvent::decode(&data.value[..]).unwrap();
                said.push(event.message);
            }
        }
        assert_eq!(said[said.len() - 2], words);
        // The new instance knows nothing of it.
        let service = crate::machines::etcd_service(&mut client).await;
        let events = service.events.unwrap().events;
        assert_eq!(events[0].msg, "Starting service");
        assert!(events.iter().all(|event| event.msg != words));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_is_refused_in_the_words_of_the_version() {
    for (version, code, message) in [
        (
            "v1.12.3",
            Code::FailedPrecondition,
            "bootstrap can only be performed on a control plane node",
        ),
        (
            "v1.13.9",
            Code::Unimplemented,
            "bootstrap is only available on control plane nodes",
        ),
    ] {
        let simulator = Simulator::builder()
            .control_planes(1)
            .workers(1)
            .version(version.parse().unwrap())
            .unbootstrapped()
            .start()
            .unwrap();
        let refusal = bootstrap(&simulator, 1, RECOVER).await.unwrap_err();
        assert_eq!((refusal.code(), refusal.message()), (code, message));
        for (reason, message) in [
            (HeldUp::Time, "time is not in sync yet"),
            (HeldUp::Cri, "bootstrap is not available yet"),
        ] {
            simulator.hold_up(0, reason);
            let refusal = bootstrap(&simulator, 0, RECOVER).await.unwrap_err();
            assert_eq!(
                (refusal.code(), refusal.message()),
                (Code::FailedPrecondition, message)
            );
        }
    }
}
