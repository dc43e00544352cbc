//! Chooses the object and fetches it.

use std::io::Read;
use std::path::Path;

use etcdbackup::backup::{PullTarget, pull};
use etcdbackup::catalogue::{self, Selected};
use etcdbackup::cli::{Context, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::Identities;
use etcdbackup::store::{self, Body, Destination, Store};
use jiff::Timestamp;

use crate::cli::Pull;

/// An opened object, its name for messages, and what to say about the choice.
struct Chosen {
    body: Box<dyn Body>,
    name: String,
    older: Option<String>,
}

pub(crate) async fn run(cli: Pull, context: Context) -> Result<Exit, Failure> {
    let to_stdout = cli.output == Path::new("-");
    if to_stdout {
        context.ui.stdout_takes_bytes()?;
    }
    let target = if to_stdout {
        PullTarget::Stdout
    } else {
        PullTarget::File(cli.output.clone(), cli.force)
    };
    let target = target.open()?;
    let identities = Identities {
        files: cli.identity.clone(),
        stdin_is_taken: cli.url_file.as_deref() == Some(Path::new("-")),
    };
    let chosen = match &cli.url_file {
        Some(file) => from_url(file, &cli).await?,
        None => from_store(&cli, &context).await?,
    };
    let mut cancel = context.cancel.clone();
    let fetched = tokio::select! {
        fetched = pull(chosen.body, &chosen.name, identities, cli.stored, target) => fetched,
        exit = cancel.requested() => Err(Failure::new(exit, "stopped by a signal: nothing was kept")),
    };
    match fetched {
        Ok(bytes) if cli.stored => context.ui.note(&format!(
            "fetched {} as stored: {}",
            chosen.name,
            format::size(bytes)
        )),
        Ok(bytes) => context.ui.note(&format!(
            "fetched {}: a proven snapshot of {}",
            chosen.name,
            format::size(bytes)
        )),
        Err(failure) => return Err(name_older(failure, chosen.older)),
    }
    Ok(Exit::Done)
}

/// An unusable newest is an error that names the next older, never a silent fallback.
fn name_older(failure: Failure, older: Option<String>) -> Failure {
    match older {
        Some(older) if failure.exit == Exit::Data => failure.hint(format!(
            "the next older one is {older}: name it as SOURCE to fetch it"
        )),
        _ => failure,
    }
}

async fn from_url(file: &Path, cli: &Pull) -> Result<Chosen, Failure> {
    let mut url = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut url)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut url))
    };
    read.map_err(|error| {
        Failure::new(
            Exit::Io,
            format!("cannot read `{}`: {error}", file.display()),
        )
        .hint("check the path given with `--url-file`")
    })?;
    let body = store::open_url(url.trim(), &cli.store.options()).await?;
    Ok(Chosen {
        body,
        name: "the presigned URL's object".to_owned(),
        older: None,
    })
}

async fn from_store(cli: &Pull, context: &Context) -> Result<Chosen, Failure> {
    let source = cli.source.as_deref().unwrap_or_default();
    let destination = Destination::parse(source)?;
    if let Some((parent, key)) = destination
        .split_object()
        .filter(|(_, key)| looks_like_object(key))
    {
        let store = store::open(&parent, &cli.store.options()).await?;
        let body = store.open(&key).await?;
        return Ok(Chosen {
            body,
            name: store.url_of(&key),
            older: None,
        });
    }
    let at = cli.at.as_deref().map(parse_time).transpose()?;
    let store = store::open(&destination, &cli.store.options()).await?;
    let selected = select(store.as_ref(), cli, at).await?;
    selected.notes.iter().for_each(|note| context.ui.warn(note));
    let body = store.open(&selected.entry.key).await?;
    let older = selected.older.map(|older| store.url_of(&older.key));
    Ok(Chosen {
        body,
        name: store.url_of(&selected.entry.key),
        older,
    })
}

async fn select(store: &dyn Store, cli: &Pull, at: Option<Timestamp>) -> Result<Selected, Failure> {
    let prefix = store.key_of("");
    let entries = catalogue::read(store, prefix.trim_end_matches('/'), Timestamp::now()).await?;
    catalogue::select(&entries, cli.cluster_name.as_deref(), at)
}

fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("`--at {text}` is not a time: {error}"))
            .hint("write it like 2026-11-01T12:00:00Z")
    })
}

/// Whether the last segment names an object rather than a prefix: the names we and others
/// write end so.
fn looks_like_object(key: &str) -> bool {
    [".snap", ".zst", ".age", ".snapshot", ".db"]
        .iter()
        .any(|end| key.ends_with(end))
}
