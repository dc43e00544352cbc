//! One run of the pipeline: actors started, joined in order, one verdict.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::lane::{Delivery, Lane};
use super::pack::{self, PackError};
use super::parts::{LaneSender, PartWriter};
use super::source::{Feed, SnapshotSource, SourceError};
use super::target::output_failure;
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Recipients};
use crate::snapshot::{Proof, Proven, SnapshotError, Sound};
use crate::store::Store;

/// Batches of 128 KiB between source and pack: some milliseconds of work, so that neither
/// waits for the other's turn on a busy processor.
const BATCHES: usize = 32;

/// Tells a run to stop: the upload is aborted, nothing is left.
#[derive(Debug, Clone)]
pub struct Cancel(pub watch::Receiver<Option<Exit>>);

impl Cancel {
    /// Waits until the run shall stop; for ever when nobody can say so.
    pub async fn requested(&mut self) -> Exit {
        match self.0.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Terminated),
            Err(_) => std::future::pending().await,
        }
    }
}

/// How a snapshot is stored.
pub struct PushPlan {
    /// Compression before encryption.
    pub compression: Compression,
    /// Who can open it; none: stored in the clear.
    pub recipients: Option<Arc<Recipients>>,
    /// Bytes of a part; S3 wants 5 MiB or more.
    pub part_size: usize,
    /// Parts in memory at once, over all destinations.
    pub slots: usize,
    /// The structure proof of a raw copy; none: a streamed snapshot, proven by its digest.
    pub raw: Option<Sound>,
    /// How long all wait for one slow destination.
    pub lag_limit: Duration,
    /// Destinations and the full key in each.
    pub destinations: Vec<(Arc<dyn Store>, String)>,
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// The proof of the snapshot.
    pub proof: Proof,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// SHA-256 of the stored bytes, in hex.
    pub stored_sha256: String,
    /// One per destination, in the plan's order.
    pub deliveries: Vec<Delivery>,
}

/// Proves, seals and stores what `source` gives.
///
/// # Errors
/// Nothing was published: a source error (`try_elsewhere` kept), a refused snapshot (65,
/// or 75 from a live source), a stop (130, 143). Failures of single destinations are in
/// the [`Outcome`].
pub async fn push(
    source: &mut dyn SnapshotSource,
    plan: PushPlan,
    mut cancel: Cancel,
) -> Result<Outcome, SourceError> {
    let (feed, from) = mpsc::channel(BATCHES);
    let slots = Arc::new(Semaphore::new(plan.slots));
    let (senders, lanes) = start_lanes(&plan);
    let writer = PartWriter::new(
        senders,
        Arc::clone(&slots),
        plan.part_size,
        plan.lag_limit,
        tokio::runtime::Handle::current(),
    );
    let (compression, recipients) = (plan.compression, plan.recipients.clone());
    let raw = plan.raw.clone();
    let packed = spawn(move || pack::pack(from, writer, compression, recipients.as_deref(), raw));
    let fed = feed_until(source, feed, &mut cancel).await;
    if fed.is_err() {
        // The thread may wait for a slot that no store gives back.
        slots.close();
    }
    let packed = tokio::select! {
        packed = packed => joined(packed),
        stopped = stop(&mut cancel), if fed.is_ok() => {
            slots.close();
            abandon(lanes).await;
            return Err(stopped);
        }
    };
    let deliveries = abandon(lanes).await;
    let packed = verdict(source, fed, packed, &deliveries)?;
    Ok(Outcome {
        proof: packed.proof,
        stored_bytes: packed.stored_bytes,
        stored_sha256: packed.stored_sha256,
        deliveries,
    })
}

/// Proves what `source` gives and writes it to `to`, whose last 32 bytes come only with
/// the proof.
///
/// # Errors
/// As [`push`]; 74 when `to` fails.
pub async fn take<W: Write + Send + 'static>(
    source: &mut dyn SnapshotSource,
    to: W,
    mut cancel: Cancel,
) -> Result<(W, Proven), SourceError> {
    let (feed, from) = mpsc::channel(BATCHES);
    let copied = spawn(move || pack::copy_proven(from, to));
    let fed = feed_until(source, feed, &mut cancel).await;
    let copied = joined(copied.await);
    if let (Ok(()), Err(PackError::Io(error))) = (&fed, &copied) {
        return Err(SourceError {
            failure: output_failure(error),
            try_elsewhere: false,
        });
    }
    verdict(source, fed, copied, &[])
}

/// What each lane ends with, once the parts ended.
async fn abandon(lanes: Vec<JoinHandle<Option<Delivery>>>) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(lanes.len());
    for lane in lanes {
        if let Ok(Some(delivery)) = lane.await {
            deliveries.push(delivery);
        }
    }
    deliveries
}

