//! One destination's uploads: parts in, one published object or none out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::cancel::Cancel;
use super::laggards::Watched;
use super::parts::Part;
use crate::catalogue::ObjectName;
use crate::failure::{Exit, Failure};
use crate::store::{Store, StoreError, StoreErrorKind, Upload};

/// How long the request that publishes may still take after a stop: its outcome would be
/// unknown otherwise.
const LAST_WORD: Duration = Duration::from_secs(5);

/// How many names are tried for an object of one part.
const NAMES: u32 = 4;

/// What became of one destination.
#[derive(Debug)]
pub struct Delivery {
    /// Full URL of the object.
    pub url: String,
    /// Full key of the object.
    pub key: String,
    /// Stored, or why not.
    pub result: Result<(), Failure>,
    /// What else a person should know of the store.
    pub remark: Option<String>,
}

impl Delivery {
    /// Of a lane that ended without a word.
    pub(super) fn lost(store: &dyn Store, key: &str) -> Self {
        let url = store.url_of(key);
        Self {
            result: Err(explain(End::NoLastPart, &url)),
            url,
            key: key.to_owned(),
            remark: None,
        }
    }
}

/// How a lane ended.
#[derive(Default)]
pub(super) struct Landing {
    /// None: the last part never came; the source, the proof or a signal stopped the run.
    pub(super) delivery: Option<Delivery>,
    /// What could not be removed from the store.
    pub(super) remains: Option<Failure>,
}

pub(super) struct Lane {
    pub(super) store: Arc<dyn Store>,
    pub(super) key: String,
    pub(super) part_size: u64,
    pub(super) parts: UnboundedReceiver<Arc<Part>>,
    pub(super) watched: Arc<Watched>,
    pub(super) cancel: Cancel,
}

