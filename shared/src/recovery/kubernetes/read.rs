//! Reads one API server: every list at once, each on its own known or not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Claim, Kept, KubeNode, Kubernetes, Pod, Webhook, Workload};
use crate::kube::objects::{self, condition, paths};
use crate::kube::{Api, Form, KubeError};
use crate::recovery::known::{Known, Unknown, Why};

/// The namespace of what a cluster cannot do without.
pub(crate) const SYSTEM: &str = "kube-system";

/// Reads everything that the checks judge.
pub(super) async fn read(api: &Api, clock: Timestamp) -> Kubernetes {
    let ((nodes, pods), workloads, claims, (webhooks, api_addresses), unavailable) = tokio::join!(
        nodes_and_pods(api),
        workloads(api),
        claims(api),
        webhooks(api),
        unavailable(api),
    );
    let (nodes, revision) = match nodes {
        Ok((nodes, revision)) => (Known::Is(nodes), told(revision)),
        Err(error) => {
            let unknown = Unknown::from(&error);
            (Known::Unknown(unknown.clone()), Known::Unknown(unknown))
        }
    };
    Kubernetes {
        servers: Vec::new(),
        read: Known::not_asked("told by who read it"),
        clock,
        revision,
        log: Known::not_asked("told by who read it"),
        nodes,
        pods: pods.into(),
        workloads: workloads.into(),
        claims: claims.into(),
        webhooks: webhooks.into(),
        unavailable: unavailable.into(),
        api_addresses: api_addresses.into(),
        kubelets: Vec::new(),
        compared: None,
    }
}

fn told(revision: Option<i64>) -> Known<i64> {
    let none = || {
        Known::Unknown(Unknown {
            why: Why::Answered,
            reason: "the API server does not tell etcd's revision".to_owned(),
        })
    };
    revision.map_or_else(none, Known::Is)
}

type Nodes = Result<(Vec<KubeNode>, Option<i64>), KubeError>;

/// Pods are judged by the nodes there are.
async fn nodes_and_pods(api: &Api) -> (Nodes, Result<Kept<Pod>, KubeError>) {
    let nodes = nodes(api).await;
    let known = nodes.as_ref().ok().map(|(nodes, _)| {
        let names = nodes.iter().map(|node| node.name.clone());
        names.collect::<BTreeSet<String>>()
    });
    let pods = pods(api, known.as_ref()).await;
    (nodes, pods)
}

async fn nodes(api: &Api) -> Nodes {
    let heartbeat = |lease: objects::Lease| Some((lease.metadata.name, lease.spec.renew_time?));
    let (nodes, leases) = tokio::join!(
        api.list(paths::NODES, Form::Objects, |node: objects::Node| Some(
            node
        )),
        api.list(paths::HEARTBEATS, Form::Objects, heartbeat),
    );
    let (nodes, leases) = (nodes?, leases?);
    let beats: BTreeMap<String, Timestamp> = leases.items.into_iter().collect();
    let one = |node: objects::Node| {
        let ready = condition(&node.status.conditions, "Ready");
        KubeNode {
            ready: ready.map(|one| one.status.clone()).unwrap_or_default(),
            addresses: node
                .status
                .addresses
                .into_iter()
                .map(|one| one.address)
                .collect(),
            heartbeat: beats.get(&node.metadata.name).copied(),
            name: node.metadata.name,
        }
    };
    Ok((nodes.items.into_iter().map(one).collect(), nodes.revision))
}

async fn pods(api: &Api, nodes: Option<&BTreeSet<String>>) -> Result<Kept<Pod>, KubeError> {
    let listed = api
        .list(paths::PODS, Form::Objects, |pod: objects::Pod| {
            let pod = judged(pod, nodes)?;
            let matters = pod.phantom || pod.trouble.is_some() || pod.namespace == SYSTEM;
            matters.then_some(pod)
        })
        .await?;
    Ok(Kept {
        count: listed.count,
        kept: listed.items,
    })
}

