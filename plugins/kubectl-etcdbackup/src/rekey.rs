//! `rekey`: the same snapshots for other recipients.

use std::sync::Arc;

use etcdbackup::catalogue::{self, Entry, ObjectName};
use etcdbackup::cli::Context;
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::table::table;
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::retention::{Fate, Remover};
use etcdbackup::seal::{Identities, Recipients};
use etcdbackup::store::Destination;
use etcdbackup::transfer::{self, Rekeying, Successor};
use serde::Serialize;

use crate::cli::Rekey;
use crate::copy::shown;
use crate::installed;

/// What became of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The old object.
    old: String,
    /// What takes its place.
    url: String,
    /// What was done.
    state: &'static str,
    /// What became of the old one.
    old_state: String,
}

pub(crate) async fn run(
    mut rekey: Rekey,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    let place = installed::only(
        rekey.place.as_ref(),
        &mut rekey.store,
        &mut rekey.choice.cluster_name,
        kubernetes,
        &context,
    )
    .await?;
    let read = Recipients::read(&rekey.recipient, &rekey.recipients_file, false)?;
    let Some(recipients) = read else {
        return Err(Failure::new(Exit::Usage, "no recipient to encrypt to")
            .hint("name who shall open the backups: `-r age1…` or `-R FILE`"));
    };
    let identities = Identities {
        files: rekey.identity.clone(),
        stdin_is_taken: false,
    };
    identities.check()?;
    let options = rekey.store.options();
    let cluster = rekey.choice.cluster_name.as_deref();
    let chosen = transfer::choose(&place, &options, cluster, rekey.choice.choice()).await?;
    chosen.notes.iter().for_each(|note| context.ui.warn(note));
    let rekeying = Rekeying {
        destination: folder_of(&place)?,
        store: chosen.store,
        options,
        names: chosen.names,
        identities,
        recipients: Arc::new(recipients),
        lock: rekey.lock.lock(),
    };
    let (done, exit) = each(&rekey, &rekeying, &chosen.entries, &context).await;
    context
        .ui
        .report(&shown(&done, rekey.output, text, |row| &row.url)?)?;
    if done.iter().any(|row| row.old_state == KEPT) {
        context.ui.note("the old objects still open with the old keys: `--delete-old` removes each whose new one verifies");
    }
    Ok(exit)
}

const KEPT: &str = "kept";

/// The destination around an object, or the one that was named.
fn folder_of(place: &str) -> Result<Destination, Failure> {
    let destination = Destination::parse(place)?;
    let object = destination
        .split_object()
        .filter(|(_, key)| catalogue::is_object_name(key));
    Ok(object.map_or(destination, |(parent, _)| parent))
}

async fn each(
    rekey: &Rekey,
    rekeying: &Rekeying,
    entries: &[(ObjectName, Entry)],
    context: &Context,
) -> (Vec<Row>, Exit) {
    let (mut done, mut exit) = (Vec::new(), Exit::Done);
    for (name, entry) in entries {
        match one(rekey, rekeying, name, entry, context).await {
            Ok(row) => done.push(row),
            Err(failure) => {
                context.ui.failure(&failure);
                let stopped = matches!(failure.exit, Exit::Interrupted | Exit::Terminated);
                if stopped || exit == Exit::Done {
                    exit = failure.exit;
                }
                if stopped {
                    break;
                }
            }
        }
    }
    (done, exit)
}

async fn one(
    rekey: &Rekey,
    rekeying: &Rekeying,
    name: &ObjectName,
    entry: &Entry,
    context: &Context,
) -> Result<Row, Failure> {
    let mut cancel = context.cancel.clone();
    let asked = transfer::successor(rekeying, name, entry);
    let successor = cancel.unless_stopped(asked).await??;
    let old = rekeying.store.url_of(&entry.key);
    let row = |url: String, state| Row {
        old: old.clone(),
        url,
        state,
        old_state: KEPT.to_owned(),
    };
    let mut row = match successor {
        Successor::Itself => {
            return Ok(Row {
                old_state: "-".to_owned(),
                ..row(old.clone(), "current")
            });
        }
        Successor::Made(key) if rekey.dry_run => {
            return Ok(row(rekeying.store.url_of(&key), "done before"));
        }
        Successor::Made(key) => {
            rekeying.check(&key, cancel.clone()).await?;
            row(rekeying.store.url_of(&key), "done before")
        }
        Successor::Free(new) if rekey.dry_run => {
            let key = rekeying.store.key_of(&new.to_string());
            return Ok(row(rekeying.store.url_of(&key), "would rekey"));
        }
        Successor::Free(new) => {
            let rekeyed = transfer::rekey(rekeying, entry, new, cancel.clone()).await?;
            let warnings = rekeyed.warnings.iter();
            warnings.for_each(|warning| context.ui.warn(warning));
            row(rekeying.store.url_of(&rekeyed.key), "rekeyed")
        }
    };
    if rekey.delete_old {
        let mut remover = Remover::new(rekeying.store.as_ref(), clock::now());
        row.old_state = match remover.remove(&entry.key, true, true).await? {
            Fate::Deleted => "deleted".to_owned(),
            Fate::Locked(until) => until,
        };
    }
    Ok(row)
}

fn text(done: &[Row]) -> String {
    let name = |url: &str| {
        url.rsplit_once('/')
            .map_or(url, |(_, name)| name)
            .to_owned()
    };
    let row = |one: &Row| [one.state.to_owned(), one.old_state.clone(), name(&one.url)];
    let rows: Vec<[String; 3]> = done.iter().map(row).collect();
    table(["STATE", "OLD", "NAME"], &[], &rows)
}
