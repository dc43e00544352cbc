//! What destinations hold, as what it is.

use std::sync::Arc;

use etcdbackup::catalogue::{Entry, Kind, ObjectName, Packed, Shelf};
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{self, Destination, Object, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Format, List};
use crate::installed;
use crate::table;

/// A destination that was listed.
pub(crate) struct Place {
    pub(crate) destination: String,
    store: Arc<dyn Store>,
    shelf: Shelf,
    /// When its newest snapshot was taken.
    newest: Option<Timestamp>,
}

/// What all destinations hold: little for each of a million objects.
#[derive(Default)]
pub(crate) struct Rows {
    places: Vec<Place>,
    packed: Vec<(u16, Packed)>,
}

/// An entry and where it lies.
pub(crate) struct Row<'a> {
    pub(crate) entry: Entry,
    pub(crate) place: &'a Place,
}

impl Rows {
    pub(crate) fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Each is made when it is shown.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.packed.iter().filter_map(|(place, packed)| {
            let place = self.places.get(usize::from(*place))?;
            let entry = place.shelf.unpack(packed)?;
            Some(Row { entry, place })
        })
    }
}

impl Row<'_> {
    fn url(&self) -> String {
        self.place.store.url_of(&self.entry.key)
    }
}

/// Text is written out in pieces of about this size: a long listing is never in memory as text.
pub(crate) const PIECE: usize = 64 * 1024;
/// Entries that are written as YAML at once.
const ENTRIES: usize = 256;

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
    let mut rows = Rows::default();
    let mut exit = Exit::Done;
    for destination in &list.destinations {
        let before = rows.packed.len();
        let place = read(destination, &list, now, &mut rows).await?;
        if rows.packed.len() == before {
            context.ui.note(&format!("no backup in {destination}"));
        }
        if let Some(stale) = list.max_age.and_then(|max_age| stale(&place, max_age, now)) {
            context.ui.warn(&format!("{destination}: {stale}"));
            exit = Exit::No;
        }
        rows.places.push(place);
    }
    rows.packed
        .sort_by_key(|(_, packed)| std::cmp::Reverse(packed.order()));
    show(&rows, &list, now, &context)?;
    Ok(exit)
}

fn show(rows: &Rows, list: &List, now: Timestamp, context: &Context) -> Result<(), Failure> {
    match list.output {
        Format::Table | Format::Wide => {
            let wide = list.output == Format::Wide;
            table::print(rows, wide, list.destinations.len() > 1, now, &context.ui)
        }
        Format::Name => {
            let mut text = String::new();
            for row in rows.iter() {
                text += &(printable(&row.url()) + "\n");
                if text.len() > PIECE {
                    context.ui.report(&std::mem::take(&mut text))?;
                }
            }
            context.ui.report(&text)
        }
        Format::Json => print_json(rows, context),
        Format::Yaml => print_yaml(rows, context),
    }
}

/// Lists a destination; what it holds is added to `rows`.
async fn read(
    destination: &str,
    list: &List,
    now: Timestamp,
    rows: &mut Rows,
) -> Result<Place, Failure> {
    let destination = Destination::parse(destination)?;
    let store = store::open(&destination, &list.store.options()).await?;
    let number = u16::try_from(rows.places.len()).unwrap_or(u16::MAX);
    let mut place = Place {
        destination: destination.to_string(),
        shelf: Shelf::new(store.as_ref(), now),
        store: Arc::clone(&store),
        newest: None,
    };
    let take = |object: Object| {
        let Some(entry) = place.shelf.entry_of(&object) else {
            return;
        };
        if matches!(entry.kind, Kind::Manifest) || !of_cluster(&entry, list.cluster_name.as_deref())
        {
            return;
        }
        if let Kind::Snapshot(name) = &entry.kind {
            place.newest = place.newest.max(Some(name.taken_at));
        }
        rows.packed.push((number, place.shelf.pack(&entry)));
    };
    store::each(store.as_ref(), take).await?;
    Ok(place)
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
fn stale(place: &Place, max_age: SignedDuration, now: Timestamp) -> Option<String> {
    match place.newest {
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
fn print_json(rows: &Rows, context: &Context) -> Result<(), Failure> {
    if rows.is_empty() {
        return context.ui.report("[]\n");
    }
    let mut text = String::from("[");
    for (at, row) in rows.iter().enumerate() {
        let entry = serde_json::to_string_pretty(&value(&row)).map_err(|error| bug(&error))?;
        text += if at == 0 { "\n  " } else { ",\n  " };
        // Line ends stand between values only: in strings they are escaped.
        text += &entry.replace('\n', "\n  ");
        if text.len() > PIECE {
            context.ui.report(&std::mem::take(&mut text))?;
        }
    }
    context.ui.report(&(text + "\n]\n"))
}

/// An array of YAML is its entries one below the other.
fn print_yaml(rows: &Rows, context: &Context) -> Result<(), Failure> {
    if rows.is_empty() {
        return context.ui.report("[]\n");
    }
    let mut rows = rows.iter().peekable();
    while rows.peek().is_some() {
        let values: Vec<Value> = rows.by_ref().take(ENTRIES).map(|row| value(&row)).collect();
        context.ui.report(&format::yaml(&values)?)?;
    }
    Ok(())
}

fn value(row: &Row<'_>) -> Value {
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
