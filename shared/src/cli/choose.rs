//! Which stored snapshot is meant: one by its full URL, or the newest of a destination.

use jiff::Timestamp;

use super::Context;
use crate::catalogue;
use crate::failure::{Exit, Failure};
use crate::store::{self, Body, Destination, Store, StoreError, StoreOptions};

/// What is wanted of a store.
#[derive(Debug)]
pub struct Wish<'a> {
    /// A destination, or an object's full URL.
    pub source: &'a str,
    /// The newest not after this time, as it was written.
    pub at: Option<&'a str>,
    /// Which cluster, where several share a prefix.
    pub cluster_name: Option<&'a str>,
    /// How the store is reached.
    pub store: StoreOptions,
}

/// An opened object, its name for messages, and what to say about the choice.
pub struct Chosen {
    /// Its bytes as they are stored.
    pub body: Box<dyn Body>,
    /// For messages.
    pub name: String,
    /// URL of the next older snapshot.
    pub older: Option<String>,
}

impl Chosen {
    async fn object(store: &dyn Store, key: &str) -> Result<Self, StoreError> {
        Ok(Self {
            body: store.open(key).await?,
            name: store.url_of(key),
            older: None,
        })
    }

    /// Finds and opens it.
    ///
    /// # Errors
    /// 2: no destination, several clusters, a time for one object; 1: nothing is there; those of
    /// the store.
    pub async fn find(wish: &Wish<'_>, context: &Context) -> Result<Self, Failure> {
        let destination = Destination::parse(wish.source)?;
        let object = destination.split_object();
        let named = object
            .as_ref()
            .filter(|(_, key)| catalogue::is_object_name(key));
        if let Some((parent, key)) = named {
            wish.names_an_object()?;
            let store = store::open(parent, &wish.store).await?;
            return Ok(Self::object(store.as_ref(), key).await?);
        }
        let newest = newest(&destination, wish, context).await;
        let (Err(failure), Some((parent, key))) = (&newest, object) else {
            return newest;
        };
        // What an object is, its content decides: a name of any kind may be one.
        let nothing = matches!(failure.exit, Exit::No | Exit::Config);
        if !nothing || wish.at.is_some() {
            return newest;
        }
        let store = store::open(&parent, &wish.store).await?;
        Self::object(store.as_ref(), &key).await.or(newest)
    }
}

impl Wish<'_> {
    /// `--at` chooses in a destination.
    ///
    /// # Errors
    /// 2: it was said, and one object is named.
    pub fn names_an_object(&self) -> Result<(), Failure> {
        match self.at {
            None => Ok(()),
            Some(_) => Err(Failure::new(
                Exit::Usage,
                "`--at` chooses in a destination, and one object is named",
            )
            .hint("leave out `--at`, or name the destination: `s3://BUCKET/PREFIX`")),
        }
    }
}

async fn newest(
    destination: &Destination,
    wish: &Wish<'_>,
    context: &Context,
) -> Result<Chosen, Failure> {
    let at = wish.at.map(parse_time).transpose()?;
    let store = store::open(destination, &wish.store).await?;
    let prefix = store.key_of("");
    let entries = catalogue::read(
        store.as_ref(),
        prefix.trim_end_matches('/'),
        Timestamp::now(),
    )
    .await?;
    let selected = catalogue::select(&entries, wish.cluster_name, at)
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

/// An unusable newest is an error that names the next older, never a silent fallback.
pub fn name_older(failure: Failure, older: Option<String>) -> Failure {
    let (Some(older), Exit::Data) = (older, failure.exit) else {
        return failure;
    };
    let hint = failure
        .hint
        .clone()
        .map_or(String::new(), |hint| hint + "; ");
    failure.hint(format!("{hint}the next older one is `{older}`"))
}