/// Why a lane ended without an object.
enum End {
    /// The last part never came.
    NoLastPart,
    /// The store refused.
    Store(StoreError),
    /// The other destinations would have waited for this one.
    Lagging,
    /// A signal, and what that means for the object.
    Stopped(Exit, &'static str),
}

/// Where a signal hits the request that publishes.
const UNKNOWN: &str = "whether it is stored is unknown";

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Lane {
    /// Runs to the end.
    pub(super) async fn run(mut self) -> Landing {
        let (delivered, remains, remark) = match self.next_part().await {
            Ok(only) if only.last => (self.put(&only).await, None, None),
            Ok(first) => self.deliver(first).await,
            Err(end) => (Err(end), None, None),
        };
        self.watched
            .done
            .store(delivered.is_ok(), Ordering::Release);
        self.watched.ended.store(true, Ordering::Release);
        let url = self.store.url_of(&self.key);
        let result = match delivered {
            Err(End::NoLastPart) => None,
            Err(end) => Some(Err(explain(end, &url))),
            Ok(()) => Some(Ok(())),
        };
        Landing {
            delivery: result.map(|result| Delivery {
                url,
                key: self.key,
                result,
                remark,
            }),
            remains,
        }
    }

    /// An upload in parts; also what remains of it, and what else is to be known.
    async fn deliver(
        &mut self,
        first: Arc<Part>,
    ) -> (Result<(), End>, Option<Failure>, Option<String>) {
        let upload = match self.begin().await {
            Ok(upload) => upload,
            Err(end) => return (Err(end), None, None),
        };
        let remark = upload.remark().map(ToOwned::to_owned);
        let published = match self.send_all(first, &upload).await {
            Ok(count) => self.complete(upload.as_ref(), count).await,
            Err(end) => Err(end),
        };
        if published.is_ok() {
            return (published, None, remark);
        }
        self.leave();
        // Harmless after a success whose answer was lost.
        let remains = upload.abort().await.err().map(Failure::from);
        (published, remains, remark)
    }

    /// Gives back the slots of what is still on its way here: the others go on.
    fn leave(&mut self) {
        self.parts.close();
        while self.parts.try_recv().is_ok() {}
    }

    /// A name that is taken is no reason to fail while the bytes are still here: the next
    /// millisecond is as good. In parts it is too late for that, they belong to their name.
    async fn put(&mut self, only: &Part) -> Result<(), End> {
        for _ in 1..NAMES {
            match self.put_once(only).await {
                Err(End::Store(error)) if error.kind == StoreErrorKind::Exists => {
                    match self.next_key() {
                        Some(key) => self.key = key,
                        None => return Err(End::Store(error)),
                    }
                }
                done => return done,
            }
        }
        self.put_once(only).await
    }

    /// The same name with a later time; none: the name has no time.
    fn next_key(&self) -> Option<String> {
        let (_, name) = self.key.rsplit_once('/').unwrap_or(("", &self.key));
        let name = ObjectName::parse(name)?;
        let later = name
            .taken_at
            .checked_add(SignedDuration::from_millis(1))
            .ok()?;
        let name = ObjectName {
            taken_at: later,
            ..name
        };
        Some(self.store.key_of(&name.to_string()))
    }

    async fn put_once(&mut self, only: &Part) -> Result<(), End> {
        let put = self.store.put(&self.key, only.body.clone(), false);
        let watched = Arc::clone(&self.watched);
        tokio::select! {
            done = self.cancel.grant(LAST_WORD, put) => {
                Ok(done.map_err(|exit| End::Stopped(exit, UNKNOWN))??)
            }
            () = watched.given_up() => Err(End::Lagging),
        }
    }

    async fn begin(&mut self) -> Result<Arc<dyn Upload>, End> {
        let begin = self.store.begin(&self.key, self.part_size);
        let watched = Arc::clone(&self.watched);
        tokio::select! {
            // An answer that comes late names what must be removed.
            upload = self.cancel.grant(LAST_WORD, begin) => {
                let open = "an open upload of it may remain";
                Ok(Arc::from(upload.map_err(|exit| End::Stopped(exit, open))??))
            }
            () = watched.given_up() => Err(End::Lagging),
        }
    }

    async fn complete(&mut self, upload: &dyn Upload, parts: u32) -> Result<(), End> {
        let complete = upload.complete(parts);
        let watched = Arc::clone(&self.watched);
        tokio::select! {
            done = self.cancel.grant(LAST_WORD, complete) => {
                Ok(done.map_err(|exit| End::Stopped(exit, UNKNOWN))??)
            }
            () = watched.given_up() => Err(End::Lagging),
        }
    }

    /// Uploads until the last part is stored; gives the number of parts.
    async fn send_all(&mut self, first: Arc<Part>, upload: &Arc<dyn Upload>) -> Result<u32, End> {
        let mut running = JoinSet::new();
        let mut next = Some(first);
        let mut last = None;
        let watched = Arc::clone(&self.watched);
        loop {
            if let Some(part) = next.take() {
                if part.last {
                    last = Some(part.number);
                }
                let (upload, watched) = (Arc::clone(upload), Arc::clone(&watched));
                running.spawn(store_part(upload, part, watched));
            }
            if let (Some(count), true) = (last, running.is_empty()) {
                return Ok(count);
            }
            tokio::select! {
                Some(done) = running.join_next() => {
                    done.map_err(|_| End::NoLastPart)??;
                }
                part = self.parts.recv(), if last.is_none() => next = Some(part.ok_or(End::NoLastPart)?),
                () = watched.given_up() => return Err(End::Lagging),
                exit = self.cancel.requested() => {
                    return Err(End::Stopped(exit, "nothing of it is stored"));
                }
            }
        }
    }

    async fn next_part(&mut self) -> Result<Arc<Part>, End> {
        self.parts.recv().await.ok_or(End::NoLastPart)
    }
}

async fn store_part(
    upload: Arc<dyn Upload>,
    part: Arc<Part>,
    watched: Arc<Watched>,
) -> Result<(), StoreError> {
    let stored = upload
        .part(part.number, part.offset, part.body.clone())
        .await;
    watched.pending.fetch_sub(1, Ordering::AcqRel);
    stored
}

fn explain(end: End, url: &str) -> Failure {
    match end {
        End::Store(error) if error.kind == StoreErrorKind::Exists => Failure::new(
            Exit::Temporary,
            format!("{url}: an object of that name exists and was not overwritten"),
        )
        .hint("run it again: its parts were sent under that name, and the next name carries a new time"),
        End::Store(error) => error.into(),
        End::Lagging => Failure::new(
            Exit::Temporary,
            format!("{url}: the destination stood still while the others waited, and was left out"),
        )
        .hint("run again with this destination alone, or look at why it hangs"),
        End::Stopped(exit, meaning) => {
            Failure::new(exit, format!("stopped by a signal: {url}: {meaning}"))
                .hint("run it again")
        }
        End::NoLastPart => Failure::new(Exit::Bug, format!("{url}: the last part never came"))
            .hint("this is a bug of ours: please report it"),
    }
}
