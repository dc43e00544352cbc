//! Resources, in both encodings, and how they change.

use etcdbackup_proto::cosi::resource::event::Type;
use etcdbackup_proto::cosi::resource::{
    Event, GetRequest, ListRequest, Resource, WatchOptions, WatchRequest, WatchResponse,
};
use etcdbackup_proto::talos::specs::volume_status_spec::{Phase, Type as VolumeType};
use etcdbackup_proto::talos::specs::{
    ClusterMemberSpec, EtcdMemberSpec, EtcdSpec, MachineStatusSpec, MachineType, MachineTypeSpec,
    ServiceSpec, TimeStatusSpec, VolumeStatusSpec,
};
use futures::TryStreamExt as _;
use prost::Message;
use talos_sim::roles::{ADMIN, READER};
use talos_sim::{HeldUp, Replacement, Simulator};
use tonic::{Code, Status, Streaming};

use crate::client;
use crate::recovery::{PATIENCE, wait};

async fn get(
    simulator: &Simulator,
    node: usize,
    (namespace, kind, id): (&str, &str, &str),
) -> Result<Resource, Status> {
    let mut client = client::state(simulator, 0, &[ADMIN]).await;
    let request = GetRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.to_owned(),
        options: None,
    };
    let name = simulator.nodes()[node].name.clone();
    let answer = client
        .get(client::routed(request, "node", &[&name]))
        .await?;
    Ok(answer.into_inner().resource.unwrap())
}

async fn spec<T: Message + Default>(
    simulator: &Simulator,
    node: usize,
    what: (&str, &str, &str),
) -> (T, String) {
    let spec = get(simulator, node, what).await.unwrap().spec.unwrap();
    (T::decode(&spec.proto_spec[..]).unwrap(), spec.yaml_spec)
}

const TYPE: (&str, &str, &str) = ("config", "MachineTypes.config.talos.dev", "machine-type");
const SERVICE: (&str, &str, &str) = ("runtime", "Services.v1alpha1.talos.dev", "etcd");
const STATUS: (&str, &str, &str) = ("runtime", "MachineStatuses.runtime.talos.dev", "machine");
const MEMBER: (&str, &str, &str) = ("etcd", "EtcdMembers.etcd.talos.dev", "local");

