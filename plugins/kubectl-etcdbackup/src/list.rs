//! What a destination holds, as what it is.

use comfy_table::{CellAlignment, Table, presets};
use etcdbackup::catalogue::{self, Entry, Kind};
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{self, Destination, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Format, List};

pub(crate) async fn run(list: List, context: Context) -> Result<Exit, Failure> {
    let max_age = list.max_age.as_deref().map(parse_age).transpose()?;
    let store = store::open(
        &Destination::parse(&list.destination)?,
        &list.store.options(),
    )
    .await?;
    let now = Timestamp::now();
    let prefix = store.key_of("");
    let mut entries = catalogue::read(store.as_ref(), prefix.trim_end_matches('/'), now).await?;
    entries.retain(|entry| {
        !matches!(entry.kind, Kind::Manifest) && of_cluster(entry, list.cluster_name.as_deref())
    });
    entries.sort_by_key(|entry| std::cmp::Reverse(time_of(entry)));
    if entries.is_empty() {
        context
            .ui
            .note(&format!("no backup in {}", list.destination));
    }
    context
        .ui
        .data(&render(&entries, store.as_ref(), list.output, now)?)?;
    Ok(judge(&entries, max_age, now, &context))
}

fn of_cluster(entry: &Entry, wanted: Option<&str>) -> bool {
    match (&entry.kind, wanted) {
        (Kind::Snapshot(name) | Kind::FutureDated(name), Some(wanted)) => name.cluster == wanted,
        _ => true,
    }
}

fn time_of(entry: &Entry) -> Option<Timestamp> {
    match &entry.kind {
        Kind::Snapshot(name) | Kind::FutureDated(name) => Some(name.taken_at),
        _ => entry.modified,
    }
}

fn judge(
    entries: &[Entry],
    max_age: Option<SignedDuration>,
    now: Timestamp,
    context: &Context,
) -> Exit {
    let Some(max_age) = max_age else {
        return Exit::Done;
    };
    let newest = entries
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::Snapshot(_)))
        .filter_map(time_of)
        .max();
    match newest {
        Some(newest) if now.duration_since(newest) <= max_age => Exit::Done,
        Some(newest) => {
            context.ui.warn(&format!(
                "the newest snapshot is {} old, more than `--max-age`",
                format::age(newest, now)
            ));
            Exit::No
        }
        None => {
            context.ui.warn("there is no snapshot");
            Exit::No
        }
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

fn render(
    entries: &[Entry],
    store: &dyn Store,
    output: Format,
    now: Timestamp,
) -> Result<String, Failure> {
    match output {
        Format::Name => Ok(entries
            .iter()
            .map(|entry| format!("{}\n", store.url_of(&entry.key)))
            .collect()),
        Format::Json => serde_json::to_string_pretty(&values(entries, store))
            .map(|text| text + "\n")
            .map_err(|error| bug(&error)),
        Format::Yaml => etcdbackup::cli::format::yaml(&values(entries, store)),
        Format::Table | Format::Wide => Ok(table(entries, output == Format::Wide, now)),
    }
}

fn bug(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Bug, format!("cannot print the listing: {error}"))
}

fn values(entries: &[Entry], store: &dyn Store) -> Vec<Value> {
    let value = |entry: &Entry| {
        let (cluster, taken_at) = match &entry.kind {
            Kind::Snapshot(name) | Kind::FutureDated(name) => {
                (Some(name.cluster.clone()), Some(name.taken_at.to_string()))
            }
            _ => (None, None),
        };
        json!({
            "url": store.url_of(&entry.key), "key": entry.key, "size": entry.size, "state": state(entry),
            "modified": entry.modified.map(|time| time.to_string()), "cluster": cluster, "takenAt": taken_at,
        })
    };
    entries.iter().map(value).collect()
}

fn state(entry: &Entry) -> String {
    match &entry.kind {
        Kind::Snapshot(_) => "snapshot".to_owned(),
        Kind::FutureDated(_) => "future-dated".to_owned(),
        Kind::Undated => "undated".to_owned(),
        Kind::Partial => "partial".to_owned(),
        Kind::Foreign(tool) => format!("foreign ({tool})"),
        Kind::Manifest => "manifest".to_owned(),
    }
}

fn table(entries: &[Entry], wide: bool, now: Timestamp) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["NAME", "AGE", "SIZE", "STATE"];
    if wide {
        header.extend(["CLUSTER", "TIME", "KEY"]);
    }
    table.set_header(header);
    for entry in entries {
        let time = time_of(entry);
        let mut row = vec![
            printable(&entry.name),
            time.map_or_else(|| "-".to_owned(), |time| format::age(time, now)),
            format::size(entry.size),
            state(entry),
        ];
        if wide {
            let cluster = match &entry.kind {
                Kind::Snapshot(name) | Kind::FutureDated(name) => printable(&name.cluster),
                _ => "-".to_owned(),
            };
            row.extend([
                cluster,
                time.map_or_else(|| "-".to_owned(), |time| time.to_string()),
                printable(&entry.key),
            ]);
        }
        table.add_row(row);
    }
    if let Some(size) = table.column_mut(2) {
        size.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n") + "\n"
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
