//! `configs`: machine configs, kept beside the backups.

mod get;
mod list;
mod save;

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};

use crate::cli::{Configs, ConfigsVerb};

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

/// No destination was named.
fn no_destination(context: &Context, what: &str) -> Failure {
    let command = context.called.with(&["s3://BUCKET/PREFIX"]);
    Failure::new(Exit::Usage, format!("no destination {what}"))
        .hint(format!("name one: `{command}`"))
}
