//! Every scripted fault, as the client sees it.

use std::time::{Duration, Instant};

use etcdbackup_proto::machine::{EtcdMemberListRequest, EtcdSnapshotRequest};
use talos_sim::roles::ADMIN;
use talos_sim::{Alarm, Fault, MESSAGE, Simulator, sample};
use tonic::{Code, Request};

use crate::client::{self, End, PATIENCE, Taken};

const SIZE: usize = 64 * 1024;
/// Long enough to tell a stall from a slow machine.
const IDLE: Duration = Duration::from_millis(700);

fn simulator() -> Simulator {
    Simulator::builder()
        .snapshot_bytes(sample::snapshot(SIZE))
        .start()
        .unwrap()
}

async fn take(simulator: &Simulator, idle: Duration) -> Taken {
    let mut client = client::machine(simulator, 0, &[ADMIN]).await;
    client::snapshot(&mut client, Request::new(EtcdSnapshotRequest {}), idle).await
}

#[tokio::test]
async fn a_good_snapshot_comes_in_messages_of_1024_bytes() {
    let simulator = simulator();
    let taken = take(&simulator, PATIENCE).await;
    assert!(matches!(taken.end, End::Ok));
    assert!(taken.bytes() == sample::snapshot(SIZE));
    let (last, others) = taken.messages.split_last().unwrap();
    assert!(others.iter().all(|message| message.bytes.len() == MESSAGE));
    assert_eq!(last.bytes.len(), sample::TRAILER);
}

#[tokio::test]
async fn a_cut_ends_with_success_at_any_byte() {
    let simulator = simulator();
    for at in [0, 1, 1023, 1024, 1025, 40_000] {
        simulator.inject_times(0, Fault::CutWithOk(at), 1).unwrap();
        let taken = take(&simulator, PATIENCE).await;
        assert!(matches!(taken.end, End::Ok), "{:?}", taken.end);
        assert!(taken.bytes() == sample::snapshot(SIZE)[..usize::try_from(at).unwrap()]);
    }
    let taken = take(&simulator, PATIENCE).await;
    assert_eq!(
        taken.bytes().len(),
        SIZE + sample::TRAILER,
        "one fault, one call"
    );
}

#[tokio::test]
async fn a_stall_gives_all_before_it_and_then_nothing() {
    let simulator = simulator();
    simulator.inject(0, Fault::StallAfter(3000)).unwrap();
    let taken = take(&simulator, IDLE).await;
    assert!(matches!(taken.end, End::Silence), "{:?}", taken.end);
    assert_eq!(taken.bytes().len(), 3000);
}

#[tokio::test]
async fn a_flip_changes_one_bit() {
    let simulator = simulator();
    simulator.inject(0, Fault::FlipBit(5000)).unwrap();
    let bytes = take(&simulator, PATIENCE).await.bytes();
    let mut expected = sample::snapshot(SIZE);
    assert!(bytes != expected);
    expected[5000] ^= 1;
    assert!(bytes == expected);
}

#[tokio::test]
async fn a_hanging_call_never_answers() {
    let simulator = simulator();
    simulator.inject(0, Fault::Hang).unwrap();
    let taken = take(&simulator, IDLE).await;
    assert!(matches!(taken.end, End::Silence), "{:?}", taken.end);
    assert!(taken.messages.is_empty());
}

#[tokio::test]
async fn a_failure_comes_after_its_bytes() {
    let simulator = simulator();
    for after in [0, 10_000] {
        let message = "etcdserver: mvcc: required revision has been compacted".to_owned();
        let fault = Fault::Fail {
            after,
            code: Code::Unknown,
            message: message.clone(),
        };
        simulator.inject_times(0, fault, 1).unwrap();
        let taken = take(&simulator, PATIENCE).await;
        assert_eq!(taken.bytes().len() as u64, after);
        let End::Error(status) = taken.end else {
            panic!("{:?}", taken.end)
        };
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unknown, message.as_str())
        );
    }
}

#[tokio::test]
async fn a_reset_breaks_the_connection() {
    let simulator = simulator();
    for after in [0, 20_000] {
        simulator.inject_times(0, Fault::Reset(after), 1).unwrap();
        let taken = take(&simulator, PATIENCE).await;
        assert!(matches!(taken.end, End::Error(_)), "{:?}", taken.end);
        assert_eq!(taken.bytes().len() as u64, after);
    }
    assert!(matches!(take(&simulator, PATIENCE).await.end, End::Ok));
}

#[tokio::test]
async fn permission_is_denied_whatever_the_roles() {
    let simulator = simulator();
    simulator.inject(0, Fault::Denied).unwrap();
    let End::Error(status) = take(&simulator, PATIENCE).await.end else {
        panic!("not denied")
    };
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "not authorized")
    );
}

#[tokio::test]
async fn a_drip_takes_its_time() {
    let simulator = simulator();
    simulator
        .inject(
            0,
            Fault::Drip {
                bytes: 16 * 1024,
                pause: Duration::from_millis(60),
            },
        )
        .unwrap();
    let begun = Instant::now();
    let taken = take(&simulator, PATIENCE).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(4 * 60),
        "{:?}",
        begun.elapsed()
    );
    assert!(taken.bytes() == sample::snapshot(SIZE));
}

#[tokio::test]
async fn a_node_that_is_down_refuses_and_comes_back() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    client.version(()).await.unwrap();
    simulator.inject(0, Fault::Down).unwrap();
    client
        .version(())
        .await
        .expect_err("the connection should be gone");
    let refused = std::net::TcpStream::connect(simulator.apid(0)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    simulator.clear_faults().unwrap();
    client::machine(&simulator, 0, &[ADMIN])
        .await
        .version(())
        .await
        .unwrap();
}

#[tokio::test]
async fn other_calls_meet_their_faults_too() {
    let simulator = simulator();
    simulator
        .inject_on(0, "EtcdStatus", Fault::Hang, Some(1))
        .unwrap();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    assert!(
        tokio::time::timeout(IDLE, client.etcd_status(()))
            .await
            .is_err()
    );
    client.etcd_status(()).await.unwrap();
}

#[tokio::test]
async fn a_scripted_member_says_what_it_is_told() {
    let simulator = simulator();
    let mut client = client::machine(&simulator, 0, &[ADMIN]).await;
    simulator.script(1, |script| script.is_learner = true);
    simulator.script(2, |script| script.alarms = vec![Alarm::NoSpace]);
    let members = client
        .etcd_member_list(EtcdMemberListRequest::default())
        .await
        .unwrap()
        .into_inner();
    let learners: Vec<_> = members.messages[0]
        .members
        .iter()
        .map(|member| member.is_learner)
        .collect();
    assert_eq!(learners, [false, true, false]);
    assert_eq!(members.messages[0].legacy_members, ["cp-1", "cp-2", "cp-3"]);
    let alarms = client.etcd_alarm_list(()).await.unwrap().into_inner();
    assert_eq!(alarms.messages[0].member_alarms.len(), 1);

    simulator.script(0, |script| (script.quorum, script.leader) = (false, 0));
    let status = client
        .etcd_member_list(EtcdMemberListRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unknown, "etcdserver: no leader")
    );
    client
        .etcd_status(())
        .await
        .expect("status works without quorum");
    simulator.script(0, |script| script.listening = false);
    assert!(
        tokio::time::timeout(IDLE, client.etcd_status(()))
            .await
            .is_err()
    );
}