fn start_lanes(plan: &PushPlan) -> (Vec<LaneSender>, Vec<JoinHandle<Option<Delivery>>>) {
    let start = |(store, key): &(Arc<dyn Store>, String)| {
        let (parts, from) = mpsc::unbounded_channel();
        let (dropped, told) = watch::channel(false);
        let pending = Arc::new(AtomicUsize::new(0));
        let lane = Lane {
            store: Arc::clone(store),
            key: key.clone(),
            part_size: plan.part_size as u64,
            parts: from,
            pending: Arc::clone(&pending),
            dropped: told,
        };
        (
            LaneSender {
                parts,
                pending,
                dropped,
            },
            tokio::spawn(lane.run()),
        )
    };
    plan.destinations.iter().map(start).unzip()
}

/// A thread for blocking stages; dropping the receiver never blocks the runtime.
pub(super) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    std::thread::spawn(move || {
        let _nobody_waits = done.send(work());
    });
    result
}

fn joined<T>(
    result: Result<Result<T, PackError>, oneshot::error::RecvError>,
) -> Result<T, PackError> {
    result.unwrap_or_else(|_| Err(PackError::Io(std::io::Error::other("a stage panicked"))))
}

async fn feed_until(
    source: &mut dyn SnapshotSource,
    feed: mpsc::Sender<Feed>,
    cancel: &mut Cancel,
) -> Result<(), SourceError> {
    tokio::select! {
        fed = source.feed(feed) => fed,
        stopped = stop(cancel) => Err(stopped),
    }
}

pub(super) async fn stop(cancel: &mut Cancel) -> SourceError {
    let exit = cancel.requested().await;
    let failure =
        Failure::new(exit, "stopped by a signal: nothing was published").hint("run it again");
    SourceError {
        failure,
        try_elsewhere: false,
    }
}

/// The first cause: what the source said, then what a store said, then what pack said.
fn verdict<T>(
    source: &dyn SnapshotSource,
    fed: Result<(), SourceError>,
    packed: Result<T, PackError>,
    deliveries: &[Delivery],
) -> Result<T, SourceError> {
    fed?;
    match packed {
        Ok(packed) => Ok(packed),
        Err(PackError::Refused(refused)) => Err(refused_by_proof(source, &refused)),
        Err(PackError::Cut) => Err(refused_by_proof(source, &SnapshotError::Empty)),
        Err(PackError::Io(error)) => Err(stage_failed(&error, deliveries)),
    }
}

fn refused_by_proof(source: &dyn SnapshotSource, refused: &SnapshotError) -> SourceError {
    let what = format!("{}: {refused}; nothing was published", source.name());
    let live = source.is_live();
    let failure = match refused {
        _ if live => Failure::new(Exit::Temporary, what).hint("no member gave a proven snapshot; run again, or name another node with `-n`"),
        SnapshotError::RawDatabase => Failure::new(Exit::Data, what).hint("a copy of `member/snap/db` is stored only with `--raw -f FILE`; better take a snapshot"),
        SnapshotError::Packed(_) => Failure::new(Exit::Data, what).hint("it is stored as it is with your store's own tool, or opened first with `talosctl-snapshot-pull`"),
        SnapshotError::Changed => Failure::new(Exit::Data, what).hint("copy the file away from where etcd writes to it, and run again"),
        SnapshotError::NotASnapshot(_) => Failure::new(Exit::Data, what).hint("give what `talosctl-snapshot-take` or `talosctl etcd snapshot` wrote, neither encrypted nor compressed"),
        SnapshotError::Empty => Failure::new(Exit::Data, what).hint("the program in front of the pipe wrote nothing; look at its error"),
        _ => Failure::new(Exit::Data, what).hint("take the snapshot again with `talosctl-snapshot-take`"),
    };
    SourceError {
        failure,
        try_elsewhere: live,
    }
}

/// With no lane left, pack can only say that nobody listens: the lanes know why.
fn stage_failed(error: &std::io::Error, deliveries: &[Delivery]) -> SourceError {
    let told = deliveries
        .iter()
        .find_map(|delivery| delivery.result.as_ref().err());
    let failure = match told {
        Some(first) => {
            let failure = Failure::new(first.exit, first.what.clone());
            match &first.hint {
                Some(hint) => failure.hint(hint.clone()),
                None => failure,
            }
        }
        None => Failure::new(Exit::Io, format!("writing failed: {error}"))
            .hint("check the age plugin, if one is used; run it again with `-vv`"),
    };
    SourceError {
        failure,
        try_elsewhere: false,
    }
}
