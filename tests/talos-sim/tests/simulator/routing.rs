//! `node`, `nodes`, neither.

use std::collections::BTreeMap;

use etcdbackup_proto::common::Data;
use etcdbackup_proto::cosi::resource::GetRequest;
use etcdbackup_proto::machine::EtcdSnapshotRequest;
use prost::Message as _;
use talos_sim::roles::ADMIN;
use talos_sim::{Fault, Layer, Route, Simulator, sample};
use tonic::{Code, Request};

use crate::client::{self, End, PATIENCE, routed};

fn simulator() -> Simulator {
    Simulator::builder()
        .workers(1)
        .snapshot_bytes(sample::snapshot(64 * 1024))
        .start()
        .unwrap()
}

const WORKER: usize = 3;

#[tokio::test]
async fn without_metadata_the_endpoint_answers_itself() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 1, &[ADMIN]).await;
    let status = client.etcd_status(()).await.unwrap().into_inner();
    assert_eq!(status.messages.len(), 1);
    assert_eq!(status.messages[0].metadata, None);
    let seen: Vec<_> = simulator
        .calls()
        .into_iter()
        .map(|call| (call.node, call.layer, call.route))
        .collect();
    let expected =
        [Layer::Apid, Layer::Machined].map(|layer| ("cp-2".to_owned(), layer, Route::Local));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn one_node_is_reached_through_another_and_no_metadata_is_added() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let target = simulator.address(2);
    let mut request = routed((), "node", &[&target]);
    request.set_timeout(PATIENCE);
    let status = client.etcd_status(request).await.unwrap().into_inner();
    let mut expected = 0;
    simulator.script(2, |script| expected = script.member_id);
    assert_eq!(
        status.messages[0].member_status.as_ref().unwrap().member_id,
        expected
    );
    assert_eq!(status.messages[0].metadata, None);
    let calls = simulator.take_calls();
    assert_eq!(
        (calls[0].node.as_str(), calls[0].layer),
        ("cp-1", Layer::Apid)
    );
    assert_eq!(
        (calls[1].node.as_str(), calls[1].layer),
        ("cp-3", Layer::Machined)
    );
    assert!(
        calls
            .iter()
            .all(|call| call.route == Route::Node(target.clone()) && call.roles == [ADMIN])
    );
    assert!(calls[0].timeout.is_some());
    assert!(simulator.calls().is_empty());
    // A host name is resolved by the endpoint.
    client
        .etcd_status(routed((), "node", &["cp-2"]))
        .await
        .unwrap();
}

#[tokio::test]
async fn wrong_targets_have_their_errors() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let with_port = format!("{}:50000", simulator.address(1));
    for (values, code, text) in [
        (
            &[with_port.as_str()][..],
            Code::Internal,
            "invalid target \"",
        ),
        (&["127.0.0.250"], Code::Unavailable, "no route to host"),
        (
            &["cp-1", "cp-2"],
            Code::InvalidArgument,
            "node metadata must be single-valued",
        ),
    ] {
        let status = client
            .version(routed((), "node", values))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{values:?}");
        assert!(
            status.message().contains(text),
            "{values:?}: {}",
            status.message()
        );
    }
}

#[tokio::test]
async fn a_worker_forwards_nothing_but_answers_itself() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, WORKER, &[ADMIN]).await;
    for (key, targets) in [
        ("node", &["cp-1"][..]),
        ("nodes", &["cp-1"]),
        ("nodes", &["worker-1", "cp-1"]),
        ("nodes", &["worker-1", "worker-1"]),
    ] {
        let status = client.version(routed((), key, targets)).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::PermissionDenied, "no request forwarding"),
            "{key} {targets:?}"
        );
    }
    // It leaves its proxy out, which would have added its name.
    for key in ["node", "nodes"] {
        let request = routed((), key, &["worker-1"]);
        let answer = client.version(request).await.unwrap().into_inner();
        assert_eq!(answer.messages[0].metadata, None, "{key}");
    }
    let status = client.etcd_status(()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(
        status.message(),
        "etcd status is only available on control plane nodes"
    );
    let taken = client::snapshot(&mut client, Request::new(EtcdSnapshotRequest {}), PATIENCE).await;
    let End::Error(status) = taken.end else {
        panic!("a worker gave a snapshot")
    };
    assert_eq!(
        status.message(),
        "etcd snapshot is only available on control plane nodes"
    );
}

