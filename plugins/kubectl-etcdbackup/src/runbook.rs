//! `runbook`: this cluster's own recovery document, printed or beside its backups.

use std::time::Duration;

use etcdbackup::backup::{Publication, Published};
use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::Known;
use etcdbackup::runbook::{self, Asked, Backup, Document, Facts};
use etcdbackup::seal::Recipients;
use etcdbackup::store::{self, Destination};
use etcdbackup::talos::Talos;

use crate::cli::{DocumentFormat, Runbook, RunbookBeside};

/// How long a runbook may keep a backup that is stored from its end.
const LIMIT: Duration = Duration::from_secs(90);
/// Why `now` does not look into the store.
const WRITE_ONLY: &str = "not looked at: a backup needs no right to read";

pub(crate) async fn run(flags: Runbook, context: Context) -> Result<Exit, Failure> {
    let destinations = flags.destinations.iter();
    let destinations: Vec<Destination> = destinations
        .map(|text| Destination::parse(text))
        .collect::<Result<_, _>>()?;
    if destinations.is_empty() {
        context
            .ui
            .warn("no destination was named: where the backups lie stays a blank");
    }
    let recipients = Recipients::read(&flags.recipient, &flags.recipients_file, false)?;
    // It is made for the day on which nothing answers: what is missing is a blank.
    let talos = Talos::connect(&flags.reach.selection(&flags.nodes));
    if let Err(failure) = &talos {
        context.ui.warn(&failure.what);
    }
    let cluster = cluster(&flags, talos.as_ref().ok())?;
    let stores = flags.store.options();
    let asked = Asked {
        cluster,
        talos: talos.as_ref(),
        destinations: &destinations,
        stores: &stores,
        recipients: recipients.map(|all| all.fingerprints().to_vec()),
        reading: Ok(()),
    };
    let mut cancel = context.cancel.clone();
    let facts = tokio::select! {
        exit = cancel.requested() => {
            return Err(Failure::new(exit, "stopped by a signal").hint("run it again"));
        }
        facts = runbook::gather(&asked) => facts,
    };
    for what in unlearned(&facts) {
        context.ui.warn(&what);
    }
    let document = runbook::write(&facts);
    context.ui.report(&shown(&document, flags.output)?)?;
    Ok(Exit::Done)
}

/// Our name for it: as it was typed, else the talosconfig's.
fn cluster(flags: &Runbook, talos: Option<&Talos>) -> Result<String, Failure> {
    let own = || talos.map(|talos| talos.context().to_owned());
    let name = flags.cluster_name.clone().or_else(own).ok_or_else(|| {
        Failure::new(Exit::Usage, "no name for the cluster")
            .hint("give it with `--cluster-name NAME`, or a talosconfig that can be read")
    })?;
    check_cluster_name(&name)?;
    Ok(name)
}

fn shown(document: &Document, format: DocumentFormat) -> Result<String, Failure> {
    match format {
        DocumentFormat::Markdown => Ok(runbook::markdown(document)),
        DocumentFormat::Html => Ok(runbook::html(document)),
        DocumentFormat::Json => serde_json::to_string_pretty(document)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

/// What a person could still change before it is printed.
fn unlearned(facts: &Facts) -> Vec<String> {
    let versions = &facts.versions;
    let nodes = [
        &facts.own_name,
        &versions.talos,
        &versions.etcd,
        &versions.kubernetes,
    ];
    let reasons = nodes.into_iter().filter_map(|known| known.unknown());
    let places = facts.places.iter();
    let reasons = reasons.chain(places.filter_map(|place| place.newest.unknown()));
    let mut reasons: Vec<String> = reasons
        .map(|unknown| format!("left blank: {}", unknown.reason))
        .collect();
    reasons.dedup();
    reasons
}

/// Writes the runbook beside a backup that was just stored. Whatever fails is a warning.
pub(crate) async fn beside(
    talos: &Talos,
    publication: &Publication,
    published: &Published,
    how: RunbookBeside,
    context: &Context,
) {
    let recipients = match (how, &publication.recipients) {
        (RunbookBeside::Plain, _) => None,
        (RunbookBeside::Sealed, Some(recipients)) => Some(recipients.as_ref()),
        (RunbookBeside::Sealed, None) => {
            context.ui.warn("no runbook was written: encryption is off; in the clear it is written with `--runbook=plain`");
            return;
        }
    };
    let mut cancel = context.cancel.clone();
    let work = write_all(talos, publication, published, recipients, context);
    let done = tokio::select! {
        _exit = cancel.requested() => Err("stopped by a signal".to_owned()),
        done = tokio::time::timeout(LIMIT, work) => {
            done.map_err(|_| format!("it took longer than {} s", LIMIT.as_secs()))
        }
    };
    if let Err(why) = done {
        context
            .ui
            .warn(&format!("the runbook was not written: {why}"));
    }
}

async fn write_all(
    talos: &Talos,
    publication: &Publication,
    published: &Published,
    recipients: Option<&Recipients>,
    context: &Context,
) {
    let all = publication.recipients.as_ref();
    let asked = Asked {
        cluster: publication.cluster.clone(),
        talos: Ok(talos),
        destinations: &publication.destinations,
        stores: &publication.stores,
        recipients: Some(all.map_or_else(Vec::new, |all| all.fingerprints().to_vec())),
        reading: Err(WRITE_ONLY),
    };
    let mut facts = runbook::gather(&asked).await;
    add_backup(&mut facts, published);
    let text = runbook::markdown(&runbook::write(&facts));
    let copies = published.receipt.copies.iter();
    for (destination, copy) in publication.destinations.iter().zip(copies) {
        // Where the backup is not, the old runbook tells more.
        if copy.error.is_some() {
            continue;
        }
        let kept = match store::open(destination, &publication.stores).await {
            Ok(store) => runbook::keep(&store, &publication.cluster, &text, recipients).await,
            Err(failure) => Err(failure),
        };
        match kept {
            Ok(url) => context.ui.note(&format!("runbook written to {url}")),
            Err(failure) => context.ui.warn(&format!(
                "{destination}: the runbook was not written: {}",
                failure.what
            )),
        }
    }
}

/// The backup of this very run is the last one.
fn add_backup(facts: &mut Facts, published: &Published) {
    let receipt = &published.receipt;
    for (place, copy) in facts.places.iter_mut().zip(&receipt.copies) {
        if copy.error.is_none() {
            place.newest = Known::Is(Some(Backup {
                url: copy.url.clone(),
                taken_at: receipt.taken_at.parse().unwrap_or(facts.made_at),
                bytes: receipt.stored.bytes,
                ..Backup::default()
            }));
        }
    }
}