/// What matters of a pod; none: it has done its work, or failed for good.
fn judged(pod: objects::Pod, nodes: Option<&BTreeSet<String>>) -> Option<Pod> {
    let status = &pod.status;
    if matches!(status.phase.as_str(), "Succeeded" | "Failed") {
        return None;
    }
    let ready = condition(&status.conditions, "Ready").is_some_and(|one| one.status == "True");
    let waiting = status
        .container_statuses
        .iter()
        .find_map(|container| container.state.waiting.as_ref());
    let trouble = match (pod.metadata.deletion_timestamp, waiting, ready) {
        (Some(_), ..) => Some("Terminating".to_owned()),
        (None, Some(waiting), _) => Some(waiting.reason.clone()),
        (None, None, false) if status.phase == "Running" => Some("not ready".to_owned()),
        (None, None, false) => Some(status.phase.clone()),
        (None, None, true) => None,
    };
    let node = pod.spec.node_name;
    Some(Pod {
        phantom: !node.is_empty() && nodes.is_some_and(|nodes| !nodes.contains(&node)),
        trouble,
        node,
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        since: status.start_time,
    })
}

async fn workloads(api: &Api) -> Result<Kept<Workload>, KubeError> {
    let replicated = |kind: &'static str| {
        move |one: objects::Replicated| {
            Some(Workload {
                kind,
                desired: one.spec.replicas.unwrap_or(1),
                available: one.status.available_replicas,
                namespace: one.metadata.namespace,
                name: one.metadata.name,
            })
        }
    };
    let daemon_set = |one: objects::DaemonSet| {
        Some(Workload {
            kind: "daemonset",
            desired: one.status.desired_number_scheduled,
            available: one.status.number_available,
            namespace: one.metadata.namespace,
            name: one.metadata.name,
        })
    };
    let (deployments, stateful_sets, daemon_sets) = tokio::join!(
        api.list(paths::DEPLOYMENTS, Form::Objects, replicated("deployment")),
        api.list(
            paths::STATEFUL_SETS,
            Form::Objects,
            replicated("statefulset")
        ),
        api.list(paths::DAEMON_SETS, Form::Objects, daemon_set),
    );
    let mut all = deployments?.items;
    all.extend(stateful_sets?.items);
    all.extend(daemon_sets?.items);
    let count = all.len();
    all.retain(|one| one.available < one.desired);
    Ok(Kept { count, kept: all })
}

async fn claims(api: &Api) -> Result<Kept<Claim>, KubeError> {
    let one = |claim: objects::Claim| {
        Some(Claim {
            namespace: claim.metadata.namespace,
            name: claim.metadata.name,
            phase: claim.status.phase,
        })
    };
    let mut all = api.list(paths::CLAIMS, Form::Objects, one).await?.items;
    let count = all.len();
    all.retain(|claim| claim.phase != "Bound");
    Ok(Kept { count, kept: all })
}

type Webhooks = Result<Vec<Webhook>, KubeError>;

/// Webhooks with what is behind them, and the addresses of the API servers: both are told by
/// EndpointSlices.
async fn webhooks(api: &Api) -> (Webhooks, Result<Vec<String>, KubeError>) {
    let whole = |one: objects::WebhookConfiguration| Some(one);
    let (validating, mutating) = tokio::join!(
        api.list(paths::VALIDATING, Form::Objects, whole),
        api.list(paths::MUTATING, Form::Objects, whole),
    );
    let configurations = validating.and_then(|validating| {
        let mut all = named("validatingwebhookconfiguration", validating.items);
        all.extend(named("mutatingwebhookconfiguration", mutating?.items));
        Ok(all)
    });
    let api_server = ("default".to_owned(), "kubernetes".to_owned());
    let mut wanted: BTreeSet<(String, String)> = BTreeSet::from([api_server.clone()]);
    let known = configurations.iter().flatten();
    wanted.extend(known.map(|webhook| webhook.service.clone()));
    let ready = match endpoints(api, &wanted).await {
        Ok(ready) => ready,
        Err(error) => return (configurations.and(Err(error.clone())), Err(error)),
    };
    let behind = |service: &(String, String)| ready.get(service).map_or(0, Vec::len);
    let judged = configurations.map(|all| {
        let with = all.into_iter().map(|webhook| Webhook {
            endpoints: behind(&webhook.service),
            ..webhook
        });
        with.collect()
    });
    let addresses = ready.get(&api_server).cloned().unwrap_or_default();
    (judged, Ok(addresses))
}