#[tokio::test(flavor = "multi_thread")]
async fn machines_say_what_they_are() {
    let simulator = Simulator::builder()
        .control_planes(2)
        .workers(1)
        .init_node(1)
        .start()
        .unwrap();
    for (node, number, name) in [
        (0, MachineType::ControlPlane, "controlplane\n"),
        (1, MachineType::Init, "init\n"),
        (2, MachineType::Worker, "worker\n"),
    ] {
        let (message, yaml) = spec::<MachineTypeSpec>(&simulator, node, TYPE).await;
        assert_eq!((message.machine_type(), yaml.as_str()), (number, name));
        let what = (
            "cluster",
            "Members.cluster.talos.dev",
            simulator.nodes()[node].name.clone(),
        );
        let what = (what.0, what.1, what.2.as_str());
        let (member, _) = spec::<ClusterMemberSpec>(&simulator, 0, what).await;
        assert_eq!(member.machine_type(), number);
    }
    let (time, _) = spec::<TimeStatusSpec>(
        &simulator,
        0,
        ("runtime", "TimeStatuses.v1alpha1.talos.dev", "node"),
    )
    .await;
    assert!(time.synced);
    let (etcd, yaml) =
        spec::<EtcdSpec>(&simulator, 0, ("etcd", "EtcdSpecs.etcd.talos.dev", "etcd")).await;
    assert!(etcd.extra_args.contains_key("quota-backend-bytes"));
    assert!(yaml.contains("advertisedAddresses:"));
    let wrong = get(&simulator, 0, ("runtime", "Bagels.talos.dev", "one")).await;
    assert_eq!(
        wrong.unwrap_err().message(),
        "resource type \"Bagels.talos.dev\" is not supported"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_has_resources_only_while_it_runs() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let (service, _) = spec::<ServiceSpec>(&simulator, 0, SERVICE).await;
    assert!(service.running && service.healthy && !service.unknown);
    let (member, _) = spec::<EtcdMemberSpec>(&simulator, 0, MEMBER).await;
    assert_eq!(member.member_id.len(), 16);
    let (status, yaml) = spec::<MachineStatusSpec>(&simulator, 0, STATUS).await;
    assert_eq!((status.stage, status.status.unwrap().ready), (4, true));
    assert!(yaml.starts_with("stage: running\n"), "{yaml}");
    simulator.wipe(0).unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
    simulator.hold_up(0, HeldUp::Time);
    for what in [SERVICE, MEMBER] {
        let status = get(&simulator, 0, what).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
    let (status, _) = spec::<MachineStatusSpec>(&simulator, 0, STATUS).await;
    let conditions = status.status.unwrap().unmet_conditions;
    let reasons: Vec<_> = conditions.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(status.stage, 1);
    assert_eq!(reasons, ["time is not synced", "etcd not running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_tell_a_partition_of_etcd_from_a_directory() {
    for partition in [false, true] {
        let mut builder = Simulator::builder().control_planes(1);
        if partition {
            builder = builder.etcd_partition();
        }
        let simulator = builder.start().unwrap();
        let what = |id| ("runtime", "VolumeStatuses.block.talos.dev", id);
        let (etcd, _) = spec::<VolumeStatusSpec>(&simulator, 0, what("ETCD")).await;
        let expected = if partition {
            VolumeType::Partition
        } else {
            VolumeType::Directory
        };
        assert_eq!((etcd.r#type(), etcd.phase()), (expected, Phase::Ready));
        let (ephemeral, yaml) = spec::<VolumeStatusSpec>(&simulator, 0, what("EPHEMERAL")).await;
        assert_eq!(ephemeral.size, 20 << 30);
        assert!(yaml.contains("phase: ready\ntype: partition\n"), "{yaml}");
        simulator.hold_up(0, HeldUp::Disk);
        let (ephemeral, _) = spec::<VolumeStatusSpec>(&simulator, 0, what("EPHEMERAL")).await;
        assert_eq!(ephemeral.phase(), Phase::Failed);
        assert!(!ephemeral.error_message.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_may_differ_and_strangers_are_no_members() {
    let simulator = Simulator::builder()
        .machine_config("machine: {type: controlplane}\n")
        .start()
        .unwrap();
    simulator.set_machine_config(1, "machine: {type: other}\n");
    let what = ("config", "MachineConfigs.config.talos.dev", "v1alpha1");
    for (node, text) in [(0, "controlplane"), (1, "other")] {
        let yaml = get(&simulator, node, what).await.unwrap();
        let yaml = yaml.spec.unwrap().yaml_spec;
        assert!(yaml.contains(text), "{yaml}");
    }
    simulator
        .replace_node(2, Replacement::OtherSecrets)
        .unwrap();
    let mut client = client::state(&simulator, 0, &[READER]).await;
    let request = ListRequest {
        namespace: "cluster".to_owned(),
        r#type: "Members.cluster.talos.dev".to_owned(),
        options: None,
    };
    let stream = client.list(request).await.unwrap().into_inner();
    let members: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(members.len(), 2);
}

async fn events(stream: &mut Streaming<WatchResponse>) -> Vec<Event> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    message.expect("an event").unwrap().unwrap().event
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_what_is_and_what_changes() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let mut client = client::state(&simulator, 0, &[READER]).await;
    let service = WatchRequest {
        namespace: SERVICE.0.to_owned(),
        r#type: SERVICE.1.to_owned(),
        id: Some("etcd".to_owned()),
        options: None,
        api_version: 1,
    };
    let whole_kind = WatchRequest {
        id: None,
        options: Some(WatchOptions {
            bootstrap_contents: true,
            ..WatchOptions::default()
        }),
        ..service.clone()
    };
    let both = WatchRequest {
        id: service.id.clone(),
        ..whole_kind.clone()
    };
    let refusal = client.watch(both).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unimplemented);
    let mut stream = client.watch(whole_kind).await.unwrap().into_inner();
    assert!(events(&mut stream).await.is_empty());
    loop {
        let event = events(&mut stream).await.remove(0);
        if event.event_type() == Type::Bootstrapped {
            break;
        }
        assert_eq!(event.event_type(), Type::Created);
    }
    let mut stream = client.watch(service.clone()).await.unwrap().into_inner();
    assert!(events(&mut stream).await.is_empty());
    let event = events(&mut stream).await.remove(0);
    assert_eq!(event.event_type(), Type::Created);
    simulator.script(0, |script| script.listening = false);
    let event = events(&mut stream).await.remove(0);
    assert_eq!(event.event_type(), Type::Destroyed);
    let mut stream = client.watch(service).await.unwrap().into_inner();
    events(&mut stream).await;
    let tombstone = events(&mut stream).await.remove(0);
    assert_eq!(tombstone.event_type(), Type::Destroyed);
    let resource = tombstone.resource.unwrap();
    assert_eq!(resource.metadata.unwrap().version, "undefined");
    simulator.stop_node(0).unwrap();
    wait(|| simulator.etcd_service(0).0 != "Preparing").await;
    assert!(stream.message().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_definitions_of_all_kinds() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let mut client = client::state(&simulator, 0, &[READER]).await;
    let request = ListRequest {
        namespace: "meta".to_owned(),
        r#type: "ResourceDefinitions.meta.cosi.dev".to_owned(),
        options: None,
    };
    let stream = client.list(request).await.unwrap().into_inner();
    let listed: Vec<_> = stream.try_collect().await.unwrap();
    let ids: Vec<_> = listed
        .into_iter()
        .map(|response| response.resource.unwrap().metadata.unwrap().id)
        .collect();
    assert!(ids.contains(&"machinetypes.config.talos.dev".to_owned()));
    assert!(ids.contains(&"volumestatuses.block.talos.dev".to_owned()));
}
