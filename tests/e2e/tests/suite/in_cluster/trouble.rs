//! A program that fails in its pod, an API that fails in between, and a person who has enough.

use std::time::{Duration, Instant};

use kube_sim::Fault;
use rustix::process::{Pid, Signal, kill_process};
use talos_sim::Fault as TalosFault;

use super::*;

#[test]
fn the_pods_code_and_words_are_ours() {
    let cluster = installed();
    let wrong =
        |one: &mut Value| one["data"]["ETCDBACKUP_DESTINATION"] = "s3://nobodys/prod".into();
    cluster
        .kubernetes
        .edit("configmaps", CRON_JOB, wrong)
        .unwrap();
    let run = cluster.run(&["now"]);
    refused(&run, 78, "bucket `nobodys`");
    // A code that will be the same next time is not tried again.
    let pods = cluster.kubernetes.names("pods", NAMESPACE);
    assert_eq!(pods.len(), 1, "{pods:?}");
    // The Job stays, for who wants to see.
    assert_eq!(cluster.jobs().len(), 1);
}

#[test]
fn what_may_be_better_next_time_is_tried_again_by_the_job() {
    let cluster = installed();
    for node in 0..3 {
        cluster.world.talos.inject(node, TalosFault::Down).unwrap();
    }
    let run = cluster.run(&["now"]);
    assert!([69, 75].contains(&code(&run)), "{}", text(&run.stderr));
    let pods = cluster.kubernetes.names("pods", NAMESPACE);
    assert_eq!(pods.len(), 2, "{pods:?}");
}

#[test]
fn an_api_that_stumbles_is_asked_again_and_no_line_is_lost_or_doubled() {
    let cluster = installed();
    let jobs = "/apis/batch/v1/namespaces/etcdbackup/jobs";
    let pods = "/api/v1/namespaces/etcdbackup/pods";
    let kubernetes = &cluster.kubernetes;
    kubernetes.inject(None, jobs, Fault::Status(503), Some(2));
    kubernetes.inject(None, pods, Fault::Status(429), Some(2));
    kubernetes.inject(None, pods, Fault::Cut, Some(6));
    let run = cluster.run(&["now"]);
    ok(&run);
    let said = text(&run.stderr);
    assert_eq!(said.matches("pushed s3://").count(), 1, "{said}");
    assert_eq!(text(&run.stdout).lines().count(), 1);
    assert_eq!(cluster.jobs().len(), 1, "a lost answer makes no second Job");
}

#[test]
fn refusals_are_told_apart() {
    for (status, exit, word) in [
        (401, 77, "401"),
        (403, 77, "kubectl auth can-i"),
        (500, 69, "500"),
    ] {
        let cluster = installed();
        let cron_jobs = "/apis/batch/v1/";
        cluster
            .kubernetes
            .inject(None, cron_jobs, Fault::Status(status), None);
        let run = cluster.run(&["now"]);
        refused(&run, exit, word);
    }
    let cluster = installed();
    let config = cluster.world.path(".kube/config");
    let nowhere = cluster.kubernetes.kubeconfig(&["nobody"]).unwrap();
    std::fs::write(&config, nowhere.replace("192.0.2.1", "127.0.0.1")).unwrap();
    let run = cluster.run(&["now"]);
    refused(
        &run,
        69,
        "back up from here: `kubectl etcdbackup now --direct`",
    );
    assert_eq!(
        cluster.world.s3.keys(BUCKET, "").len(),
        0,
        "never in silence another way"
    );
}

#[test]
fn a_run_that_takes_too_long_goes_on_without_us() {
    let cluster = installed();
    for node in 0..3 {
        cluster.world.talos.inject(node, TalosFault::Hang).unwrap();
    }
    let run = cluster.run(&["now", "--timeout", "2s"]);
    refused(&run, 75, "logs -f job/etcdbackup-manual-");
    assert_eq!(cluster.jobs().len(), 1);
}

#[test]
fn ctrl_c_takes_the_job_away() {
    let cluster = installed();
    for node in 0..3 {
        cluster.world.talos.inject(node, TalosFault::Hang).unwrap();
    }
    let mut child = cluster.command(&["now", "-q"]).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    let running = || {
        let pods = cluster.kubernetes.names("pods", NAMESPACE);
        pods.first().is_some_and(|pod| {
            let pod = cluster.kubernetes.get("pods", (NAMESPACE, pod));
            pod.is_some_and(|pod| pod["status"]["phase"] == "Running")
        })
    };
    while !running() {
        assert!(Instant::now() < end, "the pod never ran");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(cluster.jobs().is_empty());
    assert!(cluster.kubernetes.names("pods", NAMESPACE).is_empty());
}
