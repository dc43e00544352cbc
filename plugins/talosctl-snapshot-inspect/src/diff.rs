//! `diff`: what appeared, vanished and changed between two snapshots.

use etcdbackup::cli::Context;
use etcdbackup::cli::changes::{Report, compare};
use etcdbackup::cli::fingerprints::Fingerprints;
use etcdbackup::failure::{Exit, Failure};

use crate::cli::{Diff, InputFlags, ListFormat};
use crate::input::Input;
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
        let first = first.snapshot(&verb.prefix, &verb.keys)?;
        let second = second.snapshot(&verb.prefix, &verb.keys)?;
        let mut report = compare(&first, &second, verb.all)?;
        if report.same {
            let [first, second] = files;
            report.fingerprints = Some(Fingerprints::of(&first.checked()?, &second.checked()?));
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
