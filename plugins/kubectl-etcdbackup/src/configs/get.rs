//! Fetches one saved machine config.

use std::path::Path;

use etcdbackup::backup::PullTarget;
use etcdbackup::cli::{Context, format};
use etcdbackup::configs::{self, SavedConfig};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::Identities;
use etcdbackup::store::Destination;
use jiff::Timestamp;

use super::{no_destination, or_stopped};
use crate::cli::GetConfig;

pub(crate) async fn run(get: GetConfig, context: Context) -> Result<Exit, Failure> {
    let Some(destination) = &get.destination else {
        return Err(no_destination(&context, "to fetch a machine config from"));
    };
    let destination = Destination::parse(destination)?;
    let to_stdout = get.output == Path::new("-");
    if to_stdout {
        let what = "a machine config holds every key of the cluster";
        context.ui.stdout_takes_secrets(what)?;
    }
    let identities = Identities {
        files: get.identity.clone(),
        stdin_is_taken: false,
    };
    identities.check()?;
    let at = get.at.as_deref().map(parse_time).transpose()?;
    let target = if to_stdout {
        PullTarget::Stdout
    } else {
        PullTarget::File(get.output.clone(), get.force)
    };
    let target = target.open()?;
    let work = fetch(&get, &destination, at, &identities, &context);
    let (saved, config) = or_stopped(&context, "nothing was fetched", work).await??;
    configs::deliver(&config, target)?;
    let age = format::age(saved.taken_at, Timestamp::now());
    context.ui.note(&format!(
        "fetched {}: what node {} ran with {age} ago",
        saved.url, saved.node
    ));
    Ok(Exit::Done)
}

/// The chosen one, and its opened text.
async fn fetch(
    get: &GetConfig,
    destination: &Destination,
    at: Option<Timestamp>,
    identities: &Identities,
    context: &Context,
) -> Result<(SavedConfig, impl std::ops::Deref<Target = Vec<u8>>), Failure> {
    let stores = get.store.options();
    let listing = configs::list(destination, &stores, Timestamp::now()).await?;
    listing.notes.iter().for_each(|note| context.ui.warn(note));
    let cluster = get.cluster_name.as_deref();
    let chosen = configs::choose(&listing.configs, cluster, &get.node, at);
    let chosen = chosen.map_err(|failure| {
        let named = Failure::new(failure.exit, format!("{destination}: {}", failure.what));
        match failure.hint {
            Some(hint) => named.hint(hint),
            None => named,
        }
    })?;
    let config = configs::opened(listing.store.as_ref(), chosen, identities).await?;
    Ok((chosen.clone(), config))
}

fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| {
        Failure::new(
            Exit::Usage,
            format!("`--at {text}` is not a time with its zone"),
        )
        .hint("write it like 2026-11-01T12:00:00Z")
    })
}
