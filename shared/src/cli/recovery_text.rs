//! What was seen before a restore, for people: 80 columns, the verdict, and the next step.

use super::table::table;
use super::text::{line, wrapped};
use super::ui::printable;
use super::{Ui, findings};
use crate::recovery::{Assertion, Judgement, NodeSurvey, Report, Survey};

/// Everything that a report holds.
pub fn report(report: &Report<'_>, ui: &Ui, wide: bool) -> String {
    let by_verdict = matches!(
        report.assertion,
        Assertion::Triage | Assertion::Unrecoverable
    );
    let mut parts = vec![findings(ui, &report.findings, wide)];
    if by_verdict {
        parts.insert(0, control_planes(report.survey, report.judgement));
    }
    let mut end = String::new();
    if by_verdict {
        end += &verdict(report.judgement);
    }
    if report.assertion != Assertion::Triage {
        end += &sentence(report);
    }
    parts.push(end + &next(report));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// The control planes at a glance.
pub fn control_planes(survey: &Survey, judgement: &Judgement) -> String {
    let pairs = survey.nodes.iter().zip(&judgement.conditions);
    let rows: Vec<[String; 5]> = pairs
        .map(|(node, condition)| {
            let service = node.etcd_service();
            [
                node.node.clone(),
                node.hostname.clone().unwrap_or_default(),
                service.map_or_else(|| "?".to_owned(), |service| service.state.clone()),
                condition.words().to_owned(),
                member(node),
            ]
        })
        .collect();
    table(["NODE", "NAME", "SERVICE", "ETCD", "MEMBER"], &[], &rows)
}

/// The verdict, and why.
pub fn verdict(judged: &Judgement) -> String {
    let words = format!("{}: {}", judged.verdict.word(), judged.verdict.meaning());
    let reasons = judged
        .reasons
        .iter()
        .map(|reason| wrapped("                - ", "                  ", reason));
    line("Verdict", &words) + &reasons.collect::<String>()
}

/// Whether the sentence of the assertion is true.
pub fn sentence(report: &Report<'_>) -> String {
    let word = match report.holds {
        Some(true) => "true",
        Some(false) => "not true",
        None => "not known",
    };
    line("Sentence", &format!("{}: {word}", report.sentence))
}

/// What is to be repaired, and the next step.
pub fn next(report: &Report<'_>) -> String {
    let mut text = String::new();
    for trouble in &report.troubles {
        text += &line("Repair", &trouble.repair);
        text += &commands(&trouble.commands);
    }
    text += &line("Next", &report.next.what);
    text + &commands(&report.next.commands)
}

/// A command is copied as it stands: never wrapped.
pub fn commands(all: &[String]) -> String {
    all.iter()
        .map(|command| format!("  {}\n", printable(command)))
        .collect()
}

fn member(node: &NodeSurvey) -> String {
    let Some(status) = node.status.get() else {
        return String::new();
    };
    let leads = status.leader == status.member_id && status.leader != 0;
    let role = match (status.is_learner, leads) {
        (true, _) => " learner",
        (_, true) => " leader",
        _ => "",
    };
    format!("{:016x}{role}", status.member_id)
}
