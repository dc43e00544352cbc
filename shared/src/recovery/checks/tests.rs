//! Findings over clusters as people meet them.

use super::super::samples::{Is, NOW, at, kubernetes, reason, survey};
use super::super::{Known, Severity, Why, judge};
use super::*;
use crate::talos::{MachineStatus, MachineType, Mount, Usage};

fn found(checks: &[Check], survey: &Survey) -> Vec<Finding> {
    let judgement = judge(survey);
    let client = Client {
        roles: vec!["os:admin".to_owned()],
        end: at(NOW + 90 * 86_400),
    };
    run(
        checks,
        &Evidence {
            survey,
            judgement: &judgement,
            client: &client,
            file: None,
            kubernetes: Some(&kubernetes(survey.nodes.len())),
            configs: Some(&configs()),
        },
    )
}

/// Nobody saved a machine config, and all images come from outside.
fn configs() -> Configs {
    Configs {
        live: Vec::new(),
        saved: Vec::new(),
        inside: super::super::machine_config::Inside::default(),
    }
}

/// `check severity` of those that are not ok.
fn not_ok(findings: &[Finding]) -> Vec<String> {
    let not_ok = findings.iter().filter(|one| one.severity != Severity::Ok);
    not_ok
        .map(|one| format!("{} {}", one.check, one.severity.word()))
        .collect()
}

fn complete(is: &[Is]) -> Survey {
    let mut survey = survey(is);
    for node in &mut survey.nodes {
        node.etcd_config = Known::Is(crate::talos::EtcdConfig {
            name: "cp".to_owned(),
            advertised: vec![node.node.clone()],
            image: "registry.k8s.io/etcd:v3.6.9".to_owned(),
            quota: None,
        });
    }
    survey
}

#[test]
fn a_healthy_cluster_is_ok_everywhere() {
    let survey = complete(&[Is::Voting; 3]);
    assert_eq!(not_ok(&found(UNRECOVERABLE, &survey)), [""; 0]);
    assert_eq!(not_ok(&found(NODES, &survey)), ["machine-config warn"]);
    assert_eq!(not_ok(&found(RECOVERED, &survey)), [""; 0]);
}

#[test]
fn a_silent_node_is_unknown_once_in_every_assertion_and_its_hint_names_it() {
    let survey = complete(&[Is::Voting, Is::Voting, Is::Silent]);
    for checks in [UNRECOVERABLE, NODES, PREPARING, RECOVERED] {
        let findings = found(checks, &survey);
        let unknown: Vec<&Finding> = findings
            .iter()
            .filter(|one| one.severity == Severity::Unknown)
            .collect();
        assert_eq!(unknown.len(), 1, "{findings:?}");
        assert_eq!(unknown[0].check, "reachable");
        assert!(
            unknown[0]
                .hint
                .as_ref()
                .unwrap()
                .contains("--lost 10.0.0.4")
        );
    }
}

#[test]
fn a_node_named_lost_that_answers_is_a_contradiction() {
    let mut survey = complete(&[Is::Waiting, Is::Waiting]);
    survey.nodes[1].lost = true;
    let findings = found(PREPARING, &survey);
    assert_eq!(not_ok(&findings)[0], "reachable fail");
}

#[test]
fn who_waits_is_told_how_long() {
    let survey = complete(&[Is::Waiting, Is::GaveUp, Is::HalfRestored]);
    let findings = found(PREPARING, &survey);
    let states: Vec<&str> = findings
        .iter()
        .filter(|one| one.check == "state")
        .map(|one| one.what.as_str())
        .collect();
    assert_eq!(states[0], "etcd is Preparing, 18 min left");
    assert!(states[1].contains("good for Bootstrap, and cannot join"));
    assert!(states[2].contains("skip-hash-check=false"));
    assert_eq!(
        not_ok(&findings),
        ["state warn", "state fail", "directory fail"]
    );
}

