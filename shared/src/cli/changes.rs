//! What is not the same in two snapshots, and how it is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::fingerprints::Fingerprints;
use super::objects::{ShortNames, Snapshot, key_text};
use super::table::table;
use super::text::line;
use super::ui::printable;
use crate::failure::Failure;
use crate::snapshot::kubernetes::{Baseline, Change, Content, Entry, Key};

/// What comes and goes by itself and says nothing about what was lost: counted, not listed.
const RESTLESS: &[(&str, &str)] = &[
    ("", "events"),
    ("coordination.k8s.io", "leases"),
    ("networking.k8s.io", "ipaddresses"),
];
/// What follows pods: its changes are counted only.
const FOLLOWING: &[(&str, &str)] = &[("", "endpoints"), ("discovery.k8s.io", "endpointslices")];

/// One object that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What became of it.
    pub change: Kind,
    /// As `deployments.apps`.
    pub resource: String,
    /// Its namespace, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its key in etcd.
    pub key: String,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only the first snapshot has it.
    Removed,
    /// Only the second one has it.
    Added,
    /// Both have it, and not alike.
    Changed,
}

/// How many objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Only in the first.
    pub removed: u64,
    /// Only in the second.
    pub added: u64,
    /// In both, and not alike.
    pub changed: u64,
    /// The same but for what was observed.
    pub status_only: u64,
}

/// Everything that is not the same.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing differs that counts.
    pub same: bool,
    /// Of all resources.
    pub total: Counts,
    /// Of each.
    pub resources: BTreeMap<String, Counts>,
    /// What comes and goes by itself, or follows pods.
    pub restless: BTreeMap<String, Counts>,
    /// One by one.
    pub items: Vec<Item>,
    /// Encrypted values that were compared as they are stored, and differ.
    pub changed_sealed: u64,
    /// Only where the objects are the same: whether the snapshots are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<Fingerprints>,
}

/// Compares two snapshots, the earlier first; `all`: what comes and goes by itself, too.
///
/// # Errors
/// 65: one of them is damaged.
pub fn compare(first: &Snapshot, second: &Snapshot, all: bool) -> Result<Report, Failure> {
    let (mut baseline, mut report) = (Baseline::default(), Report::default());
    let (before, after) = (first.contents()?, second.contents()?);
    first.each_live(&before, |entry| {
        baseline.see(entry.etcd_key, content(first, &entry, all).0);
        Ok(())
    })?;
    second.each_live(&after, |entry| {
        let (content, sealed) = content(second, &entry, all);
        let change = baseline.compare(entry.etcd_key, content);
        report.changed_sealed += u64::from(sealed && change == Change::Changed);
        match change {
            Change::Added => report.add(Kind::Added, &entry, all),
            Change::Changed => report.add(Kind::Changed, &entry, all),
            Change::StatusOnly if all => report.add(Kind::Changed, &entry, all),
            Change::StatusOnly => report.observe(&entry),
            Change::Same => {}
        }
        Ok(())
    })?;
    first.each_live(&before, |entry| {
        if baseline.is_gone(entry.etcd_key) {
            report.add(Kind::Removed, &entry, all);
        }
        Ok(())
    })?;
    report.items.sort();
    report.same = !report.total.differ();
    Ok(report)
}

/// What is compared, and whether it is an encrypted value as it is stored.
fn content(snapshot: &Snapshot, entry: &Entry<'_>, all: bool) -> (Content, bool) {
    match snapshot.clear(entry) {
        Ok(clear) if all => (Content::exact(clear.bytes()), false),
        Ok(clear) => (Content::of(clear.bytes()), false),
        Err(_) => (Content::exact(entry.value), true),
    }
}

impl Kind {
    /// As diffs mark it.
    pub fn sign(self) -> char {
        match self {
            Self::Removed => '-',
            Self::Added => '+',
            Self::Changed => '~',
        }
    }
}

impl Counts {
    fn add(&mut self, kind: Kind) {
        *match kind {
            Kind::Removed => &mut self.removed,
            Kind::Added => &mut self.added,
            Kind::Changed => &mut self.changed,
        } += 1;
    }

    fn differ(&self) -> bool {
        self.removed + self.added + self.changed > 0
    }
}

