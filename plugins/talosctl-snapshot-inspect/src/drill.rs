//! `drill`: restores the snapshot into a throw-away etcd and lets it prove itself.

use std::os::fd::AsRawFd;

use etcdbackup::cli::Context;
use etcdbackup::drill::{Expected, Report, drill};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::check;
use etcdbackup::snapshot::finding::Severity;

use crate::cli::Drill;
use crate::input::Input;
use crate::output::{line, render};
use crate::work::blocking;

pub(crate) async fn run(verb: Drill, context: Context) -> Result<Exit, Failure> {
    let plan = verb.drill.plan(verb.input.spool_dir.clone())?;
    let input = Input::open(&verb.input, &context).await?;
    let name = input.name.clone();
    let file = input
        .file
        .try_clone()
        .map_err(|error| Failure::new(Exit::Io, format!("cannot open {name}: {error}")))?;
    let checked = blocking(&context, move || {
        check(&input.file).map_err(|error| error.into_failure(&input.name))
    })
    .await?;
    if checked.survey.findings.worst() == Some(Severity::Damaged) {
        let what = format!("{name} is damaged: no drill can pass");
        return Err(
            Failure::new(Exit::Data, what).hint("`talosctl-snapshot-inspect check` tells where")
        );
    }
    // The open file, also where it has no name.
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let expected = Expected::of(&checked);
    let mut cancel = context.cancel.clone();
    let report = tokio::select! {
        report = drill(path.as_ref(), &expected, &plan) => report?,
        exit = cancel.requested() => return Err(Failure::new(exit, "stopped by a signal: etcd and its folder are gone").hint("run it again")),
    };
    let shown = render(verb.output, &report, |_wide| text(&report))?;
    context.ui.data(&shown)?;
    Ok(if report.failures().next().is_none() {
        Exit::Done
    } else {
        Exit::No
    })
}

fn text(report: &Report) -> String {
    let mut shown = line("etcd", &report.etcd);
    for assertion in &report.assertions {
        let outcome = assertion.outcome.word();
        shown += &line(assertion.name, &format!("{outcome}: {}", assertion.detail));
    }
    let failed = report.failures().count();
    let verdict = match failed {
        0 => "it restores, and keeps what the file promises".to_owned(),
        failed => format!("{failed} of {} assertions failed", report.assertions.len()),
    };
    shown + &line("Verdict", &verdict)
}
