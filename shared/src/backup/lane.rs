//! One destination's uploads: parts in, one published object or none out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::parts::Part;
use crate::failure::{Exit, Failure};
use crate::store::{Store, StoreError, StoreErrorKind, Upload};

/// What became of one destination.
#[derive(Debug)]
pub struct Delivery {
    /// Full URL of the object.
    pub url: String,
    /// Full key of the object.
    pub key: String,
    /// Stored, or why not.
    pub result: Result<(), Failure>,
}

pub(super) struct Lane {
    pub(super) store: Arc<dyn Store>,
    pub(super) key: String,
    pub(super) part_size: u64,
    pub(super) parts: UnboundedReceiver<Arc<Part>>,
    pub(super) pending: Arc<AtomicUsize>,
    pub(super) dropped: watch::Receiver<bool>,
}

/// Why a lane ended without an object.
enum End {
    /// The last part never came: the source, the proof or a signal stopped the run.
    NoLastPart,
    /// The store refused.
    Store(StoreError),
    /// The other destinations would have waited for this one.
    Lagging,
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Lane {
    /// Runs to the end. None: no last part came, and nothing is left in the store.
    pub(super) async fn run(mut self) -> Option<Delivery> {
        let url = self.store.url_of(&self.key);
        let result = match self.deliver().await {
            Ok(()) => Ok(()),
            Err(End::NoLastPart) => return None,
            Err(End::Store(error)) => Err(explain(error, &url)),
            Err(End::Lagging) => Err(Failure::new(
                Exit::Temporary,
                format!("{url}: the destination was too slow for the others and was left out"),
            )
            .hint("run again with this destination alone, or look at why it hangs")),
        };
        Some(Delivery {
            url,
            key: self.key,
            result,
        })
    }

    async fn deliver(&mut self) -> Result<(), End> {
        let first = self.next_part().await?;
        if first.last {
            let put = self.store.put(&self.key, first.body.clone(), false);
            return tokio::select! {
                done = put => Ok(done?),
                () = told(&mut self.dropped) => Err(End::Lagging),
            };
        }
        let begin = self.store.begin(&self.key, self.part_size);
        let upload: Arc<dyn Upload> = tokio::select! {
            upload = begin => Arc::from(upload?),
            () = told(&mut self.dropped) => return Err(End::Lagging),
        };
        let published = match self.send_all(first, &upload).await {
            Ok(count) => upload.complete(count).await.map_err(End::Store),
            Err(end) => Err(end),
        };
        match published {
            Ok(()) => Ok(()),
            // Harmless after a success whose answer was lost.
            Err(end) => Err(abort(end, upload.as_ref()).await),
        }
    }

    /// Uploads until the last part is stored; gives the number of parts.
    async fn send_all(&mut self, first: Arc<Part>, upload: &Arc<dyn Upload>) -> Result<u32, End> {
        let mut running = JoinSet::new();
        let mut next = Some(first);
        let mut last = None;
        loop {
            if let Some(part) = next.take() {
                if part.last {
                    last = Some(part.number);
                }
                running.spawn(store_part(
                    Arc::clone(upload),
                    part,
                    Arc::clone(&self.pending),
                ));
            }
            if let (Some(count), true) = (last, running.is_empty()) {
                return Ok(count);
            }
            tokio::select! {
                Some(done) = running.join_next() => {
                    done.map_err(|_| End::NoLastPart)??;
                }
                part = self.parts.recv(), if last.is_none() => next = Some(part.ok_or(End::NoLastPart)?),
                () = told(&mut self.dropped) => return Err(End::Lagging),
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
    pending: Arc<AtomicUsize>,
) -> Result<(), StoreError> {
    let stored = upload
        .part(part.number, part.offset, part.body.clone())
        .await;
    pending.fetch_sub(1, Ordering::AcqRel);
    stored
}

async fn told(dropped: &mut watch::Receiver<bool>) {
    if dropped.wait_for(|dropped| *dropped).await.is_err() {
        // Nobody can tell any more: the parts are all sent.
        std::future::pending::<()>().await;
    }
}

/// Removes the open upload; where that fails, the remains are what must be told.
async fn abort(end: End, upload: &dyn Upload) -> End {
    match upload.abort().await {
        Ok(()) => end,
        Err(remains) => End::Store(remains),
    }
}

fn explain(error: StoreError, url: &str) -> Failure {
    if error.kind == StoreErrorKind::Exists {
        return Failure::new(
            Exit::Temporary,
            format!("{url}: an object of that name exists and was not overwritten"),
        )
        .hint("run again: the new name carries a new time");
    }
    error.into()
}