impl Report {
    fn add(&mut self, kind: Kind, entry: &Entry<'_>, all: bool) {
        let key = key_text(entry).into_owned();
        let (resource, namespace, name, restless) = match entry.key {
            Key::Object(object) => {
                let id = (object.group, object.resource);
                let restless =
                    RESTLESS.contains(&id) || kind == Kind::Changed && FOLLOWING.contains(&id);
                (
                    object.full_resource(),
                    object.namespace.map(str::to_owned),
                    object.name.to_owned(),
                    restless,
                )
            }
            // What the API server and others keep for themselves is no object that was lost.
            _ if all => ("(no object)".to_owned(), None, key.clone(), false),
            _ => return,
        };
        if restless && !all {
            self.restless.entry(resource).or_default().add(kind);
            return;
        }
        self.total.add(kind);
        self.resources
            .entry(resource.clone())
            .or_default()
            .add(kind);
        self.items.push(Item {
            change: kind,
            resource,
            namespace,
            name,
            key,
        });
    }

    fn observe(&mut self, entry: &Entry<'_>) {
        if let Key::Object(object) = entry.key {
            self.total.status_only += 1;
            self.resources
                .entry(object.full_resource())
                .or_default()
                .status_only += 1;
        }
    }

    /// The report for people.
    pub fn text(&self, wide: bool) -> String {
        let short = ShortNames::new(self.resources.keys().map(String::as_str), wide);
        let mut parts = vec![
            self.summary(&short),
            self.list(&short, wide),
            self.restless(),
        ];
        parts.retain(|part| !part.is_empty());
        let total = self.total;
        let verdict = if self.same {
            self.same_verdict().to_owned()
        } else {
            format!(
                "{} gone, {} new, {} changed",
                total.removed, total.added, total.changed
            )
        };
        let fingerprints = self.fingerprints.as_ref().map(Fingerprints::text);
        parts.push(fingerprints.unwrap_or_default() + &line("Verdict", &verdict));
        parts.join("\n")
    }

    fn same_verdict(&self) -> &'static str {
        if self.total.status_only == 0 && self.restless.is_empty() {
            "the same"
        } else {
            "the same, but for what comes and goes by itself"
        }
    }

    fn summary(&self, short: &ShortNames) -> String {
        let count = |number: u64| {
            if number == 0 {
                "-".to_owned()
            } else {
                number.to_string()
            }
        };
        let row = |(resource, counts): (&String, &Counts)| {
            let numbers = [
                counts.removed,
                counts.added,
                counts.changed,
                counts.status_only,
            ];
            let [gone, new, changed, status] = numbers.map(count);
            [short.of(resource).to_owned(), gone, new, changed, status]
        };
        let rows: Vec<_> = self.resources.iter().map(row).collect();
        table(
            ["RESOURCE", "GONE", "NEW", "CHANGED", "STATUS ONLY"],
            &[1, 2, 3, 4],
            &rows,
        )
    }

    /// A namespace that is gone or new takes its objects with it: told in one line.
    fn list(&self, short: &ShortNames, wide: bool) -> String {
        let namespaces: BTreeSet<(Kind, &str)> = self
            .items
            .iter()
            .filter(|item| item.resource == "namespaces" && item.change != Kind::Changed && !wide)
            .map(|item| (item.change, item.name.as_str()))
            .collect();
        let place = |item: &'_ Item| {
            item.namespace
                .clone()
                .map(|namespace| (item.change, namespace))
        };
        let mut inside: BTreeMap<(Kind, String), u64> = BTreeMap::new();
        for place in self.items.iter().filter_map(place) {
            *inside.entry(place).or_default() += 1;
        }
        let is_told = |item: &&Item| {
            item.namespace
                .as_deref()
                .is_none_or(|name| !namespaces.contains(&(item.change, name)))
        };
        let lines = self.items.iter().filter(is_told).map(|item| {
            let mut line = format!(
                "{} {}/{}",
                item.change.sign(),
                short.of(&item.resource),
                item.name
            );
            if let Some(namespace) = &item.namespace {
                line += &format!(" in {namespace}");
            }
            if item.resource == "namespaces"
                && namespaces.contains(&(item.change, item.name.as_str()))
            {
                let count = inside
                    .get(&(item.change, item.name.clone()))
                    .copied()
                    .unwrap_or(0);
                line += &format!(" and the {count} objects in it");
            }
            printable(&line) + "\n"
        });
        lines.collect()
    }

    fn restless(&self) -> String {
        let told = self.restless.iter().map(|(resource, counts)| {
            let numbers = [
                (counts.removed, "gone"),
                (counts.added, "new"),
                (counts.changed, "changed"),
            ];
            let numbers: Vec<String> = numbers
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            let (plural, _) = resource.split_once('.').unwrap_or((resource, ""));
            line(
                plural,
                &format!("{} (`--all` lists them)", numbers.join(", ")),
            )
        });
        told.collect()
    }
}
