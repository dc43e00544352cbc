//! EtcdRecover: what arrives where, and what is left when it does not.

use etcdbackup_proto::common::Data;
use talos_sim::roles::{ADMIN, OPERATOR};
use talos_sim::{Arguments, Fault, HeldUp, Layer, Simulator};
use tonic::Code;

use crate::client;
use crate::recovery::{admin, upload, wait};

const UPLOADED: &str = "/var/lib/etcd.snapshot";

/// The bytes that the log says have arrived.
fn arrived(simulator: &Simulator) -> Option<Arguments> {
    let mut calls = simulator.calls().into_iter();
    let call = calls.find(|call| call.method == "EtcdRecover" && call.layer == Layer::Machined);
    call.map(|call| call.arguments)
}

#[tokio::test]
async fn an_upload_replaces_the_one_before_and_nothing_is_checked() {
    let simulator = Simulator::builder().workers(1).start().unwrap();
    for bytes in [&b"the first"[..], b"second", b""] {
        upload(&simulator, 0, bytes).await.unwrap();
        assert_eq!(simulator.file(0, UPLOADED).unwrap(), bytes);
    }
    assert!(simulator.file(1, UPLOADED).is_err());
    let refusal = upload(&simulator, 3, b"to a worker").await.unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.message()),
        (
            Code::Unimplemented,
            "etcd recover is only available on control plane nodes"
        )
    );
    simulator.hold_up(0, HeldUp::Disk);
    let refusal = upload(&simulator, 0, b"too early").await.unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.message()),
        (
            Code::FailedPrecondition,
            "etcd service is not ready for recovery yet"
        )
    );
}

#[tokio::test]
async fn nodes_broadcast_and_node_sends_to_one() {
    let simulator = Simulator::builder().start().unwrap();
    let chunks = || {
        futures::stream::iter(["sna", "pshot"].map(|text| Data {
            metadata: None,
            bytes: text.into(),
        }))
    };
    let mut client = admin(&simulator, 0).await;
    let request = client::routed(chunks(), "node", &["cp-3"]);
    client.etcd_recover(request).await.unwrap();
    assert_eq!(simulator.file(2, UPLOADED).unwrap(), b"snapshot");
    assert!(simulator.file(0, UPLOADED).is_err());
    let request = client::routed(chunks(), "nodes", &["cp-1", "cp-2", "nobody"]);
    let answer = client.etcd_recover(request).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 3);
    let failed = answer.messages.iter().filter(|message| {
        let metadata = message.metadata.as_ref().unwrap();
        !metadata.error.is_empty() && metadata.hostname == "nobody"
    });
    assert_eq!(failed.count(), 1);
    for node in [0, 1] {
        assert_eq!(simulator.file(node, UPLOADED).unwrap(), b"snapshot");
    }
}

#[tokio::test]
async fn operators_may_not_and_what_is_cut_off_leaves_nothing() {
    let simulator = Simulator::builder().start().unwrap();
    let mut operator = client::machine(&simulator, 0, &[OPERATOR]).await;
    let refusal = operator.etcd_recover(futures::stream::empty()).await;
    assert_eq!(refusal.unwrap_err().code(), Code::PermissionDenied);
    upload(&simulator, 0, b"whole").await.unwrap();
    // A connection that is lost in the middle.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let chunks = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let call = tokio::spawn(async move { client.etcd_recover(chunks).await.map(drop) });
    let chunk = Data {
        metadata: None,
        bytes: vec![7; 100].into(),
    };
    sender.send(chunk).await.unwrap();
    wait(|| {
        simulator
            .file(0, UPLOADED)
            .is_ok_and(|file| file.len() == 100)
    })
    .await;
    simulator.take_down(0).unwrap();
    wait(|| simulator.file(0, UPLOADED).is_err()).await;
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn uploads_meet_faults() {
    let simulator = Simulator::builder()
        .ephemeral_size(1 << 20)
        .start()
        .unwrap();
    let bytes = vec![3; 10_000];
    let fail = Fault::Fail {
        after: 5_000,
        code: Code::Unavailable,
        message: "out of cheese".to_owned(),
    };
    for (fault, kept) in [
        (Fault::FlipBit(9_000), Some(10_000)),
        (fail, None),
        (Fault::Reset(5_000), None),
    ] {
        drop(simulator.take_calls());
        simulator
            .inject_on(0, "EtcdRecover", fault.clone(), Some(1))
            .unwrap();
        let outcome = upload(&simulator, 0, &bytes).await;
        assert_eq!(outcome.is_ok(), kept.is_some(), "{fault:?}");
        let length = || simulator.file(0, UPLOADED).ok().map(|file| file.len());
        wait(|| length() == kept).await;
        let expected = if kept.is_some() { 10_000 } else { 5_000 };
        assert_eq!(arrived(&simulator), Some(Arguments::Upload(expected)));
    }
    // All has arrived, and only the answer is lost.
    simulator
        .inject_on(0, "EtcdRecover", Fault::Reset(u64::MAX), Some(1))
        .unwrap();
    upload(&simulator, 0, &bytes).await.unwrap_err();
    assert_eq!(simulator.file(0, UPLOADED).unwrap(), bytes);
    // A disk without room.
    let refusal = upload(&simulator, 0, &vec![1; 2 << 20]).await.unwrap_err();
    assert_eq!(
        refusal.message(),
        "write /var/lib/etcd.snapshot: no space left on device"
    );
    wait(|| simulator.file(0, UPLOADED).is_err()).await;
}
