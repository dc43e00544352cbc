//! Several clusters in one table.

use etcdbackup::cli::format;
use etcdbackup::cli::table::table;
use etcdbackup::cli::ui::printable;
use etcdbackup::failure::Failure;
use etcdbackup::status::{Place, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

type Looked = (String, Result<Status, Failure>);

/// A row a destination, and below the table what is not as it should be.
pub(super) fn render(all: &[Looked], now: Timestamp) -> String {
    let mut rows: Vec<[String; 6]> = Vec::new();
    let mut below = String::new();
    for (name, looked) in all {
        match looked {
            Ok(status) => {
                rows.extend(of_cluster(name, status, now));
                let told = [
                    ("not seen", &status.unseen),
                    ("warning", &status.warnings),
                    ("stale", &status.stale),
                ];
                for (label, sentences) in told {
                    for sentence in sentences {
                        below +=
                            &format!("{}: {label}: {}\n", printable(name), printable(sentence));
                    }
                }
            }
            Err(failure) => {
                rows.push(row(name, "-", None, now, "failed"));
                below += &format!("{}: {}\n", printable(name), printable(&failure.what));
            }
        }
    }
    let header = ["CONTEXT", "DESTINATION", "NEWEST", "SIZE", "COUNT", "STATE"];
    let text = table(header, &[3, 4], &rows);
    if below.is_empty() {
        text
    } else {
        format!("{text}\n{below}")
    }
}

fn of_cluster(name: &str, status: &Status, now: Timestamp) -> Vec<[String; 6]> {
    let state = |place: &Place| match (&place.error, status.limit_seconds) {
        (Some(_), _) => "not seen",
        (None, None) => "unknown",
        (None, Some(_)) => {
            let of_place = |told: &&String| told.starts_with(&place.destination);
            if status.stale.iter().any(|told| of_place(&told)) {
                "stale"
            } else {
                "fresh"
            }
        }
    };
    if status.destinations.is_empty() {
        return vec![row(name, "-", None, now, "unknown")];
    }
    let places = status.destinations.iter();
    places
        .map(|place| row(name, &place.destination, Some(place), now, state(place)))
        .collect()
}

fn row(
    name: &str,
    destination: &str,
    place: Option<&Place>,
    now: Timestamp,
    state: &str,
) -> [String; 6] {
    let none = || "-".to_owned();
    let newest = place.and_then(|place| place.newest.as_ref());
    let taken = newest.and_then(|newest| newest.taken_at.parse().ok());
    [
        name.to_owned(),
        destination.to_owned(),
        taken.map_or_else(none, |taken| format::age(taken, now)),
        newest.map_or_else(none, |newest| format::size(newest.bytes)),
        place.map_or_else(none, |place| place.snapshots.to_string()),
        state.to_owned(),
    ]
}

/// The same for scripts: an array, a status or an error a context.
pub(super) fn values(all: &[Looked]) -> Vec<Value> {
    let value = |(name, looked): &Looked| match looked {
        Ok(status) => json!({"context": name, "status": status}),
        Err(failure) => {
            json!({"context": name, "error": failure.what, "exitCode": failure.exit.code()})
        }
    };
    all.iter().map(value).collect()
}
