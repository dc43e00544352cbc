//! Every decision with its reason: for people, for scripts, for `xargs`.

use std::fmt::Write;

use etcdbackup::cli::table::Columns;
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Ui, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::retention::{Inventory, Item, Lot, OrphanKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Fate, Planned, Pruned};
use crate::cli::{Format, Prune};

/// Text is written out in pieces of about this size: a million lines are never in memory.
const PIECE: usize = 64 * 1024;
/// Columns left for reasons beside the others in 80.
const REASON: usize = 26;

pub(super) fn report(
    all: &[Pruned],
    prune: &Prune,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Failure> {
    match prune.output {
        Format::Table => lines(all, false, prune.delete, now, ui)?,
        Format::Wide => lines(all, true, prune.delete, now, ui)?,
        Format::Name => names(all, ui)?,
        Format::Json => {
            let text = serde_json::to_string_pretty(&values(all, prune.delete));
            let text = text.map_err(|error| {
                Failure::new(Exit::Bug, format!("cannot print the plan: {error}"))
            })?;
            ui.report(&(text + "\n"))?;
        }
        Format::Yaml => ui.report(&format::yaml(&values(all, prune.delete))?)?,
    }
    summary(all, prune, ui);
    Ok(())
}

/// One snapshot of a report.
struct Row<'a> {
    pruned: &'a Pruned,
    lot: &'a Lot,
    item: &'a Item,
    planned: &'a Planned,
    at: usize,
}

impl Row<'_> {
    fn keep(&self) -> bool {
        self.planned
            .plan
            .reasons
            .get(self.at)
            .is_some_and(|why| why.keep())
    }

    fn decision(&self, deleting: bool) -> &'static str {
        match self.planned.fates.get(&self.at) {
            _ if self.keep() => "keep",
            Some(Fate::Deleted) => "deleted",
            Some(Fate::Locked(_)) => "locked",
            Some(Fate::Failed) => "failed",
            None if deleting => "not tried",
            None => "delete",
        }
    }

    fn reasons(&self) -> Vec<String> {
        match (
            self.planned.fates.get(&self.at),
            self.planned.plan.reasons.get(self.at),
        ) {
            (Some(Fate::Locked(until)), _) => vec![until.clone()],
            (_, Some(why)) if why.keep() => why.words(),
            _ => vec!["no rule keeps it".to_owned()],
        }
    }

    fn key(&self) -> String {
        self.pruned.inventory.key(self.lot, self.item)
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.item.taken_at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn rows(pruned: &Pruned) -> impl Iterator<Item = Row<'_>> {
    let lots = pruned.inventory.lots.iter().zip(&pruned.plans);
    lots.flat_map(move |(lot, planned)| {
        lot.items.iter().enumerate().map(move |(at, item)| Row {
            pruned,
            lot,
            item,
            planned,
            at,
        })
    })
}

/// As many reasons as fit, and how many more there are.
fn short(reasons: &[String]) -> String {
    let mut text = String::new();
    for (shown, reason) in reasons.iter().enumerate() {
        let more = format!(" +{}", reasons.len() - shown);
        if shown > 0 && text.len() + 2 + reason.len() + more.len() > REASON {
            return text + &more;
        }
        if shown > 0 {
            text.push_str(", ");
        }
        text.push_str(reason);
    }
    text
}

/// Which columns there are beside those that are always there.
#[derive(Clone, Copy)]
struct Shape {
    wide: bool,
    clusters: bool,
    destinations: bool,
    deleting: bool,
}

impl Shape {
    fn header(self) -> Vec<&'static str> {
        let mut header = vec!["TAKEN", "AGE", "SIZE", "DECISION", "REASON"];
        if self.wide || self.clusters {
            header.push("CLUSTER");
        }
        if self.destinations {
            header.push("DESTINATION");
        }
        if self.wide {
            header.push("NAME");
        }
        header
    }

    fn cells(self, row: &Row<'_>, now: Timestamp) -> Vec<String> {
        let reasons = row.reasons();
        let mut cells = vec![
            format!("{:.0}", row.time()),
            format::age(row.time(), now),
            format::size(row.item.size),
            row.decision(self.deleting).to_owned(),
            if self.wide {
                reasons.join(", ")
            } else {
                short(&reasons)
            },
        ];
        if self.wide || self.clusters {
            cells.push(printable(&row.lot.cluster));
        }
        if self.destinations {
            cells.push(printable(&row.pruned.destination));
        }
        if self.wide {
            cells.push(printable(name(&row.key())));
        }
        cells
    }
}

