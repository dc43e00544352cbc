//! Who was asked, and who answered.

use super::super::finding::Finding;
use super::super::known::Known;
use super::super::survey::NodeSurvey;
use super::super::unseen::way_back;
use super::Evidence;

/// Every control plane answers, or is named lost.
pub(super) fn reachable(evidence: &Evidence<'_>) -> Vec<Finding> {
    let nodes = evidence.survey.nodes.iter();
    nodes.map(|node| one(node).on(node)).collect()
}

fn one(node: &NodeSurvey) -> Finding {
    match (&node.reached, node.lost) {
        (Known::Is(_), true) => {
            Finding::fail(format!("{} is named lost, and it answers", node.title())).hint(format!(
                "leave out `--lost`: what {} holds counts",
                node.node
            ))
        }
        (Known::Is(reached), false) if reached.directly => {
            Finding::ok(format!("Talos {} answers", reached.version))
        }
        (Known::Is(reached), false) => Finding::ok(format!(
            "Talos {} answers through endpoint {}",
            reached.version, reached.endpoint
        )),
        (Known::Unknown(_), true) => Finding::warn(format!(
            "{} does not answer, and is named lost for good",
            node.title()
        )),
        (Known::Unknown(unknown), false) => Finding::unknown(unknown).hint(way_back(node, unknown)),
    }
}

/// Who the control planes are, and from where they are known.
pub(super) fn census(evidence: &Evidence<'_>) -> Vec<Finding> {
    let survey = evidence.survey;
    let count = survey.nodes.len();
    if count == 0 {
        return vec![Finding::fail("no control plane is known").hint("name them all with `-n`")];
    }
    let mut findings: Vec<Finding> = survey
        .workers
        .iter()
        .map(|worker| {
            Finding::warn(format!("{worker} is a worker: it has no etcd"))
                .hint("name control planes only")
        })
        .collect();
    if let Some(gap) = survey.gaps.first() {
        findings.push(
            Finding::warn(format!("{count} named, and {gap}"))
                .hint("name them all with `-n`, and give the snapshot: its members count too"),
        );
    } else {
        let s = if count == 1 { "" } else { "s" };
        findings.push(Finding::ok(format!("{count} control plane{s} known")));
    }
    findings
}
