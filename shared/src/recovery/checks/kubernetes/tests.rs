//! Findings over what Kubernetes says, as people meet it after a restore.

use super::super::super::kubernetes::{
    Claim, Comparison, Group, Kept, KubeNode, Kubelet, Kubernetes, Pod, Workload,
};
use super::super::super::samples::{Is, NOW, at, kubernetes, reason, survey};
use super::super::super::survey::Survey;
use super::super::super::{Severity, exit_of, judge};
use super::super::{Client, Evidence, RECOVERED, run};
use super::*;
use crate::failure::Exit;
use crate::talos::{ClusterMember, MachineType};

fn found(survey: &Survey, kubernetes: &Kubernetes) -> Vec<Finding> {
    let judgement = judge(survey);
    let client = Client {
        roles: vec!["os:admin".to_owned()],
        end: at(NOW + 90 * 86_400),
    };
    let evidence = Evidence {
        configs: None,
        survey,
        judgement: &judgement,
        client: &client,
        file: None,
        kubernetes: Some(kubernetes),
    };
    run(RECOVERED, &evidence)
}

/// `check severity what` and the hint of those that are not ok.
fn odd(change: impl FnOnce(&mut Survey, &mut Kubernetes)) -> Vec<(String, String)> {
    let (mut survey, mut kubernetes) = (survey(&[Is::Voting; 3]), kubernetes(3));
    change(&mut survey, &mut kubernetes);
    let findings = found(&survey, &kubernetes).into_iter();
    findings
        .filter(|one| one.severity != Severity::Ok)
        .map(|one| {
            let said = format!("{} {} {}", one.check, one.severity.word(), one.what);
            (said, one.hint.unwrap_or_default())
        })
        .collect()
}

fn said(change: impl FnOnce(&mut Survey, &mut Kubernetes)) -> Vec<String> {
    odd(change).into_iter().map(|(said, _)| said).collect()
}

fn pod(namespace: &str, name: &str) -> Pod {
    Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        node: "cp-1".to_owned(),
        trouble: None,
        phantom: false,
        since: None,
    }
}

fn nodes(kubernetes: &mut Kubernetes) -> &mut Vec<KubeNode> {
    match &mut kubernetes.nodes {
        Known::Is(nodes) => nodes,
        Known::Unknown(_) => panic!("the sample has nodes"),
    }
}

fn member(name: &str, address: &str) -> ClusterMember {
    ClusterMember {
        hostname: name.to_owned(),
        addresses: vec![address.to_owned()],
        machine_type: MachineType::Worker,
    }
}

#[test]
fn a_cluster_that_is_back_has_nothing_odd() {
    assert_eq!(odd(|_, _| {}), []);
}