#[test]
fn the_time_left_is_the_nodes_own_and_little_of_it_warns() {
    let mut survey = complete(&[Is::Waiting]);
    if let Known::Is(clock) = &mut survey.nodes[0].clock {
        clock.now = Known::Is(at(NOW + 15 * 60));
        clock.uptime_seconds = 65 * 60;
    }
    let findings = found(PREPARING, &survey);
    assert_eq!(not_ok(&findings), ["state warn", "reboot warn"]);
    survey.nodes[0].clock =
        Known::Unknown(reason(Why::NotPermitted, "Read on node: not authorized"));
    let findings = found(PREPARING, &survey);
    let state = findings.iter().find(|one| one.check == "state").unwrap();
    assert_eq!(
        state.what,
        "etcd is Preparing, 18 min left by this machine's clock"
    );
    assert!(not_ok(&findings).contains(&"reboot unknown".to_owned()));
}

#[test]
fn a_bootstrap_of_somebody_else_is_seen() {
    let mut survey = complete(&[Is::Waiting, Is::Waiting]);
    survey.nodes[0].storage.uploaded = Known::Is(Some(4096));
    if let Known::Is(services) = &mut survey.nodes[1].services {
        services.clear();
    }
    assert_eq!(
        not_ok(&found(PREPARING, &survey)),
        ["state fail", "upload fail"]
    );
}

#[test]
fn what_makes_a_node_unfit_is_named() {
    let mut survey = complete(&[Is::Waiting, Is::Waiting, Is::Waiting]);
    survey.nodes[0].machine_type = Known::Is(MachineType::Init);
    survey.nodes[0].time_synced = Known::Is(false);
    survey.nodes[1].machine_status = Known::Is(MachineStatus {
        stage: "maintenance",
        ready: false,
        unmet: Vec::new(),
    });
    survey.nodes[1].storage.mounts = Known::Is(vec![Mount {
        at: "/var".to_owned(),
        bytes: 1 << 30,
        available: 1 << 20,
    }]);
    survey.nodes[2].storage.local_data = Known::Is(vec![Usage {
        path: "/var/openebs".to_owned(),
        bytes: 5 << 20,
    }]);
    survey.nodes[2].addresses = Known::Is(vec!["10.0.0.44".to_owned()]);
    let findings = found(NODES, &survey);
    assert_eq!(
        not_ok(&findings),
        [
            "machine-type fail",
            "maintenance fail",
            "time fail",
            "address fail",
            "space fail",
            "local-data warn",
            "machine-config warn",
        ]
    );
    let fails = findings.iter().filter(|one| one.severity == Severity::Fail);
    assert!(fails.clone().all(|one| one.hint.is_some()));
}

#[test]
fn what_stops_an_etcd_with_its_data_is_named() {
    let mut survey = complete(&[Is::Stopped, Is::Leaderless, Is::Stopped]);
    if let Known::Is(services) = &mut survey.nodes[2].services {
        let last = services[0].events.last_mut().unwrap();
        last.message = "Waiting for time sync, etcd spec".to_owned();
    }
    let findings = found(UNRECOVERABLE, &survey);
    let told: Vec<&str> = findings
        .iter()
        .filter(|one| one.check == "obstacle")
        .map(|one| one.what.as_str())
        .collect();
    assert!(told[0].starts_with("etcd starts and ends again"));
    assert_eq!(told[1], "etcd runs, and finds no quorum of members");
    assert_eq!(told[2], "etcd waits for time sync, etcd spec");
}

#[test]
fn a_census_that_no_list_confirms_is_no_reason_to_wipe() {
    let mut survey = complete(&[Is::Waiting, Is::Waiting]);
    assert_eq!(judge(&survey).verdict.word(), "awaiting-bootstrap");
    survey.gaps = vec!["no list tells who the control planes are".to_owned()];
    assert_eq!(not_ok(&found(PREPARING, &survey)), ["census warn"]);
    let judged = judge(&survey);
    assert_eq!(judged.verdict.word(), "unknown");
    assert_eq!(judged.exit().code(), 69);
    assert!(
        judged
            .reasons
            .iter()
            .any(|reason| reason.contains("no list"))
    );
}
