//! What destinations hold, as what it is.

use etcdbackup::catalogue::{self, Entry, Kind, ObjectName};
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{self, Destination};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Format, List};
use crate::table;

/// An entry and where it lies.
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) url: String,
    pub(crate) destination: String,
}

pub(crate) async fn run(list: List, context: Context) -> Result<Exit, Failure> {
    if list.destinations.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "no destination to list").hint(format!(
                "name one: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        );
    }
    let max_age = list.max_age.as_deref().map(parse_age).transpose()?;
    let now = Timestamp::now();
    let mut rows = Vec::new();
    let mut exit = Exit::Done;
    for destination in &list.destinations {
        let found = read(destination, &list, now).await?;
        if found.is_empty() {
            context.ui.note(&format!("no backup in {destination}"));
        }
        if let Some(stale) = max_age.and_then(|max_age| stale(&found, max_age, now)) {
            context.ui.warn(&format!("{destination}: {stale}"));
            exit = Exit::No;
        }
        rows.extend(found);
    }
    rows.sort_by_key(|row| std::cmp::Reverse(time_of(&row.entry)));
    let several = list.destinations.len() > 1;
    let text = match list.output {
        Format::Table | Format::Wide => table::render(
            &rows,
            list.output == Format::Wide,
            several,
            now,
            &context.ui,
        ),
        Format::Name => rows.iter().map(|row| printable(&row.url) + "\n").collect(),
        Format::Json => {
            serde_json::to_string_pretty(&values(&rows)).map_err(|error| bug(&error))? + "\n"
        }
        Format::Yaml => format::yaml(&values(&rows))?,
    };
    context.ui.report(&text)?;
    Ok(exit)
}

async fn read(destination: &str, list: &List, now: Timestamp) -> Result<Vec<Row>, Failure> {
    let destination = Destination::parse(destination)?;
    let store = store::open(&destination, &list.store.options()).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(store.as_ref(), prefix.trim_end_matches('/'), now).await?;
    let wanted = entries.into_iter().filter(|entry| {
        !matches!(entry.kind, Kind::Manifest) && of_cluster(entry, list.cluster_name.as_deref())
    });
    Ok(wanted
        .map(|entry| Row {
            url: store.url_of(&entry.key),
            destination: destination.to_string(),
            entry,
        })
        .collect())
}

/// What names another cluster is not shown; what names none may belong to it.
fn of_cluster(entry: &Entry, wanted: Option<&str>) -> bool {
    let named = match &entry.kind {
        Kind::Snapshot(name) | Kind::FutureDated(name) => Some(name.cluster.clone()),
        Kind::Partial => ObjectName::parse(&entry.name).map(|name| name.cluster),
        _ => None,
    };
    wanted.is_none_or(|wanted| named.is_none_or(|named| named == wanted))
}

pub(crate) fn time_of(entry: &Entry) -> Option<Timestamp> {
    match &entry.kind {
        Kind::Snapshot(name) | Kind::FutureDated(name) => Some(name.taken_at),
        _ => entry.modified,
    }
}

/// Why a destination is not fresh; none: it is.
fn stale(rows: &[Row], max_age: SignedDuration, now: Timestamp) -> Option<String> {
    let newest = rows
        .iter()
        .filter(|row| matches!(row.entry.kind, Kind::Snapshot(_)))
        .filter_map(|row| time_of(&row.entry))
        .max();
    match newest {
        Some(newest) if now.duration_since(newest) <= max_age => None,
        Some(newest) => Some(format!(
            "the newest snapshot is {} old, more than `--max-age`",
            format::age(newest, now)
        )),
        None => Some("there is no snapshot".to_owned()),
    }
}

fn parse_age(text: &str) -> Result<SignedDuration, Failure> {
    let wrong = || {
        Failure::new(Exit::Usage, format!("`--max-age {text}` is not an age"))
            .hint("write it like 12h, 90m or 2d")
    };
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
        .ok_or_else(wrong)
}

fn bug(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Bug, format!("cannot print the listing: {error}"))
}

fn values(rows: &[Row]) -> Vec<Value> {
    let value = |row: &Row| {
        let (cluster, taken_at) = match &row.entry.kind {
            Kind::Snapshot(name) | Kind::FutureDated(name) => {
                (Some(name.cluster.clone()), Some(name.taken_at.to_string()))
            }
            _ => (None, None),
        };
        json!({
            "url": row.url, "key": row.entry.key, "size": row.entry.size, "state": state(&row.entry),
            "modified": row.entry.modified.map(|time| time.to_string()), "cluster": cluster, "takenAt": taken_at,
        })
    };
    rows.iter().map(value).collect()
}

pub(crate) fn state(entry: &Entry) -> String {
    match &entry.kind {
        Kind::Snapshot(_) => "snapshot".to_owned(),
        Kind::FutureDated(_) => "future-dated".to_owned(),
        Kind::Undated => "undated".to_owned(),
        Kind::Partial => "partial".to_owned(),
        Kind::Foreign(tool) => format!("foreign ({tool})"),
        Kind::Manifest => "manifest".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_with_their_unit() {
        assert_eq!(parse_age("12h").unwrap(), SignedDuration::from_hours(12));
        assert_eq!(parse_age("2d").unwrap(), SignedDuration::from_hours(48));
        for wrong in ["", "12", "h", "12y", "-1h", "99999999999999999999d"] {
            assert_eq!(parse_age(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
