//! `check`: digest, structure, records.

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::report::{CheckReport, FindingReport};

use crate::cli::Check;
use crate::input::Input;
use crate::output::{line, render, wrapped};

/// Places shown of each rule, unless all are asked for.
const PLACES: usize = 3;

pub(crate) async fn run(verb: Check, context: Context) -> Result<Exit, Failure> {
    let input = Input::open(&verb.input, &context).await?;
    let checked = input.check(&context).await?;
    let report = CheckReport::from(&checked);
    let shown = render(verb.output, &report, |wide| text(&report, wide))?;
    context.ui.data(&shown)?;
    Ok(checked.survey.findings.exit())
}

fn text(report: &CheckReport, wide: bool) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for severity in ["damaged", "suspicious", "note"] {
        for finding in &report.findings {
            if finding.severity == severity && !rules.contains(&finding.rule) {
                rules.push(finding.rule);
            }
        }
    }
    let mut shown: Vec<String> = rules
        .into_iter()
        .map(|rule| group(report, rule, wide))
        .collect();
    shown.push(line("Digest", digest(report)));
    shown.push(line(
        "Structure",
        &format!(
            "{} of {} pages of {} bytes in use",
            report.pages.used, report.pages.total, report.pages.size
        ),
    ));
    shown.push(line(
        "Records",
        &format!(
            "{}, the last of revision {}",
            report.records, report.revision
        ),
    ));
    if wide {
        shown.push(line("SHA-256", report.sha256.as_deref().unwrap_or("none")));
    }
    shown.push(line("Verdict", &verdict(report)));
    shown.concat()
}

fn digest(report: &CheckReport) -> &'static str {
    match (report.digest, report.form) {
        ("holds", _) => "holds: these are the bytes that etcd sent",
        ("none", _) => "none: nothing proves that these are the bytes etcd wrote",
        (_, "lost-digest") => "lost: the last 32 bytes are gone",
        _ => "does not hold",
    }
}

/// All findings of one rule.
fn group(report: &CheckReport, rule: &str, wide: bool) -> String {
    let of_rule: Vec<&FindingReport> = report
        .findings
        .iter()
        .filter(|finding| finding.rule == rule)
        .collect();
    let Some(first) = of_rule.first() else {
        return String::new();
    };
    let kept = if wide { of_rule.len() } else { PLACES };
    let mut shown = vec![format!("{} {rule}\n", first.severity)];
    shown.extend(
        of_rule
            .iter()
            .take(kept)
            .map(|finding| wrapped("  ", "    ", &place(finding))),
    );
    if of_rule.len() > kept {
        let more = of_rule.len() - kept;
        shown.push(format!("  and {more} more (`-o wide` lists them)\n"));
    }
    shown.push(wrapped("  hint: ", "    ", first.hint));
    shown.push("\n".to_owned());
    shown.concat()
}

fn place(finding: &FindingReport) -> String {
    let (Some(page), Some(offset)) = (finding.page, finding.offset) else {
        return finding.what.clone();
    };
    let way: Vec<String> = finding
        .path
        .iter()
        .filter(|step| **step != page)
        .map(ToString::to_string)
        .collect();
    let way = if way.is_empty() {
        String::new()
    } else {
        format!(", below {}", way.join(" > "))
    };
    format!("page {page}, byte {offset}{way}: {}", finding.what)
}

fn verdict(report: &CheckReport) -> String {
    let counts = report.counts;
    let numbers: Vec<String> = [
        (counts.damaged, "damaged"),
        (counts.suspicious, "suspicious"),
        (counts.notes, "notes"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if numbers.is_empty() {
        report.verdict.to_owned()
    } else {
        format!("{} ({})", report.verdict, numbers.join(", "))
    }
}
