//! Stores a snapshot from stdin or a file.

use std::fs::File;
use std::sync::Arc;

use etcdbackup::backup::{
    Meter, MeteredSource, Publication, ReaderSource, SnapshotSource, SourceFacts, prove_raw,
    publish,
};
use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::{Context, report};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::Sound;
use etcdbackup::store::Destination;

use crate::cli::{Output, Push};

pub(crate) async fn run(cli: Push, context: Context) -> Result<Exit, Failure> {
    if cli.destinations.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "no destination to store the snapshot in").hint(format!(
                "name one: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        );
    }
    let destinations = cli
        .destinations
        .iter()
        .map(|text| Destination::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let cluster = cli
        .cluster_name
        .clone()
        .unwrap_or_else(|| last_part(&destinations));
    check_cluster_name(&cluster)?;
    let from_stdin = cli.file == "-";
    let raw = if cli.raw {
        raw_proof(&cli.file, &context).await?
    } else {
        None
    };
    let publication = Publication {
        destinations,
        stores: cli.store.options(),
        cluster,
        compression: cli.compress.parse()?,
        recipients: cli.recipients.recipients(from_stdin)?.map(Arc::new),
        raw,
        low_memory: cli.low_memory,
        part_size: cli.upload.part_size,
        concurrency: cli.upload.concurrency.map(usize::from),
        manifest: !cli.no_manifest,
        min_copies: cli.min_copies,
        lock: cli.lock.lock(),
        facts: SourceFacts::default(),
        replacing: None,
    };
    let mut source: Box<dyn SnapshotSource> = if from_stdin {
        context.ui.stdin_gives_bytes()?;
        Box::new(ReaderSource::new(std::io::stdin(), "stdin"))
    } else {
        let file = File::open(&cli.file).map_err(|error| {
            Failure::new(Exit::Io, format!("cannot open `{}`: {error}", cli.file))
                .hint("check the path given with `-f`")
        })?;
        Box::new(ReaderSource::new(file, format!("file `{}`", cli.file)))
    };
    let meter = Meter::default();
    let progress = context.ui.progress("pushing", &meter);
    let mut source = MeteredSource::new(source.as_mut(), meter);
    let published = publish(&mut source, &publication, context.cancel.clone()).await;
    drop(progress);
    let published = published.map_err(|error| error.failure)?;
    report::published(&context.ui, &published, cli.output == Output::Json)
}

/// The structure proof of a raw copy, which needs the whole file at hand.
async fn raw_proof(path: &str, context: &Context) -> Result<Option<Sound>, Failure> {
    if path == "-" {
        return Err(Failure::new(Exit::Usage, "`--raw` needs a file, not stdin")
            .hint("name the copy of `member/snap/db` with `-f FILE`"));
    }
    let proof = prove_raw(path, context.cancel.clone()).await?;
    if proof.is_some() {
        context
            .ui
            .warn("a raw copy: no digest proves its content, only its structure was checked");
    } else {
        context.ui.note(&format!(
            "`{path}` is a streamed snapshot with its digest: `--raw` was not needed"
        ));
    }
    Ok(proof)
}

/// `prod` of `s3://backups/prod`: with a prefix per cluster, its name is said already.
fn last_part(destinations: &[Destination]) -> String {
    let text = destinations
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    text.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
