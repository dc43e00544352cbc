//! Pods: those on nodes that do not exist, and those that are not ready.

use super::super::super::finding::{Finding, Severity};
use super::super::super::kubernetes::{Kept, Pod};
use super::super::Evidence;
use super::{counted, first_of, judged};

const SYSTEM: &str = "kube-system";

/// Every pod is on a node that exists, and ready; what is not in kube-system may be so for
/// reasons of its own.
pub(in super::super) fn pods(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.pods,
        "kubectl get pods -A -o wide",
        |_, pods| judge(pods),
    )
}

fn judge(pods: &Kept<Pod>) -> Vec<Finding> {
    let phantom: Vec<&Pod> = pods.kept.iter().filter(|pod| pod.phantom).collect();
    let unready = pods
        .kept
        .iter()
        .filter(|pod| !pod.phantom && pod.trouble.is_some());
    let (system, others): (Vec<&Pod>, Vec<&Pod>) = unready.partition(|pod| pod.namespace == SYSTEM);
    let mut findings = Vec::new();
    if let Some(first) = phantom.first() {
        let text = format!(
            "{} on nodes that do not exist: {}",
            counted(phantom.len(), "pod"),
            told(&phantom)
        );
        findings.push(Finding::fail(text).hint(format!(
            "they go within minutes; if not: `kubectl delete pod -n {} {} --force`",
            first.namespace, first.name
        )));
    }
    findings.extend(not_ready(Severity::Fail, " of kube-system", &system));
    findings.extend(not_ready(Severity::Warn, "", &others));
    if findings.is_empty() {
        findings.push(Finding::ok(format!(
            "{}, none without a node, all ready",
            counted(pods.count, "pod")
        )));
    }
    findings
}

fn not_ready(severity: Severity, of: &str, pods: &[&Pod]) -> Option<Finding> {
    let first = pods.first()?;
    let text = format!(
        "{}{of} not ready: {}",
        counted(pods.len(), "pod"),
        told(pods)
    );
    Some(Finding::new(severity, text).hint(format!(
        "see why: `kubectl describe pod -n {} {}`",
        first.namespace, first.name
    )))
}

fn told(pods: &[&Pod]) -> String {
    let names: Vec<String> = pods
        .iter()
        .map(|pod| {
            let why = match (pod.phantom, &pod.trouble) {
                (true, _) => format!(" ({})", pod.node),
                (false, Some(trouble)) => format!(" ({trouble})"),
                (false, None) => String::new(),
            };
            format!("{}/{}{why}", pod.namespace, pod.name)
        })
        .collect();
    first_of(&names)
}