#[tokio::test]
async fn many_nodes_are_merged_and_failures_are_messages() {
    let simulator = simulator();
    simulator.take_down(2).unwrap();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let request = routed((), "nodes", &["cp-1", "cp-2", "cp-3", "worker-1"]);
    let answer = client.etcd_status(request).await.unwrap().into_inner();
    let by_host: BTreeMap<_, _> = answer
        .messages
        .into_iter()
        .map(|message| {
            let metadata = message.metadata.unwrap();
            (
                metadata.hostname,
                (message.member_status, metadata.status, metadata.error),
            )
        })
        .collect();
    assert_eq!(
        by_host.keys().collect::<Vec<_>>(),
        ["cp-1", "cp-2", "cp-3", "worker-1"]
    );
    for good in ["cp-1", "cp-2"] {
        let (status, failure, error) = &by_host[good];
        assert!(status.is_some() && failure.is_none() && error.is_empty());
    }
    let (status, failure, error) = &by_host["cp-3"];
    assert!(status.is_none());
    assert_eq!(failure.as_ref().unwrap().code, Code::Unavailable as i32);
    assert!(
        error.starts_with("rpc error: code = Unavailable desc = "),
        "{error}"
    );
    assert_eq!(
        by_host["worker-1"].1.as_ref().unwrap().code,
        Code::Unimplemented as i32
    );
}

#[tokio::test]
async fn nodes_beats_node_and_a_single_one_is_labelled_too() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let mut request = routed((), "nodes", &["cp-2"]);
    request
        .metadata_mut()
        .append("node", "cp-3".parse().unwrap());
    let answer = client.version(request).await.unwrap().into_inner();
    assert_eq!(
        answer.messages[0].metadata.as_ref().unwrap().hostname,
        "cp-2"
    );
    let mut request = routed((), "nodes", &["cp-2"]);
    for node in ["cp-1", "cp-3"] {
        request.metadata_mut().append("node", node.parse().unwrap());
    }
    let status = client.version(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn failures_are_spelled_as_go_spells_them() {
    let simulator = simulator();
    let fault = Fault::Fail {
        after: 0,
        code: Code::Cancelled,
        message: "context canceled".to_owned(),
    };
    simulator.inject_on(0, "Version", fault, None).unwrap();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let request = routed((), "nodes", &["cp-1"]);
    let answer = client.version(request).await.unwrap().into_inner();
    let metadata = answer.messages[0].metadata.as_ref().unwrap();
    assert_eq!(
        metadata.error,
        "rpc error: code = Canceled desc = context canceled"
    );
}

#[tokio::test]
async fn streams_of_many_nodes_interleave_with_labels() {
    let simulator = simulator();
    simulator.take_down(1).unwrap();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    let request = routed(EtcdSnapshotRequest {}, "nodes", &["cp-1", "cp-2", "cp-3"]);
    let taken = client::snapshot(&mut client, request, PATIENCE).await;
    assert!(matches!(taken.end, End::Ok));
    let mut by_host: BTreeMap<String, Vec<Data>> = BTreeMap::new();
    for message in taken.messages {
        by_host
            .entry(message.metadata.clone().unwrap().hostname)
            .or_default()
            .push(message);
    }
    let snapshot = sample::snapshot(64 * 1024);
    for good in ["cp-1", "cp-3"] {
        let bytes: Vec<u8> = by_host[good]
            .iter()
            .flat_map(|message| message.bytes.to_vec())
            .collect();
        assert!(bytes == snapshot, "{good} gave other bytes");
    }
    let [failure] = &by_host["cp-2"][..] else {
        panic!("one message for the node that is down")
    };
    assert!(failure.bytes.is_empty());
    assert_eq!(
        failure
            .metadata
            .as_ref()
            .unwrap()
            .status
            .as_ref()
            .unwrap()
            .code,
        Code::Unavailable as i32
    );
}

#[tokio::test]
async fn cosi_goes_to_one_node_only() {
    let simulator = simulator();
    let mut client = client::state(&simulator, 0, &[ADMIN]).await;
    let wanted = GetRequest {
        namespace: "config".to_owned(),
        r#type: "MachineTypes.config.talos.dev".to_owned(),
        id: "machine-type".to_owned(),
        options: None,
    };
    let status = client
        .get(routed(wanted.clone(), "nodes", &["cp-1"]))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "one-2-many proxying is not supported for method /cosi.resource.State/Get"
    );
    let answer = client
        .get(routed(wanted.clone(), "node", &["worker-1"]))
        .await
        .unwrap()
        .into_inner();
    let spec = answer.resource.unwrap().spec.unwrap();
    assert_eq!(spec.yaml_spec, "worker\n");
    let decoded =
        etcdbackup_proto::talos::specs::MachineTypeSpec::decode(&spec.proto_spec[..]).unwrap();
    assert_eq!(decoded.machine_type, 3);
    let absent = GetRequest {
        id: "other".to_owned(),
        ..wanted
    };
    assert_eq!(client.get(absent).await.unwrap_err().code(), Code::NotFound);
}
