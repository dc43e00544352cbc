//! Nodes: what the API has, what their kubelets last said, and what Talos knows. After a restore
//! the API says what the snapshot remembers until somebody says otherwise.

use jiff::Timestamp;

use super::super::super::finding::Finding;
use super::super::super::kubernetes::{KubeNode, Kubernetes};
use super::super::super::survey::Survey;
use super::super::Evidence;
use super::{counted, first_of, judged};

/// Seconds without a heartbeat after which nobody is there: a kubelet renews its lease every
/// 10 s, and the controller waits for 40 or 50 s.
const SILENT: i64 = 60;

/// Every node is ready, heard of, and a machine that Talos knows; and the other way round.
pub(in super::super) fn nodes(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.nodes,
        "kubectl get nodes -o wide",
        |kubernetes, nodes| judge(evidence.survey, kubernetes, nodes),
    )
}

fn judge(survey: &Survey, kubernetes: &Kubernetes, nodes: &[KubeNode]) -> Vec<Finding> {
    let machines = machines(survey);
    let listed = survey
        .nodes
        .iter()
        .any(|node| node.cluster_members.is_and(|members| !members.is_empty()));
    let (mut phantom, mut unready, mut silent, mut well) = (vec![], vec![], vec![], 0);
    for node in nodes {
        let beats = node
            .heartbeat
            .is_some_and(|at| age(at, kubernetes) <= SILENT);
        let known = machines.iter().any(|machine| machine.is(node));
        match (known || !listed, node.ready == "True", beats) {
            (false, _, false) => phantom.push(node.name.as_str()),
            (_, false, _) => unready.push(node.name.as_str()),
            (_, true, false) => silent.push(node.name.as_str()),
            (_, true, true) => well += 1,
        }
    }
    let missing: Vec<&str> = machines
        .iter()
        .filter(|machine| !nodes.iter().any(|node| machine.is(node)))
        .map(|machine| machine.name.as_str())
        .collect();
    let mut findings = vec![];
    let mut tell = |names: &[&str], what: &str, hint: String| {
        if !names.is_empty() {
            let text = format!(
                "{} {what}: {}",
                counted(names.len(), "node"),
                first_of(names)
            );
            findings.push(Finding::fail(text).hint(hint));
        }
    };
    tell(&unready, "not ready", describe(&unready));
    tell(
        &silent,
        "called ready, without a heartbeat for a minute",
        "bring it back, or restart its kubelet: `talosctl -n ADDRESS service kubelet restart`"
            .to_owned(),
    );
    tell(
        &phantom,
        "that Talos does not know and nobody hears of",
        format!(
            "if it is gone for good: `kubectl delete node {}`",
            phantom.join(" ")
        ),
    );
    tell(
        &missing,
        "known to Talos and not to Kubernetes",
        "its kubelet registers it: look at `talosctl -n ADDRESS logs kubelet`".to_owned(),
    );
    if well > 0 || findings.is_empty() {
        findings.insert(0, healthy(well));
    }
    findings
}

fn healthy(count: usize) -> Finding {
    match count {
        0 => Finding::fail("there is no node")
            .hint("the kubelets register them: look at `talosctl -n ADDRESS logs kubelet`"),
        count => Finding::ok(format!("{} ready and heard of", counted(count, "node"))),
    }
}

fn describe(names: &[&str]) -> String {
    let first = names.first().copied().unwrap_or_default();
    format!("see why: `kubectl describe node {first}`")
}

/// Seconds since then, by the API server's clock.
fn age(at: Timestamp, kubernetes: &Kubernetes) -> i64 {
    kubernetes.clock.as_second() - at.as_second()
}

/// A machine as Talos knows it.
struct Machine {
    name: String,
    addresses: Vec<String>,
}

impl Machine {
    fn is(&self, node: &KubeNode) -> bool {
        let meets = |address: &String| node.addresses.contains(address);
        self.name == node.name || self.addresses.iter().any(meets)
    }
}

/// The control planes that are not lost, and everything that discovery knows.
fn machines(survey: &Survey) -> Vec<Machine> {
    let own = survey.nodes.iter().filter(|node| !node.lost);
    let mut all: Vec<Machine> = own
        .map(|node| Machine {
            name: node.hostname.clone().unwrap_or_else(|| node.node.clone()),
            addresses: node.addresses.get().cloned().unwrap_or_default(),
        })
        .collect();
    let lists = survey
        .nodes
        .iter()
        .filter_map(|node| node.cluster_members.get());
    for member in lists.flatten() {
        let lost = survey
            .called(&member.hostname)
            .is_some_and(|node| node.lost);
        let met = all.iter().any(|one| one.name == member.hostname);
        if !met && !lost {
            all.push(Machine {
                name: member.hostname.clone(),
                addresses: member.addresses.clone(),
            });
        }
    }
    all
}
