//! Whether etcd went back, and who may not know it. Talos' restore does not raise revisions, so
//! a kubelet or controller that is older than the restore waits for changes after a revision that
//! etcd has yet to reach, and acts on a world that is gone (kubernetes/kubernetes#131115).

use jiff::Timestamp;

use super::super::super::finding::Finding;
use super::super::super::kubernetes::{Kubelet, Kubernetes};
use super::super::super::survey::Survey;
use super::super::Evidence;
use super::{counted, judged};
use crate::talos::Service;

/// Every change of a key is an entry of Raft's log: only a restore gives etcd revisions that its
/// log has not seen.
pub(in super::super) fn kubelets(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.revision,
        "talosctl -n NODES service kubelet",
        |kubernetes, revision| judge(evidence, kubernetes, *revision),
    )
}

fn judge(evidence: &Evidence<'_>, kubernetes: &Kubernetes, revision: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(gone_back(evidence, kubernetes, revision));
    let Some(log) = kubernetes.log.get() else {
        findings.push(Finding::warn(format!(
            "revision {revision}; whether etcd was restored is not known, since no member tells the length of its log"
        ))
        .hint(restart(kubernetes.kubelets.iter())));
        return findings;
    };
    if i128::from(revision) <= i128::from(*log) {
        findings.push(Finding::ok(format!(
            "revision {revision}, which etcd reached by itself: no restore is in the way"
        )));
        return findings;
    }
    let since = started(evidence.survey);
    let remembers = |kubelet: &&Kubelet| match (kubelet.since.get(), since) {
        (Some(Some(kubelet)), Some(etcd)) => *kubelet < etcd,
        _ => true,
    };
    let old: Vec<&Kubelet> = kubernetes.kubelets.iter().filter(remembers).collect();
    findings.push(if old.is_empty() {
        Finding::ok(format!(
            "restored at an earlier revision, {revision} now; {} started since",
            counted(kubernetes.kubelets.len(), "kubelet")
        ))
    } else {
        Finding::warn(format!(
            "restored at an earlier revision, {revision} now; {} may remember a later one: {}",
            counted(old.len(), "kubelet"),
            super::first_of(&old.iter().map(|one| name(one)).collect::<Vec<_>>())
        ))
        .hint(restart(old.into_iter()))
    });
    findings.extend(controllers(kubernetes, since));
    findings
}

/// A snapshot that knows more than the live cluster: it is what the others may remember.
fn gone_back(evidence: &Evidence<'_>, kubernetes: &Kubernetes, revision: i64) -> Option<Finding> {
    let compared = kubernetes.compared.as_ref().and_then(|one| one.get());
    let compared = compared.map(|one| (one.file.as_str(), one.revision));
    let file = evidence.file.map(|one| (one.name.as_str(), one.revision));
    let (name, later) = [compared, file]
        .into_iter()
        .flatten()
        .max_by_key(|(_, revision)| *revision)?;
    (later > revision).then(|| {
        Finding::warn(format!(
            "revision {revision} is behind that of {name}, {later}: what changed in between is gone"
        ))
        .hint(format!(
            "see what: `talosctl-recover-check recovered --against {name}`"
        ))
    })
}

/// When the first etcd that runs now was started.
fn started(survey: &Survey) -> Option<Timestamp> {
    let services = survey.nodes.iter().filter_map(|node| node.etcd_service());
    let running = services.filter(|service| service.state == "Running");
    running.filter_map(Service::since).min()
}

fn name(kubelet: &Kubelet) -> &str {
    if kubelet.hostname.is_empty() {
        &kubelet.node
    } else {
        &kubelet.hostname
    }
}

/// The command for all of them, workers too.
fn restart<'a>(kubelets: impl Iterator<Item = &'a Kubelet>) -> String {
    let nodes: Vec<&str> = kubelets.map(|kubelet| kubelet.node.as_str()).collect();
    format!(
        "restart them: `talosctl -n {} service kubelet restart`",
        nodes.join(",")
    )
}

/// Controllers that run since before the restore: those of kube-system are told, and their
/// restart.
fn controllers(kubernetes: &Kubernetes, since: Option<Timestamp>) -> Option<Finding> {
    let (pods, since) = (kubernetes.pods.get()?, since?);
    let old = pods
        .kept
        .iter()
        .filter(|pod| pod.namespace == "kube-system" && pod.since.is_some_and(|at| at < since))
        .count();
    (old > 0).then(|| {
        Finding::warn(format!(
            "{} of kube-system run since before the restore: a controller may remember a later revision",
            counted(old, "pod")
        ))
        .hint("restart what watches the API, here and where else controllers run: `kubectl rollout restart deployment,daemonset -n kube-system`")
    })
}
