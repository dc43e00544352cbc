//! What of it is stale, and what a person should look at: a pure function of what was seen.

use jiff::{SignedDuration, Timestamp};

use super::model::{Place, Status};
use crate::configs::Outdated;
use crate::scheduled::RunState;
use crate::units::span;

/// A drill or verification older than this is worth a word, in days.
const CHECKED_DAYS: i64 = 30;
/// Of a certificate's life, in days.
const CERTIFICATE_DAYS: i64 = 14;
/// How much smaller than the median of the others a backup is worth a word.
const SHRUNK: u64 = 2;

/// Fills verdict and warnings. `limit`: how old a backup may be; without it two intervals of the
/// schedule.
pub fn judge(status: &mut Status, limit: Option<SignedDuration>, now: Timestamp) {
    let interval = status
        .schedule
        .as_ref()
        .and_then(|schedule| schedule.interval_seconds);
    let limit = limit
        .map(|limit| limit.as_secs())
        .or(interval.map(|interval| interval * 2));
    status.limit_seconds = limit;
    status.stale = match limit {
        Some(limit) => status
            .destinations
            .iter()
            .filter_map(|place| stale(place, limit, now))
            .collect(),
        None => Vec::new(),
    };
    if limit.is_none() && !status.destinations.is_empty() {
        status.unseen.push(
            "how old a backup may be: no schedule is known, name it with `--max-age`".to_owned(),
        );
    }
    status.warnings = warnings(status, now);
}

fn stale(place: &Place, limit: i64, now: Timestamp) -> Option<String> {
    if place.error.is_some() {
        return None;
    }
    let destination = &place.destination;
    let Some(newest) = &place.newest else {
        return Some(format!("{destination} holds no good snapshot"));
    };
    // The content may be older than its upload.
    let content = newest.content_at.as_deref().and_then(time);
    let taken = time(&newest.taken_at)?;
    let taken = content.map_or(taken, |content| content.min(taken));
    let age = now.as_second() - taken.as_second();
    (age > limit).then(|| {
        let (age, limit) = (spoken(age), spoken(limit));
        format!("{destination}: the newest good snapshot is {age} old, more than {limit}")
    })
}

fn warnings(status: &Status, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(schedule) = &status.schedule
        && schedule.suspended
    {
        let name = &schedule.name;
        warnings.push(format!(
            "CronJob `{name}` is suspended: nothing backs up by schedule"
        ));
    }
    let finished = status
        .runs
        .iter()
        .find(|run| run.state != RunState::Running);
    if let Some(run) = finished.filter(|run| run.state == RunState::Failed) {
        let reason = run.reason.as_deref().unwrap_or("no reason is known");
        warnings.push(format!("the last run failed: {reason}"));
    }
    for place in &status.destinations {
        warnings.extend(of_place(place, now));
    }
    if let Some(talos) = &status.talos
        && let Some(end) = time(&talos.certificate_end)
        && end.as_second() - now.as_second() < CERTIFICATE_DAYS * 86_400
    {
        let context = &talos.context;
        warnings.push(format!(
            "the certificate of Talos context `{context}` expires at {end}"
        ));
    }
    warnings
}

fn of_place(place: &Place, now: Timestamp) -> Vec<String> {
    let destination = &place.destination;
    let mut warnings = Vec::new();
    for url in &place.bad {
        warnings.push(format!("{url} failed its verification: passed over"));
    }
    if place
        .newest
        .as_ref()
        .is_some_and(|newest| newest.encrypted == Some(false))
    {
        warnings.push(format!(
            "{destination}: the newest snapshot is not encrypted"
        ));
    }
    if place.snapshots > 0 {
        for (what, checked) in [
            ("verified with its keys", &place.verified),
            ("drilled", &place.drilled),
        ] {
            let at = checked.as_ref().and_then(|checked| time(&checked.at));
            let old = at.is_none_or(|at| now.as_second() - at.as_second() > CHECKED_DAYS * 86_400);
            if old {
                warnings.push(format!(
                    "{destination}: nothing was {what} for {CHECKED_DAYS} days"
                ));
            }
        }
    }
    warnings.extend(left_over(place));
    warnings.extend(outdated(place));
    if let Some((last, median)) = shrunk(&place.sizes) {
        warnings.push(format!(
            "{destination}: the last object has {last} bytes, the others {median} in the median"
        ));
    }
    warnings
}

/// Who was replaced with a config of yesterday comes back as another machine.
fn outdated(place: &Place) -> Vec<String> {
    let nodes = place.outdated_configs.iter().flatten();
    let sentence = |node: &Outdated| {
        let (destination, name) = (&place.destination, &node.node);
        let what = node.newest.map_or_else(
            || "has no saved machine config".to_owned(),
            |newest| format!("runs with another machine config than the one saved at {newest}"),
        );
        format!("{destination}: {name} {what}: `kubectl etcdbackup configs save`")
    };
    nodes.map(sentence).collect()
}

/// Uploads that no run is behind any more cost until somebody clears them.
fn left_over(place: &Place) -> Option<String> {
    let uploads = place.open_uploads.iter().flatten();
    let left: Vec<_> = uploads.filter(|upload| upload.is_left_over()).collect();
    let oldest = left.iter().filter_map(|upload| upload.age_seconds).max();
    let (count, uploads) = match left.len() {
        0 => return None,
        1 => ("1".to_owned(), "upload was"),
        several => (several.to_string(), "uploads were"),
    };
    let oldest = oldest.map_or_else(String::new, |age| format!(", {} ago at most", spoken(age)));
    let destination = &place.destination;
    Some(format!(
        "{destination}: {count} {uploads} begun and not ended{oldest}"
    ))
}

