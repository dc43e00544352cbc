//! Takes the snapshot.

use std::path::Path;

use etcdbackup::backup::{PullTarget, TalosSource, take};
use etcdbackup::cli::{Context, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::talos::{StreamTimeouts, Talos, choose};

use crate::cli::Take;

pub(crate) async fn run(cli: Take, context: Context) -> Result<Exit, Failure> {
    let to_stdout = cli.output == Path::new("-");
    if to_stdout {
        context.ui.stdout_takes_bytes()?;
    }
    let talos = Talos::connect(&cli.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let choice = choose(&talos).await;
    choice
        .unknown
        .iter()
        .for_each(|unknown| tracing::info!("{unknown}"));
    let mut last =
        Failure::new(Exit::Config, "no control-plane node to ask").hint("name one with `-n NODE`");
    for candidate in &choice.candidates {
        let node = &candidate.node;
        let target = if to_stdout {
            PullTarget::Stdout
        } else {
            PullTarget::File(cli.output.clone(), cli.force)
        };
        let mut source = TalosSource::new(&talos, node, StreamTimeouts::default());
        match take(&mut source, target.open()?, context.cancel.clone()).await {
            Ok((target, proven)) => {
                target.publish()?;
                context.ui.note(&format!(
                    "took a proven snapshot of {} from node {node}",
                    format::size(proven.bytes)
                ));
                return Ok(Exit::Done);
            }
            // What stdout has seen cannot be taken back: another member would be appended.
            Err(error) if error.try_elsewhere && !to_stdout => {
                context.ui.warn(&error.failure.what);
                last = error.failure;
            }
            Err(error) => return Err(error.failure),
        }
    }
    Err(last)
}
