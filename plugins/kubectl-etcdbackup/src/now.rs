//! The whole backup in one word.

use std::sync::Arc;

use etcdbackup::backup::{Publication, Published, SourceFacts, TalosSource, publish};
use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::{Context, report};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::Destination;
use etcdbackup::talos::{Choice, StreamTimeouts, Talos, choose};

use crate::cli::{Now, Receipt};
use crate::talos_backup;

pub(crate) async fn run(mut now: Now, context: Context) -> Result<Exit, Failure> {
    let called_as_talos_backup = std::env::args_os()
        .next()
        .is_some_and(|name| name.to_string_lossy().ends_with("talos-backup"));
    talos_backup::fill(&mut now, |name| std::env::var(name).ok());
    if now.destinations.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "no destination to store the backup in")
                .hint("name one: `kubectl etcdbackup now --direct s3://BUCKET/PREFIX`"),
        );
    }
    if !now.direct && !called_as_talos_backup {
        return Err(Failure::new(
            Exit::Usage,
            "running the backup in the cluster is not part of this version",
        )
        .hint(format!(
            "run it from here: `kubectl etcdbackup now --direct {}`",
            now.destinations.join(" ")
        )));
    }
    let talos = Talos::connect(&now.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let choice = choose(&talos).await;
    let mut publication = plan(&now, talos.context())?;
    if publication.recipients.is_none() {
        context
            .ui
            .warn("encryption is off: whoever reads the store reads every Secret of the cluster");
    }
    let published = try_members(&talos, &choice, &mut publication, &context).await?;
    report::published(context.ui, &published, now.output == Receipt::Json)
}

fn plan(now: &Now, talos_context: &str) -> Result<Publication, Failure> {
    let cluster = now
        .cluster_name
        .clone()
        .unwrap_or_else(|| talos_context.to_owned());
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
        manifest: !now.no_manifest,
        min_copies: now.min_copies,
        facts: SourceFacts::default(),
    })
}

/// A cut, stalled or unproven stream is tried on the next member.
async fn try_members(
    talos: &Talos,
    choice: &Choice,
    publication: &mut Publication,
    context: &Context,
) -> Result<Published, Failure> {
    let mut last = Failure::new(Exit::Config, "no control-plane node to ask")
        .hint("name one with `--nodes NODE`");
    for candidate in &choice.candidates {
        publication.facts = SourceFacts::of(talos, candidate, &choice.unknown).await;
        let mut source = TalosSource::new(talos, &candidate.node, StreamTimeouts::default());
        match publish(&mut source, publication, context.cancel.clone()).await {
            Ok(published) => return Ok(published),
            Err(error) if error.try_elsewhere => {
                context.ui.warn(&error.failure.what);
                last = error.failure;
            }
            Err(error) => return Err(error.failure),
        }
    }
    Err(last)
}