/// The last size and the median of the others, when it is less than half of that.
fn shrunk(sizes: &[u64]) -> Option<(u64, u64)> {
    let (last, others) = sizes.split_last()?;
    let mut others = others.to_vec();
    others.sort_unstable();
    let median = *others.get(others.len() / 2)?;
    (others.len() >= 3 && last.saturating_mul(SHRUNK) < median).then_some((*last, median))
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn spoken(seconds: i64) -> String {
    span(seconds.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::super::model::{Checked, Newest, OpenUpload, Schedule, TalosAccess};
    use super::*;

    const NOW: &str = "2026-01-10T12:00:00Z";

    fn place(taken_at: &str) -> Place {
        let checked = Some(Checked {
            object: "o".to_owned(),
            at: "2026-01-09T00:00:00Z".to_owned(),
            depth: "drill".to_owned(),
            verdict: "good",
        });
        Place {
            destination: "s3://b/p".to_owned(),
            snapshots: 5,
            newest: Some(Newest {
                url: "s3://b/p/o".to_owned(),
                taken_at: taken_at.to_owned(),
                content_at: None,
                bytes: 9,
                encrypted: Some(true),
                recipients: Vec::new(),
            }),
            verified: checked.clone(),
            drilled: checked,
            ..Place::default()
        }
    }

    fn upload(age_seconds: i64) -> OpenUpload {
        OpenUpload {
            key: "p/o".to_owned(),
            upload_id: "u".to_owned(),
            begun_at: None,
            age_seconds: Some(age_seconds),
        }
    }

    fn status(place: Place) -> Status {
        Status {
            schedule: Some(Schedule {
                namespace: "n".to_owned(),
                name: "c".to_owned(),
                schedule: "0 * * * *".to_owned(),
                time_zone: None,
                suspended: false,
                next_run: None,
                interval_seconds: Some(3600),
            }),
            destinations: vec![place],
            ..Status::default()
        }
    }

    fn judged(mut status: Status, limit: Option<SignedDuration>) -> Status {
        judge(&mut status, limit, time(NOW).unwrap());
        status
    }

    #[test]
    fn two_intervals_are_fresh_and_no_longer() {
        for (taken_at, fresh) in [
            ("2026-01-10T10:00:00Z", true),
            ("2026-01-10T09:59:59Z", false),
        ] {
            let judged = judged(status(place(taken_at)), None);
            assert_eq!(judged.stale.is_empty(), fresh, "{:?}", judged.stale);
            assert!(judged.warnings.is_empty(), "{:?}", judged.warnings);
        }
        let strict = Some(SignedDuration::from_mins(30));
        assert_eq!(
            judged(status(place("2026-01-10T11:00:00Z")), strict)
                .stale
                .len(),
            1
        );
    }

    #[test]
    fn old_content_in_a_new_object_is_old() {
        let mut old = place("2026-01-10T11:59:00Z");
        let newest = old.newest.as_mut().unwrap();
        newest.content_at = Some("2026-01-07T00:00:00Z".to_owned());
        let judged = judged(status(old), None);
        assert!(judged.stale[0].contains("3d12h old"), "{:?}", judged.stale);
    }

    #[test]
    fn nothing_good_is_stale_and_what_cannot_be_seen_is_not_judged() {
        let empty = Place {
            newest: None,
            ..place(NOW)
        };
        assert!(judged(status(empty), None).stale[0].contains("no good snapshot"));
        let unseen = Place {
            newest: None,
            error: Some("refused".to_owned()),
            snapshots: 0,
            ..place(NOW)
        };
        assert!(judged(status(unseen), None).stale.is_empty());
        let mut unknown = status(place("2020-01-01T00:00:00Z"));
        unknown.schedule = None;
        let unknown = judged(unknown, None);
        assert!(unknown.stale.is_empty());
        assert!(unknown.unseen[0].contains("--max-age"));
    }

    #[test]
    fn what_a_person_should_look_at() {
        let mut odd = place(NOW);
        odd.bad = vec!["s3://b/p/bad".to_owned()];
        odd.drilled = None;
        odd.sizes = vec![100, 110, 120, 40];
        odd.open_uploads = Some([60, 3601, 7200].map(upload).into());
        odd.outdated_configs = Some(
            [("cp-1", None), ("cp-2", time("2026-01-01T00:00:00Z"))]
                .map(|(node, newest)| Outdated {
                    node: node.to_owned(),
                    newest,
                })
                .into(),
        );
        if let Some(newest) = &mut odd.newest {
            newest.encrypted = Some(false);
        }
        let mut odd = status(odd);
        if let Some(schedule) = &mut odd.schedule {
            schedule.suspended = true;
        }
        odd.talos = Some(TalosAccess {
            context: "prod".to_owned(),
            certificate_end: "2026-01-12T00:00:00Z".to_owned(),
            roles: Vec::new(),
        });
        let warnings = judged(odd, None).warnings.join("\n");
        for words in [
            "is suspended",
            "s3://b/p/bad failed",
            "not encrypted",
            "nothing was drilled",
            "2 uploads were begun and not ended, 2h0m ago at most",
            "cp-1 has no saved machine config",
            "cp-2 runs with another machine config than the one saved at 2026-01-01T00:00:00Z",
            "the last object has 40 bytes, the others 110",
            "Talos context `prod` expires",
        ] {
            assert!(warnings.contains(words), "{words} in {warnings}");
        }
    }
}
