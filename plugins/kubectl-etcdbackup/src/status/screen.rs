//! The screen: readable at 80 columns, and without colour.

use etcdbackup::cli::format;
use etcdbackup::cli::table::table;
use etcdbackup::cli::ui::{Tone, Ui, printable};
use etcdbackup::scheduled::{Run, RunState};
use etcdbackup::status::{Checked, Place, Schedule, Status, sparkline};
use jiff::Timestamp;

use super::beside;

/// Runs that are shown.
const RUNS: usize = 5;

pub(crate) fn render(status: &Status, now: Timestamp, ui: &Ui) -> String {
    let mut text = String::new();
    if let Some(schedule) = &status.schedule {
        text += &schedule_lines(schedule, now);
    }
    text += &runs(&status.runs, now);
    text += &places(&status.destinations, now);
    for place in &status.destinations {
        text += &below(place, now);
    }
    if let Some(talos) = &status.talos {
        let end = talos.certificate_end.parse().ok();
        let end = end.map_or_else(String::new, |end: Timestamp| {
            let left = format::age(now, end);
            format!(", certificate valid for {left}")
        });
        let (context, roles) = (printable(&talos.context), talos.roles.join(", "));
        text += &format!("\nTalos context {context} ({roles}){end}\n");
    }
    text += &sentences("not seen", &status.unseen);
    text += &sentences("warning", &status.warnings);
    text += &sentences("stale", &status.stale);
    text += &verdict(status, ui);
    text
}

fn schedule_lines(schedule: &Schedule, now: Timestamp) -> String {
    let zone = schedule
        .time_zone
        .as_deref()
        .unwrap_or("the controller's time zone");
    let next = schedule
        .next_run
        .as_ref()
        .and_then(|next| next.parse().ok());
    let next = match next {
        _ if schedule.suspended => ", suspended".to_owned(),
        Some(next) => format!(", next run in {}", format::age(now, next)),
        None => String::new(),
    };
    format!(
        "CronJob {}/{}: {} ({}){next}\n",
        printable(&schedule.namespace),
        printable(&schedule.name),
        printable(&schedule.schedule),
        printable(zone),
    )
}

fn runs(runs: &[Run], now: Timestamp) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 4]> = runs
        .iter()
        .take(RUNS)
        .map(|run| {
            let began = run.began();
            let took = run.report.as_ref().map(|report| report.duration_seconds);
            [
                began.map_or_else(|| "-".to_owned(), |began| format::age(began, now)),
                run.state.word().to_owned(),
                took.map_or_else(|| "-".to_owned(), |took| format!("{took:.1}s")),
                what(run),
            ]
        })
        .collect();
    format!(
        "\n{}",
        table(["RUN", "STATE", "TOOK", "RESULT"], &[], &rows)
    )
}

/// Why a run failed, or how much it stored.
fn what(run: &Run) -> String {
    let receipt = run
        .report
        .as_ref()
        .and_then(|report| report.receipt.as_ref());
    match (run.state, &run.reason, receipt) {
        (RunState::Failed, Some(reason), _) => reason.clone(),
        (_, _, Some(receipt)) => format!(
            "{} → {}",
            format::size(receipt.snapshot.bytes),
            format::size(receipt.stored.bytes)
        ),
        _ => String::new(),
    }
}

fn places(places: &[Place], now: Timestamp) -> String {
    let seen: Vec<&Place> = places
        .iter()
        .filter(|place| place.error.is_none())
        .collect();
    let ago = |text: &str| {
        let time = text.parse().ok();
        time.map_or_else(|| "-".to_owned(), |time| format::age(time, now))
    };
    let checked = |checked: &Option<Checked>| {
        checked.as_ref().map_or_else(
            || "never".to_owned(),
            |checked| format!("{}, {}", checked.verdict, ago(&checked.at)),
        )
    };
    let rows: Vec<[String; 6]> = seen
        .iter()
        .map(|place| {
            let newest = place.newest.as_ref();
            [
                place.destination.clone(),
                newest.map_or_else(|| "none".to_owned(), |newest| ago(&newest.taken_at)),
                newest.map_or_else(|| "-".to_owned(), |newest| format::size(newest.bytes)),
                place.snapshots.to_string(),
                checked(&place.verified),
                checked(&place.drilled),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = [
        "DESTINATION",
        "NEWEST",
        "SIZE",
        "COUNT",
        "VERIFIED",
        "DRILLED",
    ];
    format!("\n{}", table(header, &[2, 3], &rows))
}

/// Growth and recipients of a destination, and what lies beside the backups.
fn below(place: &Place, now: Timestamp) -> String {
    let mut text = String::new();
    if let (true, Some(first), Some(last)) = (
        place.sizes.len() > 1,
        place.sizes.first(),
        place.sizes.last(),
    ) {
        text += &format!(
            "  {} {} → {}, {} in all\n",
            sparkline(&place.sizes),
            format::size(*first),
            format::size(*last),
            format::size(place.bytes)
        );
    }
    let recipients = place
        .newest
        .as_ref()
        .map(|newest| newest.recipients.as_slice());
    for recipient in recipients.unwrap_or_default() {
        text += &format!("  opened by {}\n", printable(recipient));
    }
    text + &beside::machine_configs(place, now) + &beside::uploads(place, now)
}

fn sentences(label: &str, all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let lines = all
        .iter()
        .map(|one| format!("{label}: {}\n", printable(one)));
    format!("\n{}", lines.collect::<String>())
}

fn verdict(status: &Status, ui: &Ui) -> String {
    let unseen = status
        .destinations
        .iter()
        .all(|place| place.error.is_some());
    let (word, tone) = match (
        status.stale.is_empty(),
        unseen || status.limit_seconds.is_none(),
    ) {
        (false, _) => ("STALE", Tone::Odd),
        (true, true) => ("UNKNOWN", Tone::Odd),
        (true, false) => ("FRESH", Tone::Good),
    };
    format!("\n{}\n", ui.state(word, tone))
}
