//! Lists saved machine configs, and whether they are current.

use std::collections::BTreeSet;

use etcdbackup::cli::table::table;
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::configs::{self, Live, SavedConfig};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::Destination;
use jiff::Timestamp;
use serde::Serialize;

use super::{connect, no_destination, or_stopped, read};
use crate::cli::{Format, ListConfigs};

/// A saved config, and whether its node runs with it.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    saved: SavedConfig,
    /// None: the node was not asked, or did not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<bool>,
}

pub(crate) async fn run(list: ListConfigs, context: Context) -> Result<Exit, Failure> {
    let Some(place) = &list.destination else {
        return Err(no_destination(&context, "to list the machine configs of"));
    };
    let destination = Destination::parse(place)?;
    let now = Timestamp::now();
    let stores = list.store.options();
    let found = configs::list(&destination, &stores, now);
    let mut listing = or_stopped(&context, "nothing was listed", found).await??;
    listing.notes.iter().for_each(|note| context.ui.warn(note));
    let wanted = list.cluster_name.as_deref();
    let own = |one: &SavedConfig| wanted.is_none_or(|wanted| wanted == one.cluster);
    listing.configs.retain(own);
    if listing.configs.is_empty() {
        context
            .ui
            .note(&format!("no machine config is saved in {destination}"));
    }
    let (live, exit) = if list.live {
        compared(&list, &listing.configs, &context).await?
    } else {
        (Live::default(), Exit::Done)
    };
    let rows: Vec<Row> = listing
        .configs
        .into_iter()
        .map(|saved| Row {
            current: live.runs_with(&saved),
            saved,
        })
        .collect();
    context.ui.report(&shown(&rows, &list, now)?)?;
    Ok(exit)
}

/// What the nodes run with, and what is told of those whose config is not saved.
async fn compared(
    list: &ListConfigs,
    saved: &[SavedConfig],
    context: &Context,
) -> Result<(Live, Exit), Failure> {
    let talos = connect(&list.talos, context)?;
    let cluster = list.cluster_name.as_deref().unwrap_or(talos.context());
    let (readings, trouble) = read(&talos, context).await?;
    let mut exit = trouble.unwrap_or(Exit::Done);
    let live = Live::of(cluster, &readings);
    for node in live.without_current(saved) {
        let newest = node.newest.map_or_else(
            || format!("no machine config is saved for cluster {cluster}"),
            |newest| format!("it was changed since its config was saved at {newest}"),
        );
        context.ui.warn(&format!("{}: {newest}", node.node));
        exit = Exit::No;
    }
    Ok((live, exit))
}

fn shown(rows: &[Row], list: &ListConfigs, now: Timestamp) -> Result<String, Failure> {
    match list.output {
        Format::Table | Format::Wide => Ok(text(rows, list, now)),
        Format::Name => Ok(rows
            .iter()
            .map(|row| printable(&row.saved.url) + "\n")
            .collect()),
        Format::Yaml => format::yaml(&rows),
        Format::Json => serde_json::to_string_pretty(rows)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

fn text(rows: &[Row], list: &ListConfigs, now: Timestamp) -> String {
    let clusters: BTreeSet<&str> = rows.iter().map(|row| row.saved.cluster.as_str()).collect();
    let several = clusters.len() > 1;
    let rows = rows.iter().map(|row| (row, short(row, several, now)));
    const RIGHT: &[usize] = &[2];
    match (list.output, list.live) {
        (Format::Wide, _) => {
            let rows: Vec<[String; 9]> = rows.map(|(row, short)| wide(row, short)).collect();
            table(WIDE, RIGHT, &rows)
        }
        (_, true) => {
            let [node, age, size, fingerprint, current, ..] = WIDE;
            let header = [node, age, size, fingerprint, current];
            let rows: Vec<[String; 5]> = rows.map(|(_, short)| short).collect();
            table(header, RIGHT, &rows)
        }
        _ => {
            let [node, age, size, fingerprint, ..] = WIDE;
            let rows: Vec<[String; 4]> = rows
                .map(|(_, [node, age, size, fingerprint, _])| [node, age, size, fingerprint])
                .collect();
            table([node, age, size, fingerprint], RIGHT, &rows)
        }
    }
}

const WIDE: [&str; 9] = [
    "NODE",
    "AGE",
    "SIZE",
    "FINGERPRINT",
    "CURRENT",
    "ADDRESS",
    "TIME",
    "SEALED",
    "URL",
];

/// The first five cells.
fn short(row: &Row, several: bool, now: Timestamp) -> [String; 5] {
    let saved = &row.saved;
    let node = match several {
        true => format!("{}/{}", saved.cluster, saved.node),
        false => saved.node.clone(),
    };
    let current = match row.current {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    [
        node,
        format::age(saved.taken_at, now),
        format::size(saved.size),
        saved.fingerprint.clone(),
        current.to_owned(),
    ]
}

/// All cells.
fn wide(row: &Row, [node, age, size, fingerprint, current]: [String; 5]) -> [String; 9] {
    let saved = &row.saved;
    let sealed = saved.sealed_for.clone();
    [
        node,
        age,
        size,
        fingerprint,
        current,
        saved.address.clone().unwrap_or_default(),
        saved.taken_at.to_string(),
        sealed.unwrap_or_else(|| "in the clear".to_owned()),
        saved.url.clone(),
    ]
}
