//! One object to another store, as it is.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use super::upload::Outgoing;
use crate::backup::{Cancel, ChunkReader, Feed};
use crate::catalogue::{Content, Entry, Manifest, ObjectName, manifest_key_beside};
use crate::failure::{Exit, Failure};
use crate::seal::{self, Identities};
use crate::snapshot::Verifier;
use crate::store::{ObjectLock, Store};
use crate::verify;

/// Chunks between the download and what proves them.
const CHUNKS: usize = 16;

/// From where to where, and with what.
pub struct Copying {
    /// Where the objects lie.
    pub from: Arc<dyn Store>,
    /// Where they go.
    pub to: Arc<dyn Store>,
    /// What lies there: by name, whichever way its time is written.
    pub there: HashMap<ObjectName, Entry>,
    /// What opens encrypted objects, to prove those without a manifest; may be none.
    pub identities: Identities,
    /// The lock that objects get there.
    pub lock: Option<ObjectLock>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It was copied.
    Copied,
    /// It would be.
    WouldCopy,
    /// The same lies there already.
    There,
}

/// What shows that the copied bytes are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proven {
    /// Size and SHA-256 are those of the manifest.
    Manifest,
    /// It was opened: the snapshot's own SHA-256 holds.
    Snapshot,
    /// Only that as many bytes arrived as the source has: encrypted, without manifest or key.
    Length,
}

/// One object's result.
#[derive(Debug, Clone, Serialize)]
pub struct Copied {
    /// Where it lies.
    pub source: String,
    /// Where it lies or would lie now.
    pub url: String,
    /// Stored bytes.
    pub bytes: u64,
    /// What was done.
    pub step: Step,
    /// What was proven of the bytes that were copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// Anything a person should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Copies one object, unless the same lies there.
///
/// # Errors
/// 65: it is not what its manifest says, it is no snapshot, or another object has its name;
/// those of the stores. Nothing was published.
pub async fn copy(
    copying: &Copying,
    name: &ObjectName,
    entry: &Entry,
    cancel: Cancel,
) -> Result<Copied, Failure> {
    let manifest = verify::read_manifest(copying.from.as_ref(), &entry.key).await?;
    let key = copying.to.key_of(&entry.name);
    let mut copied = Copied {
        source: copying.from.url_of(&entry.key),
        url: copying.to.url_of(&key),
        bytes: entry.size,
        step: Step::WouldCopy,
        proven: None,
        warning: None,
    };
    if let Some(there) = copying.there.get(name) {
        compare(copying, entry, there, manifest.as_ref()).await?;
        copied.url = copying.to.url_of(&there.key);
        copied.step = Step::There;
        return Ok(copied);
    }
    if copying.dry_run {
        return Ok(copied);
    }
    let mut outgoing = Outgoing::new(Arc::clone(&copying.to), key.clone());
    let sent = send(copying, entry, manifest.as_ref(), &mut outgoing, cancel).await;
    match sent {
        Ok(proven) => copied.proven = Some(proven),
        Err(mut failure) => {
            if let Some(remains) = outgoing.abandon().await {
                failure.what = format!("{}; {}", failure.what, remains.what);
                failure.hint = remains.hint;
            }
            return Err(failure);
        }
    }
    copied.step = Step::Copied;
    copied.warning = match manifest {
        Some(manifest) => write_manifest(copying, &key, manifest).await,
        None => None,
    };
    Ok(copied)
}

/// What has the same name must be the same: neither is overwritten.
async fn compare(
    copying: &Copying,
    entry: &Entry,
    there: &Entry,
    manifest: Option<&Manifest>,
) -> Result<(), Failure> {
    let theirs = verify::read_manifest(copying.to.as_ref(), &there.key).await?;
    let digests = manifest.zip(theirs.as_ref());
    let same = entry.size == there.size
        && digests.is_none_or(|(ours, theirs)| ours.stored == theirs.stored);
    if same {
        return Ok(());
    }
    let what = format!(
        "`{}` is another object than `{}`: {} and {} bytes",
        copying.to.url_of(&there.key),
        copying.from.url_of(&entry.key),
        there.size,
        entry.size
    );
    Err(Failure::new(Exit::Data, what)
        .hint("`kubectl etcdbackup verify` tells which is good; remove or rename the other"))
}

async fn send(
    copying: &Copying,
    entry: &Entry,
    manifest: Option<&Manifest>,
    outgoing: &mut Outgoing,
    mut cancel: Cancel,
) -> Result<Proven, Failure> {
    let url = copying.from.url_of(&entry.key);
    let moved = transfer(copying, entry, manifest.is_none(), outgoing);
    let (seen, by_content) = cancel.unless_stopped(moved).await??;
    let proven = match manifest {
        Some(manifest) if manifest.stored == seen => Proven::Manifest,
        Some(manifest) => {
            let (told, what) = (&manifest.stored, "nothing was published");
            let what = format!(
                "{url}: {} bytes with SHA-256 {}, and its manifest says {} bytes with {}; {what}",
                seen.bytes, seen.sha256, told.bytes, told.sha256
            );
            return Err(Failure::new(Exit::Data, what)
                .hint("this copy is damaged, or its manifest is: `kubectl etcdbackup verify --deep` tells"));
        }
        None => by_content?,
    };
    if seen.bytes != entry.size {
        let what = format!(
            "{url}: {} bytes came, and {} are listed",
            seen.bytes, entry.size
        );
        return Err(Failure::new(Exit::Data, what).hint("run it again"));
    }
    outgoing.publish().await?;
    Ok(proven)
}

/// Moves all bytes; gives what passed, and what they prove by themselves where that is asked.
async fn transfer(
    copying: &Copying,
    entry: &Entry,
    look_inside: bool,
    outgoing: &mut Outgoing,
) -> Result<(Content, Result<Proven, Failure>), Failure> {
    let mut body = copying.from.open(&entry.key).await?;
    let mut digest = Context::new(&SHA256);
    let mut bytes = 0;
    let mut prover = None;
    while let Some(chunk) = body.next().await? {
        digest.update(&chunk);
        if look_inside {
            let prover = prover.get_or_insert_with(|| {
                Prover::start(&chunk, &copying.identities, copying.from.url_of(&entry.key))
            });
            prover.take(chunk.clone()).await;
        }
        bytes += chunk.len() as u64;
        outgoing.write(&chunk).await?;
    }
    let by_content = match prover {
        Some(prover) => prover.finish().await,
        None => Ok(Proven::Length),
    };
    let content = Content {
        bytes,
        sha256: hex::encode(digest.finish()),
    };
    Ok((content, by_content))
}

/// Opens a copy of what passes, in a thread of its own, where that needs no key or one is given.
struct Prover {
    chunks: mpsc::Sender<Feed>,
    /// None: it cannot be opened.
    proven: Option<tokio::task::JoinHandle<Result<(), Failure>>>,
}

impl Prover {
    fn start(first: &Bytes, identities: &Identities, name: String) -> Self {
        let (chunks, from) = mpsc::channel(CHUNKS);
        let opens = !seal::is_encrypted(first) || !identities.files.is_empty();
        let identities = identities.clone();
        let proven = opens.then(|| {
            tokio::task::spawn_blocking(move || prove(ChunkReader::new(from), &identities, &name))
        });
        Self { chunks, proven }
    }