fn lines(
    all: &[Pruned],
    wide: bool,
    deleting: bool,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Failure> {
    if all.iter().all(|pruned| pruned.inventory.lots.is_empty()) {
        return Ok(());
    }
    let shape = Shape {
        wide,
        clusters: all.iter().any(|pruned| pruned.inventory.lots.len() > 1),
        destinations: all.len() > 1,
        deleting,
    };
    // Twice over the same rows: once for the widths, once to print.
    let mut columns = Columns::new(&shape.header(), &[2]);
    for pruned in all {
        rows(pruned).for_each(|row| columns.fit(&shape.cells(&row, now)));
    }
    let mut text = columns.line(&shape.header());
    for pruned in all {
        for row in rows(pruned) {
            text += &columns.line(&shape.cells(&row, now));
            if text.len() > PIECE {
                ui.report(&std::mem::take(&mut text))?;
            }
        }
    }
    ui.report(&text)
}

fn name(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}

/// What goes, or went: one URL a line.
fn names(all: &[Pruned], ui: &Ui) -> Result<(), Failure> {
    let mut text = String::new();
    for pruned in all {
        for row in rows(pruned) {
            let goes = matches!(row.planned.fates.get(&row.at), None | Some(Fate::Deleted));
            if !row.keep() && goes {
                text += &printable(&pruned.store.url_of(&row.key()));
                text.push('\n');
            }
            if text.len() > PIECE {
                ui.report(&std::mem::take(&mut text))?;
            }
        }
    }
    ui.report(&text)
}

fn values(all: &[Pruned], deleting: bool) -> Vec<Value> {
    all.iter().map(|pruned| value(pruned, deleting)).collect()
}

fn value(pruned: &Pruned, deleting: bool) -> Value {
    let lots = pruned.inventory.lots.iter().zip(&pruned.plans);
    let clusters: Vec<Value> = lots
        .map(|(lot, planned)| cluster(pruned, lot, planned, deleting))
        .collect();
    let url = |key: &str| pruned.store.url_of(key);
    let others: Vec<Value> = pruned
        .inventory
        .others
        .iter()
        .map(|other| json!({ "url": url(&other.key), "size": other.size, "reason": other.what }))
        .collect();
    let orphans: Vec<Value> = orphans(&pruned.inventory)
        .enumerate()
        .map(|(at, (what, key, upload))| {
            let cleared = pruned.cleared.get(at).copied().unwrap_or(false);
            json!({ "url": url(key), "kind": what, "uploadId": upload, "deleted": cleared })
        })
        .collect();
    json!({
        "destination": pruned.destination, "dryRun": !deleting,
        "clusters": clusters, "untouched": others, "orphans": orphans,
    })
}

fn cluster(pruned: &Pruned, lot: &Lot, planned: &Planned, deleting: bool) -> Value {
    let decisions: Vec<Value> = lot
        .items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let row = Row {
                pruned,
                lot,
                item,
                planned,
                at,
            };
            let key = row.key();
            json!({
                "url": pruned.store.url_of(&key), "key": key, "takenAt": row.time().to_string(),
                "size": item.size, "decision": row.decision(deleting), "reasons": row.reasons(),
            })
        })
        .collect();
    json!({
        "cluster": lot.cluster, "refused": planned.plan.refused,
        "intervalSeconds": planned.plan.interval.map(|interval| interval.as_secs()),
        "newestVerified": planned.verified.and_then(|at| lot.items.get(at))
            .map(|item| pruned.store.url_of(&pruned.inventory.key(lot, item))),
        "decisions": decisions,
    })
}

/// What is left over: what it is, its key, and the id of an upload.
fn orphans(inventory: &Inventory) -> impl Iterator<Item = (&'static str, &str, Option<&str>)> {
    inventory.orphans.iter().map(|orphan| {
        let what = match orphan.kind {
            OrphanKind::Manifest => "manifest without object",
            OrphanKind::Record => "record without object",
            OrphanKind::Upload => "open upload",
        };
        let id = orphan.upload.as_ref().map(|upload| upload.id.as_str());
        (what, orphan.key.as_str(), id)
    })
}

/// How many of what is left over is named one by one.
const NAMED: usize = 20;

/// For people, on stderr: numbers, and what is left over.
fn summary(all: &[Pruned], prune: &Prune, ui: &Ui) {
    for pruned in all {
        for other in pruned.inventory.others.iter().take(NAMED) {
            let url = pruned.store.url_of(&other.key);
            ui.note(&format!("not touched: {} {url}", other.what));
        }
        if let Some(more) = pruned.inventory.others.len().checked_sub(NAMED + 1) {
            ui.note(&format!("not touched: {} more", more + 1));
        }
        for (at, (what, key, id)) in orphans(&pruned.inventory).take(NAMED).enumerate() {
            let mut line = format!("left over: {what}: {}", pruned.store.url_of(key));
            if let Some(id) = id {
                let _infallible = write!(line, " ({id})");
            }
            if pruned.cleared.get(at) == Some(&true) {
                line += ": deleted";
            }
            ui.warn(&line);
        }
        if let Some(more) = pruned.inventory.orphans.len().checked_sub(NAMED + 1) {
            ui.warn(&format!("left over: {} more", more + 1));
        }
        if !pruned.inventory.lots.is_empty() {
            ui.note(&numbers(pruned, prune.delete));
        }
    }
    if !prune.delete {
        ui.note("dry run: nothing was deleted; `--delete` does it");
    }
}

fn numbers(pruned: &Pruned, deleting: bool) -> String {
    let (mut kept, mut gone, mut locked, mut bytes) = (0_u64, 0_u64, 0_u64, 0_u64);
    for row in rows(pruned) {
        match row.decision(deleting) {
            "keep" => kept += 1,
            "locked" => locked += 1,
            "delete" | "deleted" => {
                gone += 1;
                bytes += row.item.size;
            }
            _ => {}
        }
    }
    let verb = if deleting { "deleted" } else { "to delete" };
    let locked = match locked {
        0 => String::new(),
        locked => format!(", {locked} locked"),
    };
    format!(
        "{}: {kept} kept, {gone} {verb} ({}){locked}",
        pruned.destination,
        format::size(bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_and_none_is_forgotten() {
        let words = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            short(&texts)
        };
        assert_eq!(words(&["last"]), "last");
        assert_eq!(words(&["last", "hourly", "daily"]), "last, hourly, daily");
        assert_eq!(
            words(&["newest verified", "last", "hourly", "daily"]),
            "newest verified, last +2"
        );
        let long = "locked until 2026-02-01T00:00:00Z (compliance)";
        assert_eq!(words(&[long]), long);
    }
}
