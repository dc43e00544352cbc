//! `configs`: machine configs, kept beside the backups.

mod get;
mod list;
mod save;

use etcdbackup::cli::Context;
use etcdbackup::configs::{self, Reading};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::talos::Talos;

use crate::cli::{Configs, ConfigsTalosFlags, ConfigsVerb};

pub(crate) async fn run(configs: Configs, context: Context) -> Result<Exit, Failure> {
    match configs.verb {
        ConfigsVerb::Save(save) => save::run(*save, context).await,
        ConfigsVerb::List(list) => list::run(*list, context).await,
        ConfigsVerb::Get(get) => get::run(*get, context).await,
    }
}

/// Lets `work` end by itself, or drops it at a signal.
async fn or_stopped<T>(
    context: &Context,
    what: &str,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut cancel = context.cancel.clone();
    tokio::select! {
        biased;
        exit = cancel.requested() => {
            Err(Failure::new(exit, format!("stopped by a signal: {what}")).hint("run it again"))
        }
        done = work => Ok(done),
    }
}

/// The nodes that the flags choose.
fn connect(flags: &ConfigsTalosFlags, context: &Context) -> Result<Talos, Failure> {
    let talos = Talos::connect(&flags.reach.selection(&flags.nodes))?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    Ok(talos)
}

/// What the control planes run with, and the code of the first that does not tell.
async fn read(talos: &Talos, context: &Context) -> Result<(Vec<Reading>, Option<Exit>), Failure> {
    let readings = or_stopped(context, "nothing was read", configs::read(talos)).await?;
    if readings.is_empty() {
        return Err(
            Failure::new(Exit::Config, "no control plane to read a machine config of")
                .hint("name control planes with `--nodes NODE`: those of workers are not saved"),
        );
    }
    let mut trouble = None;
    for failure in readings.iter().filter_map(|one| one.config.as_ref().err()) {
        context.ui.failure(failure);
        trouble = trouble.or(Some(failure.exit));
    }
    Ok((readings, trouble))
}

/// No destination was named.
fn no_destination(context: &Context, what: &str) -> Failure {
    let command = context.called.with(&["s3://BUCKET/PREFIX"]);
    Failure::new(Exit::Usage, format!("no destination {what}"))
        .hint(format!("name one: `{command}`"))
}
