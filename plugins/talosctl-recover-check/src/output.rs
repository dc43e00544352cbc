//! The report, for people and for scripts.

use etcdbackup::cli::format::yaml;
use etcdbackup::cli::table::table;
use etcdbackup::cli::text::{line, wrapped};
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Ui, findings};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::{Assertion, NodeSurvey, Report};

use crate::cli::Format;

/// The report in the wanted format.
pub(crate) fn render(format: Format, report: &Report<'_>, ui: &Ui) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(text(report, ui, false)),
        Format::Wide => Ok(text(report, ui, true)),
        Format::Yaml => yaml(report),
        Format::Json => serde_json::to_string(report)
            .map(|json| json + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

fn text(report: &Report<'_>, ui: &Ui, wide: bool) -> String {
    let by_verdict = matches!(
        report.assertion,
        Assertion::Triage | Assertion::Unrecoverable
    );
    let mut parts = vec![findings(ui, &report.findings, wide)];
    if by_verdict {
        parts.insert(0, nodes(report));
    }
    let mut end = String::new();
    if by_verdict {
        let judged = report.judgement;
        let words = format!("{}: {}", judged.verdict.word(), judged.verdict.meaning());
        end += &line("Verdict", &words);
        for reason in &judged.reasons {
            end += &wrapped("                - ", "                  ", reason);
        }
    }
    if report.assertion != Assertion::Triage {
        let word = match report.holds {
            Some(true) => "true",
            Some(false) => "not true",
            None => "not known",
        };
        end += &line("Sentence", &format!("{}: {word}", report.sentence));
    }
    for trouble in &report.troubles {
        end += &line("Repair", &trouble.repair);
        end += &commands(&trouble.commands);
    }
    end += &line("Next", &report.next.what);
    end += &commands(&report.next.commands);
    parts.push(end);
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// A command is copied as it stands: never wrapped.
fn commands(all: &[String]) -> String {
    all.iter()
        .map(|command| format!("  {}\n", printable(command)))
        .collect()
}

/// The control planes at a glance.
fn nodes(report: &Report<'_>) -> String {
    let pairs = report.survey.nodes.iter().zip(&report.judgement.conditions);
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
