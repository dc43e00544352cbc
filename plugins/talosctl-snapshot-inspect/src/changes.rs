//! What is not the same in two snapshots, and how it is told.

use std::collections::{BTreeMap, BTreeSet};

use etcdbackup::cli::table::table;
use etcdbackup::cli::ui::printable;
use etcdbackup::snapshot::kubernetes::{Entry, Key};
use serde::Serialize;

use crate::fingerprints::Fingerprints;
use crate::objects::{ShortNames, key_text};
use crate::output::line;

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
pub(crate) struct Item {
    pub(crate) change: Kind,
    pub(crate) resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Removed,
    Added,
    Changed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) removed: u64,
    pub(crate) added: u64,
    pub(crate) changed: u64,
    /// The same but for what was observed.
    pub(crate) status_only: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) same: bool,
    pub(crate) total: Counts,
    pub(crate) resources: BTreeMap<String, Counts>,
    /// What comes and goes by itself, or follows pods.
    pub(crate) restless: BTreeMap<String, Counts>,
    pub(crate) items: Vec<Item>,
    /// Encrypted values that were compared as they are stored, and differ.
    pub(crate) changed_sealed: u64,
    /// Only where the objects are the same: whether the snapshots are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprints: Option<Fingerprints>,
}

impl Kind {
    /// As diffs mark it.
    pub(crate) fn sign(self) -> char {
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

    pub(crate) fn differ(&self) -> bool {
        self.removed + self.added + self.changed > 0
    }
}

impl Report {
    pub(crate) fn add(&mut self, kind: Kind, entry: &Entry<'_>, all: bool) {
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

    pub(crate) fn observe(&mut self, entry: &Entry<'_>) {
        if let Key::Object(object) = entry.key {
            self.total.status_only += 1;
            self.resources
                .entry(object.full_resource())
                .or_default()
                .status_only += 1;
        }
    }

    /// The report for people.
    pub(crate) fn text(&self, wide: bool) -> String {
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
