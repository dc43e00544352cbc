//! `ls`: the objects of a snapshot, in kubectl's words.

use std::collections::{BTreeMap, BTreeSet};

use etcdbackup::cli::format::{age, size};
use etcdbackup::cli::objects::{ShortNames, Snapshot, key_text, prefix_note};
use etcdbackup::cli::table::table;
use etcdbackup::cli::{Context, Ui};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::kubernetes::{Filter, Key, Requirement, ResourceWord, Value};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{Format, ListFormat, Ls, SelectFlags};
use crate::input::Input;
use crate::output::render;
use crate::work::blocking;

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    key: String,
    bytes: u64,
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// How it is stored: protobuf, json, cbor, or provider and key name.
    stored: String,
    labels: BTreeMap<String, String>,
}

/// All rows, and what could not be told of some.
#[derive(Debug, Default)]
struct Listing {
    rows: Vec<Row>,
    closed: BTreeSet<String>,
    unlabelled: usize,
    note: Option<String>,
}

pub(crate) async fn run(verb: Ls, context: Context) -> Result<Exit, Failure> {
    let filter = filter(&verb.select, &verb.resources)?;
    let input = Input::open(&verb.input, &context).await?;
    let format = verb.output;
    let for_scripts = matches!(format, ListFormat::Report(Format::Json | Format::Yaml));
    let listing = blocking(&context, move || {
        let snapshot = input.snapshot(&verb.prefix, &verb.keys)?;
        list(&snapshot, &filter, for_scripts)
    })
    .await?;
    tell(&context.ui, &listing);
    context.ui.data(&show(format, &listing.rows)?)?;
    Ok(Exit::Done)
}

/// What was typed, as what must hold.
pub(crate) fn filter(select: &SelectFlags, resources: &[String]) -> Result<Filter, Failure> {
    let words = resources.iter().flat_map(|words| words.split(','));
    Ok(Filter {
        resources: words
            .filter(|word| !word.is_empty())
            .map(ResourceWord::new)
            .collect(),
        namespace: select.namespace.clone(),
        names: Vec::new(),
        labels: Requirement::parse_all(select.selector.as_deref().unwrap_or_default())?,
    })
}

/// `labelled`: labels are kept, which only reports for scripts show.
fn list(snapshot: &Snapshot, filter: &Filter, labelled: bool) -> Result<Listing, Failure> {
    let contents = snapshot.contents()?;
    let mut listing = Listing {
        note: prefix_note(contents.grammar()),
        ..Listing::default()
    };
    snapshot.each_live(&contents, |entry| {
        let Key::Object(object) = entry.key else {
            return Ok(());
        };
        if !filter.may_take(&object) {
            return Ok(());
        }
        let clear = snapshot.clear(&entry);
        let value = clear.as_ref().ok().map(|clear| Value::parse(clear.bytes()));
        let head = value.as_ref().and_then(Value::head);
        let kind = head.as_ref().map(|head| head.kind.as_ref());
        let labels = head
            .as_ref()
            .map(|head| head.metadata.labels.clone())
            .unwrap_or_default();
        if let Err(closed) = &clear {
            listing.closed.insert(closed.why.clone());
            listing.unlabelled += 1;
        }
        if !filter.takes(&object, kind, &labels) {
            return Ok(());
        }
        let metadata = head.map(|head| head.metadata);
        listing.rows.push(Row {
            resource: object.full_resource(),
            namespace: object.namespace.map(str::to_owned),
            name: object.name.to_owned(),
            key: key_text(&entry).into_owned(),
            bytes: entry.value.len() as u64,
            revision: entry.mod_revision,
            uid: metadata.as_ref().map(|metadata| metadata.uid.clone()),
            created: metadata
                .as_ref()
                .and_then(|metadata| metadata.creation_timestamp)
                .map(|time| time.to_string()),
            stored: stored(
                value.as_ref(),
                clear
                    .as_ref()
                    .err()
                    .map(|closed| closed.encryption.as_str()),
                entry.value,
            ),
            labels: if labelled { labels } else { BTreeMap::new() },
        });
        Ok(())
    })?;
    listing.rows.sort();
    Ok(listing)
}

/// The encryption where there is one, else the form.
fn stored(value: Option<&Value<'_>>, closed: Option<&str>, bytes: &[u8]) -> String {
    if let Value::Sealed(sealed) = Value::parse(bytes) {
        return sealed.label();
    }
    match (closed, value) {
        (Some(encryption), _) => encryption.to_owned(),
        (_, Some(Value::Protobuf(_))) => "protobuf".to_owned(),
        (_, Some(Value::Json(_))) => "json".to_owned(),
        (_, Some(Value::Cbor(_))) => "cbor".to_owned(),
        _ => "other".to_owned(),
    }
}

fn tell(ui: &Ui, listing: &Listing) {
    listing.note.iter().for_each(|note| ui.note(note));
    if listing.rows.is_empty() {
        ui.note("no such object in the snapshot");
    }
    for why in &listing.closed {
        ui.note(&format!(
            "age and labels of {} encrypted objects are not known: {why}",
            listing.unlabelled
        ));
    }
}

fn show(format: ListFormat, rows: &[Row]) -> Result<String, Failure> {
    match format {
        ListFormat::Name => Ok(rows.iter().map(|row| format!("{}\n", row.key)).collect()),
        ListFormat::Report(format) => {
            render(format, &rows, |wide| text(rows, wide, Timestamp::now()))
        }
    }
}

fn text(rows: &[Row], wide: bool, now: Timestamp) -> String {
    let one = rows
        .iter()
        .all(|row| Some(&row.resource) == rows.first().map(|row| &row.resource));
    let short = ShortNames::new(rows.iter().map(|row| row.resource.as_str()), wide);
    let name = |row: &Row| {
        if one {
            row.name.clone()
        } else {
            format!("{}/{}", short.of(&row.resource), row.name)
        }
    };
    let created = |row: &Row| {
        let time: Option<Timestamp> = row.created.as_deref().and_then(|time| time.parse().ok());
        time.map_or_else(|| "-".to_owned(), |time| age(time, now))
    };
    let namespace = |row: &Row| row.namespace.clone().unwrap_or_default();
    if wide {
        let lines: Vec<_> = rows
            .iter()
            .map(|row| {
                let uid = row.uid.clone().unwrap_or_else(|| "-".to_owned());
                [
                    namespace(row),
                    name(row),
                    size(row.bytes),
                    created(row),
                    row.revision.to_string(),
                    row.stored.clone(),
                    uid,
                ]
            })
            .collect();
        return table(
            [
                "NAMESPACE",
                "NAME",
                "SIZE",
                "AGE",
                "REVISION",
                "STORED",
                "UID",
            ],
            &[2, 4],
            &lines,
        );
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| [namespace(row), name(row), size(row.bytes), created(row)])
        .collect();
    table(["NAMESPACE", "NAME", "SIZE", "AGE"], &[2], &lines)
}
