//! Machines that reset, reboot, lose power, are replaced; and what their events and services say.

use std::time::{Duration, SystemTime};

use etcdbackup_proto::machine::service_state_event::Action;
use etcdbackup_proto::machine::{
    Event, EventsRequest, MachineStatusEvent, PhaseEvent, RebootRequest, ResetRequest,
    SequenceEvent, ServiceRestartRequest, ServiceStateEvent, TaskEvent,
};
use prost::Message as _;
use talos_sim::roles::{ADMIN, OPERATOR};
use talos_sim::{Arguments, HeldUp, Layer, Replacement, Simulator};
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::client;
use crate::recovery::{PATIENCE, admin, reset, reset_of, wait};

async fn events(simulator: &Simulator, node: usize, request: EventsRequest) -> Streaming<Event> {
    let mut client = admin(simulator, node).await;
    let mut stream = client.events(request).await.unwrap().into_inner();
    let hello = next(&mut stream).await.unwrap();
    assert!(hello.data.is_none(), "the first event is empty");
    stream
}

/// The next event; none when the connection has gone.
async fn next(stream: &mut Streaming<Event>) -> Option<Event> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    message.expect("an event").unwrap_or_default()
}

/// An event in few words.
fn told(event: &Event) -> String {
    let data = event.data.as_ref().unwrap();
    let bytes = data.value.as_slice();
    match data.type_url.as_str() {
        "talos/runtime/machine.SequenceEvent" => {
            let event = SequenceEvent::decode(bytes).unwrap();
            let error = event.error.as_ref().map(|error| error.message.as_str());
            let error = error.unwrap_or_default();
            format!("{} {:?} {error}", event.sequence, event.action())
        }
        "talos/runtime/machine.PhaseEvent" => {
            let event = PhaseEvent::decode(bytes).unwrap();
            format!("{} {:?}", event.phase, event.action())
        }
        "talos/runtime/machine.TaskEvent" => {
            let event = TaskEvent::decode(bytes).unwrap();
            format!("{} {:?}", event.task, event.action())
        }
        "talos/runtime/machine.MachineStatusEvent" => {
            let event = MachineStatusEvent::decode(bytes).unwrap();
            format!("{:?}", event.stage())
        }
        "talos/runtime/machine.ServiceStateEvent" => {
            let event = ServiceStateEvent::decode(bytes).unwrap();
            format!("{} {:?}: {}", event.service, event.action(), event.message)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_seen_by_its_actor_and_forgets_the_boot() {
    let simulator = Simulator::builder().start().unwrap();
    simulator.add_file(0, "/var/mnt/data", 100).unwrap();
    let before = simulator.boot_id(0);
    let mut stream = events(&simulator, 0, EventsRequest::default()).await;
    let mut client = admin(&simulator, 1).await;
    let request = client::routed(reset_of(&["EPHEMERAL"]), "node", &["cp-1"]);
    let answer = client.reset(request).await.unwrap().into_inner();
    let actor = answer.messages[0].actor_id.clone();
    let mut seen = Vec::new();
    while let Some(event) = next(&mut stream).await {
        if event.actor_id == actor {
            seen.push(told(&event));
        }
    }
    assert_eq!(seen[0], "reset Start ");
    let place = |words: &str| seen.iter().position(|one| one == words).unwrap();
    assert!(place("stopAllServices Stop") < place("resetSystemDiskSpec Start"));
    assert_eq!(seen.last().unwrap(), "reboot Start");
    wait(|| simulator.boot_id(0) != before).await;
    simulator.await_etcd(0, "Preparing").unwrap();
    assert!(!simulator.has_etcd_data(0));
    assert!(simulator.file(0, "/var/mnt/data").is_err());
    let calls = simulator.calls();
    let reset = calls
        .iter()
        .find(|call| call.method == "Reset" && call.layer == Layer::Machined)
        .unwrap();
    assert_eq!(
        reset.arguments,
        Arguments::Reset {
            graceful: false,
            reboot: true,
            wipe: vec!["EPHEMERAL".to_owned()],
            keep: Vec::new(),
            user_disks: Vec::new(),
            mode: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_node_that_goes_away_fails_also_through_another() {
    let simulator = Simulator::builder().start().unwrap();
    simulator.script(2, |script| script.listening = false);
    let mut client = admin(&simulator, 0).await;
    let call = tokio::spawn(async move {
        let request = client::routed((), "node", &["cp-3"]);
        client.etcd_status(request).await.map(drop)
    });
    wait(|| {
        let calls = simulator.calls();
        calls.iter().any(|call| call.node == "cp-3")
    })
    .await;
    simulator.stop_node(2).unwrap();
    let outcome = tokio::time::timeout(PATIENCE, call).await.unwrap();
    assert_eq!(outcome.unwrap().unwrap_err().code(), Code::Unavailable);
    simulator.start_node(2).unwrap();
    let request = client::routed((), "node", &["cp-3"]);
    assert!(admin(&simulator, 0).await.version(request).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_wiped_depends_on_version_and_layout() {
    let missing = "failed to get volume status with label \"X\": resource VolumeStatuses.block.talos.dev(runtime/X) doesn't exist";
    for (version, partition, labels, refusal) in [
        ("v1.13.9", false, &["X"][..], Some(missing)),
        (
            "v1.13.9",
            false,
            &["ETCD"],
            Some("failed to reset: volume \"ETCD\" is not located"),
        ),
        (
            "v1.14.0",
            false,
            &["ETCD"],
            Some(
                "failed to reset: volume \"ETCD\" resides on volume \"EPHEMERAL\", and therefore \"ETCD\" cannot be wiped without wiping \"EPHEMERAL\"",
            ),
        ),
        ("v1.14.0", true, &["EPHEMERAL"], None),
        ("v1.14.0", true, &["ETCD"], None),
    ] {
        let mut builder = Simulator::builder()
            .control_planes(1)
            .version(version.parse().unwrap());
        if partition {
            builder = builder.etcd_partition();
        }
        let simulator = builder.start().unwrap();
        match refusal {
            Some(text) => {
                let answer = admin(&simulator, 0).await.reset(reset_of(labels)).await;
                let status = answer.unwrap_err();
                assert_eq!((status.code(), status.message()), (Code::Unknown, text));
            }
            None => {
                let before = simulator.boot_id(0);
                let answer = admin(&simulator, 0).await.reset(reset_of(labels)).await;
                answer.unwrap();
                wait(|| simulator.boot_id(0) != before).await;
                wait(|| !simulator.etcd_service(0).0.is_empty()).await;
                assert_eq!(simulator.has_etcd_data(0), labels == ["EPHEMERAL"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_nothing_in_particular_takes_the_config_too() {
    let simulator = Simulator::builder().control_planes(2).start().unwrap();
    let everything = ResetRequest {
        reboot: true,
        ..ResetRequest::default()
    };
    let before = simulator.boot_id(1);
    admin(&simulator, 1).await.reset(everything).await.unwrap();
    wait(|| simulator.boot_id(1) != before).await;
    // In maintenance mode nobody knows the certificate, and other nodes do not get in.
    let identity = simulator
        .authority()
        .client(&[ADMIN], talos_sim::Validity::year())
        .unwrap();
    assert!(client::connect(&simulator, 1, &identity).await.is_err());
    let request = client::routed((), "node", &["cp-2"]);
    let status = admin(&simulator, 0).await.version(request).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("x509"), "{}", status.message());
    simulator.apply_config(1).unwrap();
    simulator.await_etcd(1, "Preparing").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn some_resets_wipe_nothing_and_some_nodes_do_not_come_back() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let before = simulator.boot_id(0);
    simulator.keep_disk(0, true);
    let answer = admin(&simulator, 0)
        .await
        .reset(reset_of(&["EPHEMERAL"]))
        .await;
    answer.unwrap();
    wait(|| simulator.boot_id(0) != before).await;
    simulator.await_healthy(0).unwrap();
    assert!(simulator.has_etcd_data(0));
    simulator.keep_disk(0, false);
    simulator.stay_down(0);
    let answer = admin(&simulator, 0)
        .await
        .reset(reset_of(&["EPHEMERAL"]))
        .await;
    answer.unwrap();
    wait(|| std::net::TcpStream::connect(simulator.apid(0)).is_err()).await;
    wait(|| !simulator.has_etcd_data(0)).await;
    simulator.start_node(0).unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sequence_waits_for_no_other_and_a_reboot_keeps_the_data() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let before = simulator.boot_id(0);
    let mut operator = client::machine(&simulator, 0, &[OPERATOR]).await;
    let refusal = operator.reset(reset_of(&["EPHEMERAL"])).await.unwrap_err();
    assert_eq!(refusal.code(), Code::PermissionDenied);
    let mut stream = events(&simulator, 0, EventsRequest::default()).await;
    operator.reboot(RebootRequest::default()).await.unwrap();
    let answer = admin(&simulator, 0)
        .await
        .reset(reset_of(&["EPHEMERAL"]))
        .await;
    answer.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = next(&mut stream).await {
        seen.push(told(&event));
    }
    assert!(seen.contains(&"reboot Start ".to_owned()), "{seen:?}");
    assert!(
        seen.contains(&"reset Noop sequence reboot is in progress".to_owned()),
        "{seen:?}"
    );
    wait(|| simulator.boot_id(0) != before).await;
    simulator.await_healthy(0).unwrap();
    assert!(simulator.has_etcd_data(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_after_thirty_minutes_and_booting_after_seventy() {
    let simulator = Simulator::builder()
        .control_planes(1)
        .unbootstrapped()
        .start()
        .unwrap();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    simulator.let_pass(0, minutes(29));
    simulator.put_clock_ahead(0, minutes(120));
    let service = etcd_service(&mut admin(&simulator, 0).await).await;
    assert_eq!(service.state, "Preparing");
    let since = service.events.unwrap().events.last().unwrap().ts.unwrap();
    let since: SystemTime = since.try_into().unwrap();
    let ahead = since.duration_since(SystemTime::now()).unwrap();
    assert!((minutes(89)..=minutes(91)).contains(&ahead), "{ahead:?}");
    simulator.let_pass(0, minutes(2));
    simulator.await_etcd(0, "Failed").unwrap();
    assert!(simulator.etcd_service(0).1.contains("timeout"));
    let before = simulator.boot_id(0);
    simulator.let_pass(0, minutes(40));
    wait(|| simulator.boot_id(0) != before).await;
    simulator.await_etcd(0, "Preparing").unwrap();

    let simulator = Simulator::builder()
        .control_planes(1)
        .unbootstrapped()
        .hurry(3600)
        .start()
        .unwrap();
    let before = simulator.boot_id(0);
    wait(|| simulator.boot_id(0) != before).await;
}

pub(crate) async fn etcd_service(
    client: &mut etcdbackup_proto::machine::machine_service_client::MachineServiceClient<Channel>,
) -> etcdbackup_proto::machine::ServiceInfo {
    let answer = client.service_list(()).await.unwrap().into_inner();
    let mut services = answer.messages[0].services.clone().into_iter();
    services.find(|service| service.id == "etcd").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_up_waits_in_talos_words() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    for (reason, state, message) in [
        (HeldUp::Time, "Waiting", "Waiting for time sync"),
        (HeldUp::Network, "Waiting", "Waiting for network"),
        (HeldUp::Address, "Waiting", "Waiting for etcd spec"),
        (
            HeldUp::Disk,
            "Waiting",
            "Waiting for volumes /var/lib, ETCD to be mounted",
        ),
        (HeldUp::Image, "Preparing", "Running pre state"),
    ] {
        simulator.stop_node(0).unwrap();
        simulator.hold_up(0, reason);
        simulator.start_node(0).unwrap();
        let expected = (state.to_owned(), message.to_owned());
        wait(|| simulator.etcd_service(0) == expected).await;
        simulator.release(0, reason);
        simulator.await_healthy(0).unwrap();
    }
    let service = etcd_service(&mut admin(&simulator, 0).await).await;
    let events = service.events.unwrap().events;
    let first = "Waiting for service \"cri\" to be \"up\", time sync, network, etcd spec, volumes /var/lib, ETCD to be mounted";
    assert_eq!(
        (events[0].state.as_str(), events[1].msg.as_str()),
        ("Starting", first)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_takes_a_nodes_place() {
    let simulator = Simulator::builder().control_planes(2).start().unwrap();
    simulator.replace_node(0, Replacement::SameSecrets).unwrap();
    simulator.await_etcd(0, "Preparing").unwrap();
    assert!(!simulator.has_etcd_data(0));
    assert!(admin(&simulator, 0).await.version(()).await.is_ok());
    let identity = simulator
        .authority()
        .client(&[ADMIN], talos_sim::Validity::year())
        .unwrap();
    for by in [Replacement::OtherSecrets, Replacement::Maintenance] {
        simulator.replace_node(0, by).unwrap();
        assert!(client::connect(&simulator, 0, &identity).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_since_the_boot_and_found_again() {
    let simulator = Simulator::builder().control_planes(1).start().unwrap();
    let mut stream = events(&simulator, 0, all()).await;
    let running = format!("etcd {:?}: Health check successful", Action::Running);
    let mut ids = Vec::new();
    loop {
        let event = next(&mut stream).await.unwrap();
        ids.push(event.id.clone());
        if told(&event) == running {
            break;
        }
    }
    assert!(ids.is_sorted());
    let after = EventsRequest {
        tail_id: ids[ids.len() - 2].clone(),
        ..EventsRequest::default()
    };
    let mut stream = events(&simulator, 0, after).await;
    assert_eq!(next(&mut stream).await.unwrap().id, ids[ids.len() - 1]);
    reset(&simulator, 0, &["EPHEMERAL"]).await;
    let mut stream = events(&simulator, 0, all()).await;
    let first = next(&mut stream).await.unwrap();
    assert!(first.id > ids[ids.len() - 1]);
}

fn all() -> EventsRequest {
    EventsRequest {
        tail_events: -1,
        ..EventsRequest::default()
    }
}

#[tokio::test]
async fn the_kubelet_restarts_and_etcd_does_not() {
    let simulator = Simulator::builder().start().unwrap();
    let mut operator = client::machine(&simulator, 0, &[OPERATOR]).await;
    let restart = |id: &str| ServiceRestartRequest { id: id.to_owned() };
    let answer = operator.service_restart(restart("kubelet")).await.unwrap();
    assert_eq!(
        answer.into_inner().messages[0].resp,
        "Service \"kubelet\" restarted"
    );
    for (id, text) in [
        (
            "etcd",
            "service \"etcd\" doesn't support restart operation via API",
        ),
        ("x", "service \"x\" not defined"),
    ] {
        let status = operator.service_restart(restart(id)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unknown, text));
    }
}