fn named(kind: &'static str, all: Vec<objects::WebhookConfiguration>) -> Vec<Webhook> {
    let each = all.into_iter().flat_map(|configuration| {
        let name = configuration.metadata.name;
        let webhooks = configuration.webhooks.unwrap_or_default().into_iter();
        webhooks.enumerate().filter_map(move |(index, webhook)| {
            // An URL outside of the cluster has no endpoints to look at.
            let service = webhook.client_config.service?;
            Some(Webhook {
                kind,
                configuration: name.clone(),
                index,
                name: webhook.name,
                service: (service.namespace, service.name),
                refuses: webhook.failure_policy != "Ignore",
                endpoints: 0,
            })
        })
    });
    each.collect()
}

type Endpoints = BTreeMap<(String, String), Vec<String>>;

/// Ready addresses behind each of these Services.
async fn endpoints(api: &Api, wanted: &BTreeSet<(String, String)>) -> Result<Endpoints, KubeError> {
    let keep = |slice: objects::EndpointSlice| {
        let (namespace, name) = slice.service()?;
        let service = (namespace.to_owned(), name.to_owned());
        let ready: Vec<String> = slice.ready().cloned().collect();
        wanted.contains(&service).then_some((service, ready))
    };
    let listed = api
        .list(paths::ENDPOINT_SLICES, Form::Objects, keep)
        .await?;
    let mut all = Endpoints::new();
    for (service, ready) in listed.items {
        all.entry(service).or_default().extend(ready);
    }
    Ok(all)
}

async fn unavailable(api: &Api) -> Result<Kept<String>, KubeError> {
    let one = |service: objects::ApiService| {
        let available = condition(&service.status.conditions, "Available");
        let away = available.is_some_and(|one| one.status == "False");
        Some((service.metadata.name, away))
    };
    let all = api.list(paths::API_SERVICES, Form::Objects, one).await?;
    let count = all.items.len();
    let away = all.items.into_iter().filter(|(_, away)| *away);
    Ok(Kept {
        count,
        kept: away.map(|(name, _)| name).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(text: &str, nodes: &[&str]) -> Option<Pod> {
        let nodes = nodes.iter().map(|name| (*name).to_owned()).collect();
        judged(serde_json::from_str(text).unwrap(), Some(&nodes))
    }

    #[test]
    fn a_pod_is_ready_or_says_why_not() {
        let ready = r#"{"spec":{"nodeName":"a"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;
        let seen = pod(ready, &["a"]).unwrap();
        assert_eq!((seen.trouble, seen.phantom), (None, false));
        assert!(pod(ready, &["b"]).unwrap().phantom);
        let trouble = |text: &str| pod(text, &["a"]).unwrap().trouble.unwrap();
        assert_eq!(trouble(r#"{"status":{"phase":"Pending"}}"#), "Pending");
        assert_eq!(trouble(r#"{"status":{"phase":"Running"}}"#), "not ready");
        assert_eq!(
            trouble(
                r#"{"status":{"phase":"Running","containerStatuses":[{"state":{"running":{}}},{"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}"#
            ),
            "CrashLoopBackOff"
        );
        assert_eq!(
            trouble(
                r#"{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running"}}"#
            ),
            "Terminating"
        );
        assert_eq!(pod(r#"{"status":{"phase":"Succeeded"}}"#, &[]), None);
    }

    #[test]
    fn a_webhook_refuses_unless_it_says_otherwise() {
        let text = r#"[{"metadata":{"name":"c"},"webhooks":[{"name":"url","clientConfig":{"url":"https://x"}},{"name":"a","clientConfig":{"service":{"namespace":"n","name":"s"}}},{"name":"b","failurePolicy":"Ignore","clientConfig":{"service":{"namespace":"n","name":"s"}}}]},{"webhooks":null}]"#;
        let all = named(
            "validatingwebhookconfiguration",
            serde_json::from_str(text).unwrap(),
        );
        let seen: Vec<(usize, bool)> = all.iter().map(|one| (one.index, one.refuses)).collect();
        assert_eq!(seen, [(1, true), (2, false)]);
    }
}
