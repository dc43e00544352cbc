//! `diff`: what appeared, vanished and changed between two snapshots.

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::kubernetes::{Baseline, Change, Content, Entry};

use crate::changes::{Kind, Report};
use crate::cli::{Diff, InputFlags, ListFormat};
use crate::fingerprints::Fingerprints;
use crate::input::Input;
use crate::objects::Snapshot;
use crate::output::render;
use crate::work::blocking;

pub(crate) async fn run(verb: Diff, context: Context) -> Result<Exit, Failure> {
    if verb.first == "-" && verb.second == "-" {
        return Err(
            Failure::new(Exit::Usage, "both snapshots are stdin").hint("name at least one file")
        );
    }
    let open = |file: &str| InputFlags {
        file: file.to_owned(),
        spool_dir: verb.spool_dir.clone(),
    };
    let first = Input::open(&open(&verb.first), &context).await?;
    let second = Input::open(&open(&verb.second), &context).await?;
    let format = verb.output;
    let report = blocking(&context, move || {
        let files = [first.again()?, second.again()?];
        let first = Snapshot::open(first, &verb.prefix, &verb.keys)?;
        let second = Snapshot::open(second, &verb.prefix, &verb.keys)?;
        let mut report = compare(&first, &second, verb.all)?;
        if report.same {
            report.fingerprints = Some(Fingerprints::of(files)?);
        }
        Ok(report)
    })
    .await?;
    if report.changed_sealed > 0 {
        context.ui.note(&format!(
            "{} of them are encrypted and may only have been written again: `--machine-config` or `--secrets` tells",
            report.changed_sealed
        ));
    }
    context.ui.data(&show(format, &report)?)?;
    Ok(if report.same { Exit::Done } else { Exit::No })
}

fn compare(first: &Snapshot, second: &Snapshot, all: bool) -> Result<Report, Failure> {
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

fn show(format: ListFormat, report: &Report) -> Result<String, Failure> {
    match format {
        ListFormat::Name => Ok(report
            .items
            .iter()
            .map(|item| format!("{}{}\n", item.change.sign(), item.key))
            .collect()),
        ListFormat::Report(format) => render(format, report, |wide| report.text(wide)),
    }
}
