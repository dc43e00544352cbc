//! The whole backup from here, over the Talos API: what the pod of the CronJob runs too.

use std::sync::Arc;

use etcdbackup::backup::{
    Meter, MeteredSource, Publication, Published, SourceFacts, TalosSource, publish,
};
use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::{Context, report as tell};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::report::{RunError, RunReport};
use etcdbackup::store::Destination;
use etcdbackup::talos::{Choice, StreamTimeouts, Talos, choose};
use jiff::Timestamp;

use crate::cli::{Now, Receipt};
use crate::{runbook, talos_backup};

/// Backs up, and tells of it whoever asked to be told.
pub(super) async fn run(
    mut now: Now,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    warn_misleading(kubernetes, &context);
    let notes = talos_backup::fill(&mut now, |name| std::env::var(name).ok());
    notes.iter().for_each(|note| context.ui.warn(note));
    let reporters = now.reports.reporters();
    let warn = |told: Vec<String>| told.iter().for_each(|one| context.ui.warn(one));
    let began = Timestamp::now();
    let mut cancel = context.cancel.clone();
    // A stop is heard in between: nothing was begun yet.
    warn(cancel.unless_stopped(reporters.begin()).await?);
    let mut cluster = None;
    let backed_up = back_up(now, &context, &mut cluster).await;
    let report = report(began, &backed_up, cluster);
    let mut tail = context.ui.tail();
    if let Err(failure) = &backed_up {
        // It is told to the person only at the very end.
        tail += &format!("ERROR {}\n", failure.what);
    }
    warn(reporters.end(&report, &tail).await);
    backed_up.map(|published| published.exit)
}

/// What is told of a run that is over.
fn report(
    began: Timestamp,
    backed_up: &Result<Published, Failure>,
    cluster: Option<String>,
) -> RunReport {
    let (exit, error, receipt) = match backed_up {
        Err(failure) => (failure.exit, Some(RunError::from(failure)), None),
        Ok(published) => {
            let error = (published.exit != Exit::Done).then(|| published.failures.first());
            (
                published.exit,
                error.flatten().map(RunError::from),
                Some(published.receipt.clone()),
            )
        }
    };
    RunReport {
        cluster,
        error,
        receipt,
        ..RunReport::new(began, exit)
    }
}

/// What was published, after it was told. `named` becomes our name of the cluster as soon as it
/// is known.
async fn back_up(
    mut now: Now,
    context: &Context,
    named: &mut Option<String>,
) -> Result<Published, Failure> {
    let talos = Talos::connect(&now.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let cluster = now
        .cluster_name
        .clone()
        .unwrap_or_else(|| talos.context().to_owned());
    *named = Some(cluster.clone());
    talos_backup::fill_destination(&mut now, &cluster, |name| std::env::var(name).ok());
    if now.destinations.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "no destination to store the backup in").hint(format!(
                "name one: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        );
    }
    let mut publication = plan(&now, cluster)?;
    if publication.recipients.is_none() {
        context
            .ui
            .warn("encryption is off: whoever reads the store reads every Secret of the cluster");
    }
    let choice = context
        .cancel
        .clone()
        .unless_stopped(choose(&talos))
        .await?;
    let timeouts = now.limits.timeouts();
    let published = try_members(&talos, &choice, timeouts, &mut publication, context).await?;
    // The receipt first: what is stored is stored, whatever becomes of the runbook.
    tell::published(&context.ui, &published, now.output == Receipt::Json)?;
    if let Some(how) = now.runbook {
        runbook::beside(&talos, &publication, &published, how, context).await;
    }
    Ok(published)
}

/// What a kubectl user may think to have chosen is said to be without effect, before the
/// wrong cluster is backed up in silence.
fn warn_misleading(kubernetes: &KubernetesFlags, context: &Context) {
    let said = kubernetes.misleading();
    if !said.is_empty() {
        context.ui.warn(&format!(
            "{}: without effect on `--direct`, which asks the Talos API: choose with `--talos-context` and `--nodes`",
            said.join(", ")
        ));
    }
}

fn plan(now: &Now, cluster: String) -> Result<Publication, Failure> {
    check_cluster_name(&cluster)?;
    Ok(Publication {
        destinations: now
            .destinations
            .iter()
            .map(|text| Destination::parse(text))
            .collect::<Result<_, _>>()?,
        stores: now.store.options(),
        cluster,
        compression: now.compress.as_deref().unwrap_or("zstd").parse()?,
        recipients: now.recipients.recipients(false)?.map(Arc::new),
        raw: None,
        low_memory: now.low_memory,
        part_size: now.upload.part_size,
        concurrency: now.upload.concurrency.map(usize::from),
        manifest: !now.no_manifest,
        min_copies: now.min_copies,
        lock: now.lock.lock(),
        facts: SourceFacts::default(),
        replacing: None,
    })
}

/// A cut, stalled or unproven stream is tried on the next member.
async fn try_members(
    talos: &Talos,
    choice: &Choice,
    timeouts: StreamTimeouts,
    publication: &mut Publication,
    context: &Context,
) -> Result<Published, Failure> {
    let mut last = Failure::new(Exit::Config, "no control-plane node to ask")
        .hint("name one with `--nodes NODE`");
    let mut candidates = choice.candidates.iter();
    while let Some(candidate) = candidates.next() {
        let node = &candidate.node;
        let facts = SourceFacts::of(talos, candidate, &choice.unknown);
        publication.facts = context.cancel.clone().unless_stopped(facts).await?;
        let meter = Meter::default();
        let progress = context
            .ui
            .progress(format!("backing up node {node}"), &meter);
        let mut source = TalosSource::new(talos, node, timeouts);
        let mut source = MeteredSource::new(&mut source, meter);
        let published = publish(&mut source, publication, context.cancel.clone()).await;
        drop(progress);
        match published {
            Ok(published) => return Ok(published),
            Err(error) if error.try_elsewhere => last = error.failure,
            Err(error) => return Err(error.failure),
        }
        if !candidates.as_slice().is_empty() {
            context
                .ui
                .warn(&format!("{}; trying another node", last.what));
        }
    }
    Err(last)
}
