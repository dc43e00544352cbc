//! `copy`: the same objects in a second place.

use std::collections::HashMap;

use etcdbackup::catalogue::{self, Kind};
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::table::table;
use etcdbackup::cli::{Context, format};
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::Identities;
use etcdbackup::store::{self, Destination, Store, StoreOptions};
use etcdbackup::transfer::{self, Copied, Copying, Proven, Step};
use serde::Serialize;

use crate::cli::{Copy, TransferFormat};
use crate::installed;

pub(crate) async fn run(
    mut copy: Copy,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    let (source, destination) = places(&mut copy, kubernetes, &context).await?;
    let now = clock::now();
    let lock = copy.lock.lock().map(|lock| lock.from(now));
    let identities = Identities {
        files: copy.identity.clone(),
        stdin_is_taken: false,
    };
    identities.check()?;
    let options = copy.store.options();
    let destination = Destination::parse(&destination)?;
    let cluster = copy.choice.cluster_name.as_deref();
    let chosen = transfer::choose(&source, &options, cluster, copy.choice.choice()).await?;
    chosen.notes.iter().for_each(|note| context.ui.warn(note));
    let to = store::open(&destination, &StoreOptions { lock, ..options }).await?;
    let copying = Copying {
        from: chosen.store,
        there: listed(to.as_ref()).await?,
        to,
        identities,
        lock,
        dry_run: copy.dry_run,
    };
    let mut done = Vec::new();
    let mut exit = Exit::Done;
    for (name, entry) in &chosen.entries {
        match transfer::copy(&copying, name, entry, context.cancel.clone()).await {
            Ok(copied) => {
                if let Some(warning) = &copied.warning {
                    context.ui.warn(&format!("{}: {warning}", copied.url));
                }
                done.push(copied);
            }
            Err(failure) => {
                context.ui.failure(&failure);
                exit = if exit == Exit::Done {
                    failure.exit
                } else {
                    exit
                };
                if matches!(failure.exit, Exit::Interrupted | Exit::Terminated) {
                    exit = failure.exit;
                    break;
                }
            }
        }
    }
    context
        .ui
        .report(&shown(&done, copy.output, text, |one| &one.url)?)?;
    Ok(exit)
}

/// Where from and where to.
async fn places(
    copy: &mut Copy,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<(String, String), Failure> {
    let line = |to: &str| {
        let program = context.called.program();
        format!("name both: `{program} copy s3://BUCKET/PREFIX {to}`")
    };
    let Some((from, to)) = copy.places() else {
        return Err(
            Failure::new(Exit::Usage, "nowhere to copy to").hint(line("s3://BUCKET/COPIES"))
        );
    };
    let (from, to) = (from.cloned(), to.clone());
    let cluster = &mut copy.choice.cluster_name;
    let known = installed::only(from.as_ref(), &mut copy.store, cluster, kubernetes, context).await;
    match known {
        Ok(from) => Ok((from, to)),
        Err(failure) if failure.exit == Exit::Usage => Err(failure.hint(line(&to))),
        Err(failure) => Err(failure),
    }
}

/// Snapshots of a place by their names: a folder writes times its own way.
async fn listed(
    store: &dyn Store,
) -> Result<HashMap<catalogue::ObjectName, catalogue::Entry>, Failure> {
    let prefix = store.key_of("");
    let prefix = prefix.strip_suffix('/').unwrap_or(&prefix);
    let entries = match catalogue::read(store, prefix, clock::now()).await {
        // A folder that is made with the first copy holds nothing.
        Err(failure) if failure.exit == Exit::Config && store.url_of("").starts_with("file:") => {
            Vec::new()
        }
        entries => entries?,
    };
    let named = entries.into_iter().filter_map(|entry| match &entry.kind {
        Kind::Snapshot(name) | Kind::FutureDated(name) => Some((name.clone(), entry)),
        _ => None,
    });
    Ok(named.collect())
}

/// A result in the wanted form.
pub(crate) fn shown<T: Serialize>(
    done: &[T],
    output: TransferFormat,
    table: impl Fn(&[T]) -> String,
    url: impl Fn(&T) -> &str,
) -> Result<String, Failure> {
    match output {
        TransferFormat::Table => Ok(table(done)),
        TransferFormat::Name => Ok(done.iter().map(|one| format!("{}\n", url(one))).collect()),
        TransferFormat::Yaml => format::yaml(&done),
        TransferFormat::Json => serde_json::to_string_pretty(done)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

fn text(done: &[Copied]) -> String {
    let row = |one: &Copied| {
        let step = match one.step {
            Step::Copied => "copied",
            Step::WouldCopy => "would copy",
            Step::There => "there already",
        };
        let proven = match one.proven {
            Some(Proven::Manifest) => "manifest's SHA-256",
            Some(Proven::Snapshot) => "snapshot's SHA-256",
            Some(Proven::Length) => "length only",
            None => "-",
        };
        let name = one
            .url
            .rsplit_once('/')
            .map_or(one.url.as_str(), |(_, name)| name);
        [
            step.to_owned(),
            format::size(one.bytes),
            proven.to_owned(),
            name.to_owned(),
        ]
    };
    let rows: Vec<[String; 4]> = done.iter().map(row).collect();
    table(["STATE", "SIZE", "PROVEN BY", "NAME"], &[1], &rows)
}