#[test]
fn who_is_well_needs_no_advice() {
    let findings = found(&survey(&[Is::Voting; 3]), &kubernetes(3)).into_iter();
    let told = findings.filter(|one| one.severity == Severity::Ok && one.hint.is_some());
    assert_eq!(told.map(|one| one.what).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_server_that_is_not_ready_fails_and_a_silent_one_is_unknown() {
    let said = said(|_, kubernetes| {
        kubernetes.servers[1].failing = Known::Is(vec!["etcd".to_owned()]);
        let silent = reason(Why::Silent, "GET /readyz at 10.0.0.4: connection refused");
        kubernetes.servers[2].failing = Known::Unknown(silent);
    });
    assert_eq!(
        said,
        [
            "api fail its API server is not ready: etcd",
            "api unknown GET /readyz at 10.0.0.4: connection refused",
        ]
    );
}

#[test]
fn what_nobody_could_be_asked_for_is_unknown_with_a_command_and_the_exit_of_its_reason() {
    for (why, exit) in [
        (Why::Silent, Exit::Unreachable),
        (Why::NotPermitted, Exit::NotPermitted),
    ] {
        let unread = Kubernetes::unread(&reason(why, "no API server"), at(NOW));
        let findings = found(&survey(&[Is::Voting; 3]), &unread);
        let unknown = findings
            .iter()
            .filter(|one| one.severity == Severity::Unknown);
        assert!(unknown.clone().count() >= 8, "{findings:?}");
        assert!(unknown.clone().all(|one| one.hint.is_some()));
        assert_eq!(exit_of(&findings), exit);
    }
}

#[test]
fn nodes_that_only_the_snapshot_remembers_are_found() {
    let said = said(|survey, kubernetes| {
        survey.nodes[0].cluster_members = Known::Is(vec![
            member("worker-1", "10.0.0.5"),
            member("worker-2", "10.0.0.6"),
            member("worker-3", "10.0.0.7"),
        ]);
        let node = |name: &str, ready: &str, ago: i64| KubeNode {
            name: name.to_owned(),
            addresses: Vec::new(),
            ready: ready.to_owned(),
            heartbeat: Some(at(NOW - ago)),
        };
        nodes(kubernetes).extend([
            node("worker-1", "Unknown", 600),
            // The controller of nodes has not looked yet.
            node("worker-2", "True", 600),
            node("old-1", "True", 86_400),
        ]);
    });
    assert_eq!(
        said,
        [
            "nodes fail 1 node not ready: worker-1",
            "nodes fail 1 node called ready, without a heartbeat for a minute: worker-2",
            "nodes fail 1 node that Talos does not know and nobody hears of: old-1",
            "nodes fail 1 node known to Talos and not to Kubernetes: worker-3",
        ]
    );
}

#[test]
fn without_a_list_of_machines_no_node_is_called_a_phantom() {
    let said = said(|_, kubernetes| {
        nodes(kubernetes).push(KubeNode {
            name: "worker-1".to_owned(),
            addresses: Vec::new(),
            ready: "True".to_owned(),
            heartbeat: Some(at(NOW)),
        });
    });
    assert_eq!(said, [""; 0]);
    let none = self::said(|_, kubernetes| nodes(kubernetes).clear());
    assert!(none[0].contains("3 nodes known to Talos"), "{none:?}");
}

#[test]
fn pods_of_kube_system_stand_in_the_way_and_others_are_told() {
    let said = said(|_, kubernetes| {
        let trouble = |pod: Pod| Pod {
            trouble: Some("CrashLoopBackOff".to_owned()),
            ..pod
        };
        let phantom = Pod {
            phantom: true,
            node: "old-1".to_owned(),
            ..pod("web", "shop-1")
        };
        kubernetes.pods = Known::Is(Kept {
            count: 9,
            kept: vec![
                phantom,
                trouble(pod("kube-system", "coredns-1")),
                trouble(pod("web", "shop-2")),
                pod("kube-system", "cilium-1"),
            ],
        });
    });
    assert_eq!(
        said,
        [
            "pods fail 1 pod on nodes that do not exist: web/shop-1 (old-1)",
            "pods fail 1 pod of kube-system not ready: kube-system/coredns-1 (CrashLoopBackOff)",
            "pods warn 1 pod not ready: web/shop-2 (CrashLoopBackOff)",
        ]
    );
}

#[test]
fn what_has_less_than_it_should_is_told_by_how_bad_it_is() {
    let said = said(|_, kubernetes| {
        let less = |namespace: &str, name: &str, available| Workload {
            kind: "deployment",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            desired: 3,
            available,
        };
        kubernetes.workloads = Known::Is(Kept {
            count: 5,
            kept: vec![
                less("kube-system", "coredns", 2),
                less("web", "shop", 0),
                less("web", "cart", 1),
            ],
        });
        let claim = |name: &str, phase: &str| Claim {
            namespace: "data".to_owned(),
            name: name.to_owned(),
            phase: phase.to_owned(),
        };
        kubernetes.claims = Known::Is(Kept {
            count: 3,
            kept: vec![claim("a", "Lost"), claim("b", "Pending")],
        });
    });
    assert_eq!(
        said,
        [
            "workloads fail 2 workloads with less than they should have: deployment kube-system/coredns (2 of 3), deployment web/shop (0 of 3)",
            "workloads warn 1 workload with less than they should have: deployment web/cart (1 of 3)",
            "volumes fail 1 claim lost their volume: data/a",
            "volumes warn 1 claim not bound yet: data/b",
        ]
    );
}

#[test]
fn a_webhook_without_endpoints_refuses_unless_it_is_passed_over() {
    let change = |refuses: bool| {
        move |_: &mut Survey, kubernetes: &mut Kubernetes| {
            if let Known::Is(webhooks) = &mut kubernetes.webhooks {
                webhooks[0].endpoints = 0;
                webhooks[0].refuses = refuses;
            }
        }
    };
    let refusing = odd(change(true));
    assert!(
        refusing[0]
            .0
            .starts_with("webhooks fail webhook policy.example.org has no endpoints")
    );
    let command = "kubectl patch validatingwebhookconfiguration policy --type=json -p '[{\"op\":\"add\",\"path\":\"/webhooks/1/failurePolicy\",\"value\":\"Ignore\"}]'";
    assert!(refusing[0].1.contains(command), "{}", refusing[0].1);
    assert!(said(change(false))[0].starts_with("webhooks warn"));
}

#[test]
fn addresses_of_servers_that_are_gone_are_found() {
    let stale = odd(|_, kubernetes| {
        kubernetes.api_addresses = Known::Is(vec!["10.0.0.2".to_owned(), "10.0.0.9".to_owned()]);
    });
    assert!(stale[0].0.starts_with("api-addresses fail"), "{stale:?}");
    assert!(stale[0].1.contains("/registry/masterleases/10.0.0.9"));
    let none = said(|_, kubernetes| kubernetes.api_addresses = Known::Is(Vec::new()));
    assert!(none[0].starts_with("api-addresses fail"), "{none:?}");
    // A control plane that was named lost is no place to send anybody.
    let lost = said(|survey, _| survey.nodes[2].lost = true);
    assert!(
        lost.iter()
            .any(|one| one.contains("no control plane: 10.0.0.4")),
        "{lost:?}"
    );
}

#[test]
fn after_a_restore_kubelets_that_are_older_than_etcd_are_named_workers_too() {
    // More changes than Raft's log has entries: etcd was restored. It runs for 11 minutes.
    let restored = |kubernetes: &mut Kubernetes| kubernetes.revision = Known::Is(5000);
    let old = odd(|_, kubernetes| {
        restored(kubernetes);
        kubernetes.kubelets[1].since = Known::Is(Some(at(NOW - 60)));
        kubernetes.kubelets.push(Kubelet {
            node: "10.0.0.5".to_owned(),
            hostname: "worker-1".to_owned(),
            since: Known::Is(None),
        });
    });
    assert_eq!(
        old[0].0,
        "kubelets warn restored at an earlier revision, 5000 now; 3 kubelets may remember a later one: cp-1, cp-3, worker-1"
    );
    let command = "talosctl -n 10.0.0.2,10.0.0.4,10.0.0.5 service kubelet restart";
    assert!(old[0].1.contains(command), "{}", old[0].1);
    let fresh = said(|_, kubernetes| {
        restored(kubernetes);
        for kubelet in &mut kubernetes.kubelets {
            kubelet.since = Known::Is(Some(at(NOW - 60)));
        }
    });
    assert_eq!(fresh, [""; 0]);
    let controllers = said(|_, kubernetes| {
        restored(kubernetes);
        for kubelet in &mut kubernetes.kubelets {
            kubelet.since = Known::Is(Some(at(NOW - 60)));
        }
        let old = Pod {
            since: Some(at(NOW - 86_400)),
            ..pod("kube-system", "cilium-1")
        };
        kubernetes.pods = Known::Is(Kept {
            count: 1,
            kept: vec![old],
        });
    });
    assert!(controllers[0].contains("1 pod of kube-system run since before"));
}

fn compared(missing: Vec<Group>, extra: Vec<Group>) -> Option<Known<Comparison>> {
    Some(Known::Is(Comparison {
        file: "before.snapshot".to_owned(),
        revision: 800,
        objects: 120,
        missing,
        extra,
        unread: Vec::new(),
    }))
}

fn group(namespace: &str, resource: &str, names: &[&str]) -> Group {
    Group {
        namespace: namespace.to_owned(),
        resource: resource.to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        served: resource != "widgets.example.org",
    }
}

#[test]
fn what_a_snapshot_had_more_is_named_with_the_command_that_brings_it_back() {
    let lacks = odd(|_, kubernetes| {
        kubernetes.compared = compared(
            vec![
                group("", "namespaces", &["empty", "web"]),
                group("", "widgets.example.org", &["w0", "w1"]),
                group("data", "secrets", &["key"]),
                group("web", "deployments.apps", &["shop"]),
            ],
            vec![group("late", "configmaps", &["note"])],
        );
    });
    let said: Vec<&str> = lacks.iter().map(|(said, _)| said.as_str()).collect();
    assert_eq!(
        said,
        [
            "against warn missing: 2 widgets.example.org (w0, w1), which the API does not serve now",
            "against warn missing in namespace data: 1 secrets (key)",
            "against warn namespace web is missing, with 1 deployments.apps (shop)",
            "against warn missing: 1 namespaces (empty)",
        ]
    );
    for (place, command) in [
        "get before.snapshot widgets.example.org/w0 widgets.example.org/w1 | kubectl apply --server-side -f -",
        "get before.snapshot secrets/key -n data --machine-config FILE --show-secrets | kubectl apply --server-side -f -",
        "get before.snapshot --all -n web | kubectl apply --server-side -f -",
        "get before.snapshot namespaces/empty | kubectl apply --server-side -f -",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(lacks[place].1.contains(command), "{}", lacks[place].1);
    }
    assert_eq!(
        odd(|_, kubernetes| kubernetes.compared = compared(vec![], vec![])),
        []
    );
}

#[test]
fn a_snapshot_that_is_ahead_of_the_cluster_says_that_it_went_back() {
    let back = said(|_, kubernetes| {
        kubernetes.compared = compared(Vec::new(), Vec::new());
        kubernetes.revision = Known::Is(700);
    });
    assert_eq!(
        back,
        [
            "kubelets warn revision 700 is behind that of before.snapshot, 800: what changed in between is gone"
        ]
    );
}

#[test]
fn many_names_are_told_by_the_first() {
    let names: Vec<String> = (1..=8).map(|number| format!("n{number}")).collect();
    assert_eq!(first_of(&names), "n1, n2, n3, n4, n5 and 3 more");
    assert_eq!(first_of(&names[..2]), "n1, n2");
    assert_eq!(counted(1, "pod"), "1 pod");
}
