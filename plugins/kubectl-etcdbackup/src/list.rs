//! What destinations hold, as what it is.

use std::sync::Arc;

use etcdbackup::catalogue::{self, Entry, Kind, ObjectName};
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{self, Destination, Store};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::cli::{Format, List};
use crate::installed;
use crate::table;

/// A destination that was listed.
pub(crate) struct Place {
    pub(crate) destination: String,
    store: Arc<dyn Store>,
}

/// An entry and where it lies.
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) place: Arc<Place>,
}

impl Row {
    fn url(&self) -> String {
        self.place.store.url_of(&self.entry.key)
    }
}

/// Text is written out in pieces of about this size: a long listing is never in memory twice.
pub(crate) const PIECE: usize = 64 * 1024;

pub(crate) async fn run(
    mut list: List,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    installed::fill(
        &mut list.destinations,
        &mut list.store,
        &mut list.cluster_name,
        kubernetes,
        &context,
    )
    .await?;
    let now = clock::now();
    let mut rows = Vec::new();
    let mut exit = Exit::Done;
    for destination in &list.destinations {
        let found = read(destination, &list, now).await?;
        if found.is_empty() {
            context.ui.note(&format!("no backup in {destination}"));
        }
        if let Some(stale) = list.max_age.and_then(|max_age| stale(&found, max_age, now)) {
            context.ui.warn(&format!("{destination}: {stale}"));
            exit = Exit::No;
        }
        if rows.is_empty() {
            rows = found;
        } else {
            rows.extend(found);
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(time_of(&row.entry)));
    let several = list.destinations.len() > 1;
    match list.output {
        Format::Table | Format::Wide => {
            let wide = list.output == Format::Wide;
            table::print(&rows, wide, several, now, &context.ui)?;
        }
        Format::Name => {
            let mut text = String::new();
            for row in &rows {
                text += &(printable(&row.url()) + "\n");
                if text.len() > PIECE {
                    context.ui.report(&std::mem::take(&mut text))?;
                }
            }
            context.ui.report(&text)?;
        }
        Format::Json => print_json(&rows, &context)?,
        Format::Yaml => context.ui.report(&format::yaml(&Values(&rows))?)?,
    }
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
    let place = Arc::new(Place {
        destination: destination.to_string(),
        store: Arc::clone(&store),
    });
    Ok(wanted
        .map(|entry| Row {
            entry,
            place: Arc::clone(&place),
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

fn bug(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Bug, format!("cannot print the listing: {error}"))
}

/// As the whole array would be printed, entry by entry.
fn print_json(rows: &[Row], context: &Context) -> Result<(), Failure> {
    if rows.is_empty() {
        return context.ui.report("[]\n");
    }
    let mut text = String::from("[");
    for (at, row) in rows.iter().enumerate() {
        let entry = serde_json::to_string_pretty(&value(row)).map_err(|error| bug(&error))?;
        text += if at == 0 { "\n  " } else { ",\n  " };
        // Line ends stand between values only: in strings they are escaped.
        text += &entry.replace('\n', "\n  ");
        if text.len() > PIECE {
            context.ui.report(&std::mem::take(&mut text))?;
        }
    }
    context.ui.report(&(text + "\n]\n"))
}

/// Written one by one.
struct Values<'a>(&'a [Row]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(value))
    }
}

fn value(row: &Row) -> Value {
    let (cluster, taken_at) = match &row.entry.kind {
        Kind::Snapshot(name) | Kind::FutureDated(name) => {
            (Some(name.cluster.clone()), Some(name.taken_at.to_string()))
        }
        _ => (None, None),
    };
    json!({
        "url": row.url(), "key": row.entry.key, "size": row.entry.size, "state": state(&row.entry),
        "modified": row.entry.modified.map(|time| time.to_string()), "cluster": cluster, "takenAt": taken_at,
    })
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
