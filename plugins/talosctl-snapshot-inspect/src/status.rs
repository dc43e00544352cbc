//! `status`: the numbers of a snapshot.

use etcdbackup::cli::Context;
use etcdbackup::cli::format::{age, size};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::etcd::Member;
use etcdbackup::snapshot::finding::Severity;
use etcdbackup::snapshot::report::StatusReport;
use jiff::Timestamp;

use crate::cli::Status;
use crate::input::Input;
use crate::output::{line, render};

pub(crate) async fn run(verb: Status, context: Context) -> Result<Exit, Failure> {
    let input = Input::open(&verb.input, &context).await?;
    let name = input.name.clone();
    let checked = input.check(&context).await?;
    let findings = &checked.survey.findings;
    let worst = findings
        .kept()
        .iter()
        .find(|finding| finding.rule.severity == Severity::Damaged);
    // The numbers of a damaged file would be taken for those of the snapshot.
    if let Some(worst) = worst {
        return Err(
            Failure::new(Exit::Data, format!("{name} is damaged: {worst}"))
                .hint("`talosctl-snapshot-inspect check` lists everything that is wrong with it"),
        );
    }
    let report = StatusReport::from(&checked);
    let shown = render(verb.output, &report, |wide| {
        text(&report, wide, Timestamp::now())
    })?;
    context.ui.data(&shown)?;
    Ok(Exit::Done)
}

fn text(report: &StatusReport, wide: bool, now: Timestamp) -> String {
    let mut lines = vec![
        line("Form", form(report)),
        line("Hash", &format!("{:x} ({})", report.hash, report.hash)),
        line("Revision", &revision(report)),
        line(
            "Keys",
            &format!(
                "{} live, as etcd 3.6 counts; {} records, as 3.4 and 3.5 count",
                report.total_keys.live, report.total_keys.records
            ),
        ),
        line("Size", &pages(report)),
        line("HashKV", &hash_kv(report)),
        line("etcd", &versions(report)),
        line("Raft", &raft(report)),
        line("Members", &list(report.members.iter().map(member))),
        line(
            "Alarms",
            &list(
                report
                    .alarms
                    .iter()
                    .map(|alarm| format!("{} of member {:x}", alarm.kind, alarm.member)),
            ),
        ),
        line(
            "Auth",
            if report.auth.enabled {
                "on: it survives a restore"
            } else {
                "off"
            },
        ),
        line("Leases", &report.leases.to_string()),
        line("Content age", &content_age(report, now)),
    ];
    if wide {
        lines.extend(details(report));
    }
    lines.concat()
}

fn form(report: &StatusReport) -> &'static str {
    match report.form {
        "raw" => "raw copy of a database: no digest proves it",
        _ => "streamed snapshot, its digest holds",
    }
}

fn revision(report: &StatusReport) -> String {
    if report.true_revision == report.revision {
        return report.revision.to_string();
    }
    format!(
        "{} is the last record's; a restored server begins at {}",
        report.revision, report.true_revision
    )
}

fn pages(report: &StatusReport) -> String {
    let pages = report.pages;
    let share = 100 * pages.used / pages.total.max(1);
    format!(
        "{} ({} bytes), {share} % of {} pages in use",
        size(report.total_size),
        report.total_size,
        pages.total
    )
}

fn hash_kv(report: &StatusReport) -> String {
    let hash = report.hashkv;
    let compaction = match hash.compact_revision {
        ..0 => "not compacted".to_owned(),
        compaction => format!("compacted at {compaction}"),
    };
    format!(
        "{} at revision {}, {compaction}",
        hash.hash, hash.hash_revision
    )
}

fn versions(report: &StatusReport) -> String {
    let or_none = |version: &str| {
        if version.is_empty() {
            "none".to_owned()
        } else {
            version.to_owned()
        }
    };
    format!(
        "{} by its records, cluster version {}, storage version {}",
        report.etcd_fingerprint,
        or_none(report.cluster_version.as_deref().unwrap_or_default()),
        or_none(&report.version)
    )
}

fn raft(report: &StatusReport) -> String {
    let number =
        |number: Option<u64>| number.map_or("unknown".to_owned(), |number| number.to_string());
    format!(
        "index {}, term {}",
        number(report.consistent_index),
        number(report.term)
    )
}

fn member(member: &Member) -> String {
    let learner = if member.is_learner { ", learner" } else { "" };
    format!("{} ({:x}{learner})", member.name, member.id)
}

fn list(entries: impl Iterator<Item = String>) -> String {
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() {
        "none".to_owned()
    } else {
        entries.join(", ")
    }
}

fn content_age(report: &StatusReport, now: Timestamp) -> String {
    report
        .newest_node_lease
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or("unknown: no readable node lease".to_owned(), |time| {
            format!("{} (a node's lease was renewed {time})", age(time, now))
        })
}

fn details(report: &StatusReport) -> Vec<String> {
    let mut lines = vec![
        line(
            "File",
            &format!(
                "{} bytes, pages of {} bytes",
                report.file_size, report.pages.size
            ),
        ),
        line("SHA-256", report.sha256.as_deref().unwrap_or("none")),
        line(
            "Auth details",
            &format!(
                "revision {}, {} users, {} roles",
                report.auth.revision, report.auth.users, report.auth.roles
            ),
        ),
        line(
            "Removed",
            &list(report.removed_members.iter().map(|id| format!("{id:x}"))),
        ),
    ];
    lines.extend(report.members.iter().map(|member| {
        let urls = list(member.peer_urls.iter().chain(&member.client_urls).cloned());
        line(
            "Member",
            &format!("{:x} {}: {urls}", member.id, member.name),
        )
    }));
    lines
}
