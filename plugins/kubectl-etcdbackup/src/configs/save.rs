//! Saves the machine configs of the control planes.

use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::{Context, format};
use etcdbackup::configs::{Outcome, Saved, Saving};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::Destination;
use jiff::Timestamp;
use serde_json::json;

use super::{connect, no_destination, or_stopped, read};
use crate::cli::{Receipt, SaveConfigs};

pub(crate) async fn run(save: SaveConfigs, context: Context) -> Result<Exit, Failure> {
    if save.destinations.is_empty() {
        return Err(no_destination(&context, "to save the machine configs in"));
    }
    let destinations = save.destinations.iter();
    let destinations: Vec<Destination> = destinations
        .map(|text| Destination::parse(text))
        .collect::<Result<_, _>>()?;
    let recipients = save.recipients.recipients(false)?;
    if recipients.is_none() {
        context
            .ui
            .warn("encryption is off: whoever reads the store reads every key of the cluster");
    }
    let talos = connect(&save.talos, &context)?;
    let own_name = || talos.context().to_owned();
    let cluster = save.cluster_name.clone().unwrap_or_else(own_name);
    check_cluster_name(&cluster)?;
    let (readings, mut trouble) = read(&talos, &context).await?;
    let saving = Saving {
        cluster: &cluster,
        taken_at: Timestamp::now(),
        recipients: recipients.as_ref(),
        readings: &readings,
        stores: &save.store.options(),
    };
    let mut all = Vec::new();
    for destination in &destinations {
        let unsaved = "what was not told to be saved is not known to be";
        let saved = or_stopped(&context, unsaved, saving.save(destination)).await?;
        trouble = trouble.or(tell(&saved, &context));
        all.extend(saved.outcomes);
    }
    context.ui.data(&receipt(&all, save.output)?)?;
    Ok(trouble.unwrap_or(Exit::Done))
}

/// Tells what came of one destination; gives the first code.
fn tell(saved: &Saved, context: &Context) -> Option<Exit> {
    saved.notes.iter().for_each(|note| context.ui.warn(note));
    for outcome in &saved.outcomes {
        context.ui.note(&words(outcome));
    }
    saved
        .failures
        .iter()
        .for_each(|failure| context.ui.failure(failure));
    saved.failures.first().map(|failure| failure.exit)
}

fn words(outcome: &Outcome) -> String {
    let Outcome { node, url, .. } = outcome;
    if outcome.stored {
        format!("{node}: saved {url} ({})", format::size(outcome.size))
    } else {
        let age = format::age(outcome.taken_at, Timestamp::now());
        format!("{node}: unchanged since it was saved {age} ago, {url}")
    }
}

fn receipt(all: &[Outcome], form: Receipt) -> Result<String, Failure> {
    match form {
        Receipt::Name => Ok(all
            .iter()
            .map(|one| etcdbackup::cli::ui::printable(&one.url) + "\n")
            .collect()),
        Receipt::Json => serde_json::to_string(&json!({ "configs": all }))
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}
