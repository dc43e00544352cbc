//! What shall run against what does, and the volumes it runs with.

use super::super::super::finding::{Finding, Severity};
use super::super::super::kubernetes::{Claim, Kept, Workload};
use super::super::Evidence;
use super::{counted, first_of, judged};

const SYSTEM: &str = "kube-system";

/// Every Deployment, StatefulSet and DaemonSet has what it should. Of kube-system each must; of
/// the others one of which nothing runs stands in the way.
pub(in super::super) fn workloads(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.workloads,
        "kubectl get deployments,statefulsets,daemonsets -A",
        |_, workloads| judge(workloads),
    )
}

fn judge(workloads: &Kept<Workload>) -> Vec<Finding> {
    let (down, partly): (Vec<&Workload>, Vec<&Workload>) = workloads
        .kept
        .iter()
        .partition(|one| one.namespace == SYSTEM || one.available == 0);
    let findings: Vec<Finding> = [(Severity::Fail, down), (Severity::Warn, partly)]
        .into_iter()
        .filter_map(|(severity, these)| less(severity, &these))
        .collect();
    if !findings.is_empty() {
        return findings;
    }
    let all = counted(workloads.count, "workload");
    vec![Finding::ok(format!(
        "{all}, all with what they should have"
    ))]
}

fn less(severity: Severity, workloads: &[&Workload]) -> Option<Finding> {
    let first = workloads.first()?;
    let names: Vec<String> = workloads
        .iter()
        .map(|one| {
            format!(
                "{} {}/{} ({} of {})",
                one.kind, one.namespace, one.name, one.available, one.desired
            )
        })
        .collect();
    let text = format!(
        "{} with less than they should have: {}",
        counted(workloads.len(), "workload"),
        first_of(&names)
    );
    Some(Finding::new(severity, text).hint(format!(
        "see why: `kubectl describe {} -n {} {}`",
        first.kind, first.namespace, first.name
    )))
}

/// Every claim has its volume. A pending one may wait for its first pod; a lost one had a volume
/// that the API does not know any more.
pub(in super::super) fn volumes(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.claims,
        "kubectl get persistentvolumeclaims -A",
        |_, claims| judge_claims(claims),
    )
}

fn judge_claims(claims: &Kept<Claim>) -> Vec<Finding> {
    let (lost, pending): (Vec<&Claim>, Vec<&Claim>) =
        claims.kept.iter().partition(|claim| claim.phase == "Lost");
    let tell = |severity, these: &[&Claim], what: &str| {
        let first = these.first()?;
        let names: Vec<String> = these
            .iter()
            .map(|claim| format!("{}/{}", claim.namespace, claim.name))
            .collect();
        let text = format!(
            "{} {what}: {}",
            counted(these.len(), "claim"),
            first_of(&names)
        );
        Some(Finding::new(severity, text).hint(format!(
            "see why: `kubectl describe persistentvolumeclaim -n {} {}`",
            first.namespace, first.name
        )))
    };
    let findings: Vec<Finding> = [
        tell(Severity::Fail, &lost, "lost their volume"),
        tell(Severity::Warn, &pending, "not bound yet"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if findings.is_empty() {
        let all = counted(claims.count, "claim");
        return vec![Finding::ok(format!("{all}, all bound"))];
    }
    findings
}
