//! Fetches the chosen object.

use std::path::Path;

use etcdbackup::backup::PullTarget;
use etcdbackup::cli::{Chosen, Context, fetch, name_older};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::Identities;

use crate::choose::choose;
use crate::cli::Pull;

pub(crate) async fn run(cli: Pull, context: Context) -> Result<Exit, Failure> {
    let to_stdout = cli.output == Path::new("-");
    if to_stdout {
        context.ui.stdout_takes_bytes()?;
    }
    let identities = Identities {
        files: cli.identity.clone(),
        stdin_is_taken: cli.url_file.as_deref() == Some(Path::new("-")),
    };
    identities.check()?;
    let target = if to_stdout {
        PullTarget::Stdout
    } else {
        PullTarget::File(cli.output.clone(), cli.force)
    };
    let target = target.open()?;
    let chosen = choose_or_stop(&cli, &context).await?;
    let Chosen { body, name, older } = chosen;
    fetch(body, &name, identities, cli.stored, target, &context)
        .await
        .map_err(|failure| name_older(failure, older))?;
    Ok(Exit::Done)
}

async fn choose_or_stop(cli: &Pull, context: &Context) -> Result<Chosen, Failure> {
    let mut cancel = context.cancel.clone();
    tokio::select! {
        chosen = choose(cli, context) => chosen,
        exit = cancel.requested() => Err(Failure::new(exit, "stopped by a signal: nothing was fetched").hint("run it again")),
    }
}