    async fn take(&self, chunk: Bytes) {
        if self.proven.is_some() {
            // Whoever stopped to listen tells why at the end.
            let _refused = self.chunks.send(Feed::Data(chunk)).await;
        }
    }

    async fn finish(self) -> Result<Proven, Failure> {
        let Some(proven) = self.proven else {
            return Ok(Proven::Length);
        };
        let _refused = self.chunks.send(Feed::End).await;
        match proven.await {
            Ok(proven) => proven.map(|()| Proven::Snapshot),
            Err(_) => Err(Failure::new(Exit::Bug, "the proof stopped half way")),
        }
    }
}

fn prove(reader: ChunkReader, identities: &Identities, name: &str) -> Result<(), Failure> {
    let (mut clear, _) =
        seal::open(reader, identities).map_err(|error| error.into_failure(name))?;
    let mut verifier = Verifier::new(std::io::sink());
    let mut buffer = vec![0; 128 * 1024];
    let refused = |what: String| {
        Failure::new(Exit::Data, format!("{name}: {what}; nothing was published"))
            .hint("`kubectl etcdbackup verify --deep` looks at it closely")
    };
    loop {
        let count = clear
            .read(&mut buffer)
            .map_err(|error| seal::OpenError::Io(error).into_failure(name))?;
        if count == 0 {
            break;
        }
        if std::io::Write::write_all(&mut verifier, &buffer[..count]).is_err() {
            let why = verifier.refusal().map(ToString::to_string);
            return Err(refused(
                why.unwrap_or_else(|| "it cannot be read".to_owned()),
            ));
        }
    }
    match verifier.finish() {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// The manifest comes last, and its loss is a warning: it can be written again.
async fn write_manifest(copying: &Copying, key: &str, mut manifest: Manifest) -> Option<String> {
    manifest.set_lock(copying.lock);
    let json = match manifest.to_json() {
        Ok(json) => Bytes::from(json),
        Err(failure) => return Some(failure.what),
    };
    let place = manifest_key_beside(key);
    let written = copying.to.put(&place, json, true).await;
    written
        .err()
        .map(|error| format!("the manifest was not written: {error}"))
}
