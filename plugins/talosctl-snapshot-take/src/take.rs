//! Takes the snapshot.

use std::path::Path;

use etcdbackup::backup::{
    Meter, MeteredSource, PullTarget, SourceError, TalosSource, Written, take,
};
use etcdbackup::cli::{Context, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::talos::{Talos, choose};

use crate::cli::Take;
use crate::salvage;

pub(crate) async fn run(cli: Take, context: Context) -> Result<Exit, Failure> {
    if cli.salvage {
        return salvage::run(&cli, &context).await;
    }
    let to_stdout = cli.output == Path::new("-");
    if to_stdout {
        context.ui.stdout_takes_bytes()?;
    }
    let talos = Talos::connect(&cli.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let choice = context
        .cancel
        .clone()
        .unless_stopped(choose(&talos))
        .await?;
    choice
        .unknown
        .iter()
        .for_each(|unknown| tracing::info!("{unknown}"));
    let mut last = Failure::new(Exit::Config, "no control-plane node to ask")
        .hint("name one with `--nodes NODE`");
    let mut candidates = choice.candidates.iter();
    while let Some(candidate) = candidates.next() {
        let node = &candidate.node;
        let written = match from_node(&talos, node, &cli, &context).await {
            Ok(()) => return Ok(Exit::Done),
            Err((error, _)) if !error.try_elsewhere => return Err(error.failure),
            Err((error, written)) => {
                last = error.failure;
                written
            }
        };
        // What stdout has seen cannot be taken back: another member would be appended.
        if to_stdout && written.any() {
            let next = candidates.next().map(|next| next.node.as_str());
            return Err(final_failure(last, next, &context));
        }
        if !candidates.as_slice().is_empty() {
            context
                .ui
                .warn(&format!("{}; trying another node", last.what));
        }
    }
    Err(last)
}

async fn from_node(
    talos: &Talos,
    node: &str,
    cli: &Take,
    context: &Context,
) -> Result<(), (SourceError, Written)> {
    let final_error = |failure| {
        (
            SourceError {
                failure,
                try_elsewhere: false,
            },
            Written::default(),
        )
    };
    let target = if cli.output == Path::new("-") {
        PullTarget::Stdout
    } else {
        PullTarget::File(cli.output.clone(), cli.force)
    };
    let target = target.open().map_err(final_error)?;
    let written = target.written();
    let meter = Meter::default();
    let progress = context
        .ui
        .progress(format!("taking from node {node}"), &meter);
    let mut source = TalosSource::new(talos, node, cli.limits.timeouts());
    let mut source = MeteredSource::new(&mut source, meter);
    let taken = take(&mut source, target, context.cancel.clone()).await;
    drop(progress);
    let (target, proven) = taken.map_err(|error| (error, written))?;
    target.publish().map_err(final_error)?;
    context.ui.note(&format!(
        "took a proven snapshot of {} from node {node}",
        format::size(proven.bytes)
    ));
    Ok(())
}

/// Too late for another member in this run; the command for the next one.
fn final_failure(failure: Failure, next: Option<&str>, context: &Context) -> Failure {
    let command = context
        .called
        .with_option(Some('n'), "nodes", next.unwrap_or("NODE"));
    Failure::new(failure.exit, failure.what).hint(format!(
        "what was written has no end and is refused by what reads it; from another node: `{command}`"
    ))
}
