//! One object for other recipients.
//!
//! No object is ever overwritten, so the new one has a name of its own: the same with the next
//! free millisecond, so that both stand side by side in every order. Its manifest says which it
//! replaces; that is also how a run that was broken off finds what is done.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::backup::{
    Cancel, ObjectSource, Publication, Published, Replacing, SourceFacts, publish,
};
use crate::catalogue::{Entry, Manifest, ObjectName};
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Identities, Recipients};
use crate::store::{Destination, LockFor, Store, StoreOptions};
use crate::verify::{self, Depth, Verdict};

/// How many later milliseconds are tried for a name.
const NAMES: i64 = 50;

/// Where, from whom and for whom.
pub struct Rekeying {
    /// Where the objects lie.
    pub destination: Destination,
    /// The same, open.
    pub store: Arc<dyn Store>,
    /// How to reach it.
    pub options: StoreOptions,
    /// Everything that lies there.
    pub names: Vec<(ObjectName, Entry)>,
    /// What opens the old ones.
    pub identities: Identities,
    /// Who shall open the new ones.
    pub recipients: Arc<Recipients>,
    /// The lock that new objects get.
    pub lock: Option<LockFor>,
}

/// What takes, or took, an object's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Successor {
    /// It is for these recipients already.
    Itself,
    /// An earlier run made it: its key.
    Made(String),
    /// It is to be made, under this name.
    Free(ObjectName),
}

/// A new object.
pub struct Rekeyed {
    /// Its full key.
    pub key: String,
    /// What the push had to say.
    pub warnings: Vec<String>,
}

/// Looks for what takes the place of an object.
///
/// # Errors
/// Those of the store; 65: it is not encrypted; 75: no name is free.
pub async fn successor(
    rekeying: &Rekeying,
    name: &ObjectName,
    entry: &Entry,
) -> Result<Successor, Failure> {
    let manifest = verify::read_manifest(rekeying.store.as_ref(), &entry.key).await?;
    if manifest.is_some_and(|manifest| is_for(&manifest, &rekeying.recipients)) {
        return Ok(Successor::Itself);
    }
    for later in 1..=NAMES {
        let taken_at = name
            .taken_at
            .checked_add(SignedDuration::from_millis(later));
        let candidate = ObjectName {
            taken_at: taken_at.unwrap_or(name.taken_at),
            encrypted: true,
            ..name.clone()
        };
        let same_time = |known: &&(ObjectName, Entry)| {
            known.0.taken_at == candidate.taken_at && known.0.cluster == candidate.cluster
        };
        let mut neighbours = rekeying.names.iter().filter(same_time).peekable();
        if neighbours.peek().is_none() {
            return Ok(Successor::Free(candidate));
        }
        for (_, neighbour) in neighbours {
            let manifest = verify::read_manifest(rekeying.store.as_ref(), &neighbour.key).await?;
            let made = manifest.is_some_and(|manifest| {
                manifest.replaces.as_deref() == Some(entry.name.as_str())
                    && is_for(&manifest, &rekeying.recipients)
            });
            if made {
                return Ok(Successor::Made(neighbour.key.clone()));
            }
        }
    }
    let what = format!(
        "no name beside `{}` is free",
        rekeying.store.url_of(&entry.key)
    );
    Err(Failure::new(Exit::Temporary, what).hint("remove what earlier runs left beside it"))
}

fn is_for(manifest: &Manifest, recipients: &Recipients) -> bool {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        texts
    };
    manifest.encrypted && sorted(&manifest.recipients) == sorted(recipients.fingerprints())
}

/// Opens the object, pushes its snapshot again as `name` and reads back what was stored.
///
/// # Errors
/// 65: it does not open, or holds no proven snapshot; those of the store. The old object is as it
/// was.
pub async fn rekey(
    rekeying: &Rekeying,
    entry: &Entry,
    name: ObjectName,
    cancel: Cancel,
) -> Result<Rekeyed, Failure> {
    let manifest = verify::read_manifest(rekeying.store.as_ref(), &entry.key).await?;
    let mut source = ObjectSource::new(
        Arc::clone(&rekeying.store),
        entry.key.clone(),
        rekeying.identities.clone(),
    );
    let publication = Publication {
        destinations: vec![rekeying.destination.clone()],
        stores: rekeying.options.clone(),
        cluster: name.cluster.clone(),
        compression: compression(&name, manifest.as_ref()),
        recipients: Some(Arc::clone(&rekeying.recipients)),
        raw: None,
        low_memory: false,
        part_size: None,
        concurrency: None,
        manifest: true,
        min_copies: None,
        lock: rekeying.lock,
        facts: manifest.as_ref().map(SourceFacts::from).unwrap_or_default(),
        replacing: Some(Replacing {
            name,
            old: entry.name.clone(),
            source: manifest.map(|manifest| manifest.source),
        }),
    };
    let published = publish(&mut source, &publication, cancel.clone())
        .await
        .map_err(|error| error.failure)?;
    let key = stored(&published)?;
    check(rekeying.store.as_ref(), &key, cancel).await?;
    Ok(Rekeyed {
        key,
        warnings: published.warnings,
    })
}

/// As it was, as far as that is known.
fn compression(name: &ObjectName, manifest: Option<&Manifest>) -> Compression {
    let told = manifest.and_then(|manifest| manifest.compression.parse().ok());
    told.unwrap_or(match name.compressed {
        true => Compression::default(),
        false => Compression::None,
    })
}

fn stored(published: &Published) -> Result<String, Failure> {
    let copy = published.receipt.copies.first();
    match copy.filter(|copy| copy.error.is_none()) {
        Some(copy) => Ok(copy.key.clone()),
        None => {
            let failure = published.failures.first();
            let exit = failure.map_or(Exit::Temporary, |failure| failure.exit);
            let what = failure.map_or("it was not stored", |failure| failure.what.as_str());
            let hint = failure.and_then(|failure| failure.hint.clone());
            Err(Failure::new(exit, what).hint(hint.unwrap_or_else(|| "run it again".to_owned())))
        }
    }
}

/// Reads the stored bytes back: they must be those that were sent.
///
/// # Errors
/// 65: they are not; those of the store.
async fn check(store: &dyn Store, key: &str, cancel: Cancel) -> Result<(), Failure> {
    let found = verify::verify(store, key, &Depth::Quick, cancel).await?;
    if found.verdict == Verdict::Good {
        return Ok(());
    }
    let what = format!(
        "`{}` was stored and cannot be relied on: {}; the old object stays",
        store.url_of(key),
        found.findings.join("; ")
    );
    Err(Failure::new(Exit::Data, what).hint("look at it with `kubectl etcdbackup verify`"))
}

impl Rekeying {
    /// Whether the new object at `key` is good: then the old one may go.
    ///
    /// # Errors
    /// 65: it is not; those of the store.
    pub async fn check(&self, key: &str, cancel: Cancel) -> Result<(), Failure> {
        check(self.store.as_ref(), key, cancel).await
    }
}
