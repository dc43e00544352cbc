//! Which object is meant: by URL, by full key, or the newest of a destination.

use std::io::Read;
use std::path::Path;

use etcdbackup::catalogue;
use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::{self, Body, Destination, Store};
use jiff::Timestamp;

use crate::cli::Pull;

/// A presigned URL is one line; a file larger than this holds something else.
const URL_LIMIT: u64 = 16 * 1024;

/// An opened object, its name for messages, and what to say about the choice.
pub(crate) struct Chosen {
    pub(crate) body: Box<dyn Body>,
    pub(crate) name: String,
    /// URL of the next older snapshot.
    pub(crate) older: Option<String>,
}

impl Chosen {
    async fn object(store: &dyn Store, key: &str) -> Result<Self, store::StoreError> {
        Ok(Self {
            body: store.open(key).await?,
            name: store.url_of(key),
            older: None,
        })
    }
}

pub(crate) async fn choose(cli: &Pull, context: &Context) -> Result<Chosen, Failure> {
    match (&cli.source, &cli.url_file) {
        // A source that was typed conflicts; one of a variable or profile steps back.
        (_, Some(file)) => from_url(file, cli).await,
        (Some(source), None) => from_store(source, cli, context).await,
        (None, None) => Err(
            Failure::new(Exit::Usage, "no source to pull from").hint(format!(
                "name a destination or an object: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        ),
    }
}

async fn from_url(file: &Path, cli: &Pull) -> Result<Chosen, Failure> {
    only_for_destinations(cli)?;
    let mut url = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(URL_LIMIT).read_to_string(&mut url)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(URL_LIMIT).read_to_string(&mut url))
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

async fn from_store(source: &str, cli: &Pull, context: &Context) -> Result<Chosen, Failure> {
    let destination = Destination::parse(source)?;
    let object = destination.split_object();
    let named = object
        .as_ref()
        .filter(|(_, key)| catalogue::is_object_name(key));
    if let Some((parent, key)) = named {
        only_for_destinations(cli)?;
        let store = store::open(parent, &cli.store.options()).await?;
        return Ok(Chosen::object(store.as_ref(), key).await?);
    }
    let newest = newest(&destination, cli, context).await;
    let (Err(failure), Some((parent, key))) = (&newest, object) else {
        return newest;
    };
    // What an object is, its content decides: a name of any kind may be one.
    let nothing = matches!(failure.exit, Exit::No | Exit::Config);
    if !nothing || cli.at.is_some() {
        return newest;
    }
    let store = store::open(&parent, &cli.store.options()).await?;
    Chosen::object(store.as_ref(), &key).await.or(newest)
}

/// `--at` chooses in a destination.
fn only_for_destinations(cli: &Pull) -> Result<(), Failure> {
    match &cli.at {
        None => Ok(()),
        Some(_) => Err(Failure::new(
            Exit::Usage,
            "`--at` chooses in a destination, and one object is named",
        )
        .hint("leave out `--at`, or name the destination: `s3://BUCKET/PREFIX`")),
    }
}

async fn newest(
    destination: &Destination,
    cli: &Pull,
    context: &Context,
) -> Result<Chosen, Failure> {
    let at = cli.at.as_deref().map(parse_time).transpose()?;
    let store = store::open(destination, &cli.store.options()).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(
        store.as_ref(),
        prefix.trim_end_matches('/'),
        Timestamp::now(),
    )
    .await?;
    let selected = catalogue::select(&entries, cli.cluster_name.as_deref(), at)
        .map_err(|failure| in_destination(failure, destination))?;
    selected.notes.iter().for_each(|note| context.ui.warn(note));
    let chosen = Chosen::object(store.as_ref(), &selected.entry.key).await?;
    let older = selected.older.map(|older| store.url_of(&older.key));
    Ok(Chosen { older, ..chosen })
}

/// The choice knows names only; a person wants to know where.
fn in_destination(failure: Failure, destination: &Destination) -> Failure {
    let named = Failure::new(failure.exit, format!("{destination}: {}", failure.what));
    match failure.hint {
        Some(hint) => named.hint(hint),
        None => named,
    }
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
