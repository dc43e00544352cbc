//! `inventory`: how many objects of which kind, where, and how large.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use etcdbackup::cli::Context;
use etcdbackup::cli::format::size;
use etcdbackup::cli::objects::{ShortNames, prefix_note};
use etcdbackup::cli::table::table;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::kubernetes::{Inventory, Size};
use serde::Serialize;

use crate::cli::{Inventory as Flags, KeyFlags};
use crate::input::Input;
use crate::output::{line, render};
use crate::work::blocking;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    prefix: String,
    objects: Size,
    resources: Vec<Resource>,
    namespaces: BTreeMap<String, Size>,
    largest: Vec<Large>,
    internal: BTreeMap<&'static str, Size>,
    unknown: Size,
    foreign: Size,
    /// Some keys of these two.
    others: Vec<String>,
    historic: Size,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    group: String,
    resource: String,
    count: u64,
    bytes: u64,
    namespaces: BTreeMap<String, Size>,
}

#[derive(Debug, Serialize)]
struct Large {
    key: String,
    bytes: u64,
}

pub(crate) async fn run(verb: Flags, context: Context) -> Result<Exit, Failure> {
    let input = Input::open(&verb.input, &context).await?;
    let (format, largest, prefix) = (verb.output, verb.largest, verb.prefix);
    let (report, note) = blocking(&context, move || {
        let snapshot = input.snapshot(&prefix, &KeyFlags::default())?;
        let contents = snapshot.contents()?;
        let mut inventory = Inventory::new(largest);
        let walked = contents.each(|entry| {
            let bytes = entry.value.len() as u64;
            if entry.live {
                inventory.see(entry.etcd_key, entry.key, bytes);
            } else {
                inventory.see_historic(bytes);
            }
            ControlFlow::Continue(())
        });
        walked.map_err(|finding| snapshot.damaged(&finding))?;
        let report = Report::new(&inventory, contents.grammar().prefix());
        Ok((report, prefix_note(contents.grammar())))
    })
    .await?;
    note.iter().for_each(|note| context.ui.note(note));
    context
        .ui
        .data(&render(format, &report, |wide| text(&report, wide))?)?;
    Ok(Exit::Done)
}

impl Report {
    fn new(inventory: &Inventory, prefix: &str) -> Self {
        let resources = inventory
            .resources()
            .iter()
            .map(|((group, resource), sizes)| Resource {
                group: group.clone(),
                resource: resource.clone(),
                count: sizes.all.count,
                bytes: sizes.all.bytes,
                namespaces: sizes.namespaces.clone(),
            });
        let mut resources: Vec<Resource> = resources.collect();
        resources.sort_by(|a, b| {
            b.bytes
                .cmp(&a.bytes)
                .then_with(|| (&a.group, &a.resource).cmp(&(&b.group, &b.resource)))
        });
        Self {
            prefix: prefix.to_owned(),
            objects: inventory.objects(),
            resources,
            namespaces: inventory
                .namespaces()
                .into_iter()
                .map(|(name, size)| (name.to_owned(), size))
                .collect(),
            largest: inventory
                .largest()
                .into_iter()
                .map(|(bytes, key)| Large {
                    key: key.to_owned(),
                    bytes,
                })
                .collect(),
            internal: inventory.internal().clone(),
            unknown: inventory.unknown(),
            foreign: inventory.foreign(),
            others: inventory.others().to_vec(),
            historic: inventory.historic(),
        }
    }
}

impl Resource {
    fn full(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

fn text(report: &Report, wide: bool) -> String {
    let counted = |size_of: Size| [size_of.count.to_string(), size(size_of.bytes)];
    let named = |name: String, of: Size| {
        let [count, bytes] = counted(of);
        [name, count, bytes]
    };
    let full: Vec<String> = report.resources.iter().map(Resource::full).collect();
    let short = ShortNames::new(full.iter().map(String::as_str), wide);
    let all = |resource: &Resource| Size {
        count: resource.count,
        bytes: resource.bytes,
    };
    let resources: Vec<_> = report
        .resources
        .iter()
        .map(|resource| named(short.of(&resource.full()).to_owned(), all(resource)))
        .collect();
    let namespaces: Vec<_> = report
        .namespaces
        .iter()
        .map(|(name, of)| {
            named(
                if name.is_empty() {
                    "(cluster)".to_owned()
                } else {
                    name.clone()
                },
                *of,
            )
        })
        .collect();
    let mut parts = vec![
        table(["RESOURCE", "OBJECTS", "SIZE"], &[1, 2], &resources),
        table(["NAMESPACE", "OBJECTS", "SIZE"], &[1, 2], &namespaces),
    ];
    if wide {
        let rows = report.resources.iter().flat_map(|resource| {
            resource.namespaces.iter().map(|(namespace, of)| {
                let [count, bytes] = counted(*of);
                [resource.full(), namespace.clone(), count, bytes]
            })
        });
        parts.push(table(
            ["RESOURCE", "NAMESPACE", "OBJECTS", "SIZE"],
            &[2, 3],
            &rows.collect::<Vec<_>>(),
        ));
    }
    let largest: Vec<_> = report
        .largest
        .iter()
        .map(|large| [size(large.bytes), large.key.clone()])
        .collect();
    parts.push(table(["SIZE", "LARGEST"], &[0], &largest));
    parts.push(totals(report));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn totals(report: &Report) -> String {
    let told = |of: Size, what: &str| format!("{} {what}, {}", of.count, size(of.bytes));
    let mut lines = vec![line("Objects", &told(report.objects, "live"))];
    if !report.internal.is_empty() {
        let kept: Vec<String> = report
            .internal
            .iter()
            .map(|(name, of)| format!("{} {name}", of.count))
            .collect();
        lines.push(line("No objects", &kept.join(", ")));
    }
    let mut add = |label: &str, of: Size, what: &str| {
        if of.count > 0 {
            lines.push(line(label, &told(of, what)));
        }
    };
    add("Unrecognised", report.unknown, "keys under the prefix");
    add("Foreign", report.foreign, "keys of other programs");
    add(
        "History",
        report.historic,
        "older values, until the next compaction",
    );
    if !report.others.is_empty() {
        let keys = report.others.join(" ");
        lines.push(line("No known key", &format!("{keys} and the like")));
    }
    lines.concat()
}
