//! One run of the pipeline: actors started, joined in order, one verdict.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::cancel::Cancel;
use super::laggards::{Laggards, Watched};
use super::lane::{Delivery, Landing, Lane};
use super::pack::{self, PackError};
use super::parts::{LaneSender, PartWriter};
use super::slots::Slots;
use super::source::{Feed, SnapshotSource, SourceError};
use super::target::output_failure;
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Recipients};
use crate::snapshot::{Proof, Proven, SnapshotError, Sound};
use crate::store::Store;

/// Batches of 128 KiB between source and pack where memory matters less: some milliseconds of
/// work, so that neither waits for the other's turn on a busy processor.
pub const BATCHES: usize = 32;

/// How a snapshot is stored.
pub struct PushPlan {
    /// Compression before encryption.
    pub compression: Compression,
    /// Who can open it; none: stored in the clear.
    pub recipients: Option<Arc<Recipients>>,
    /// Bytes of a part; S3 wants 5 MiB or more.
    pub part_size: usize,
    /// Batches of 128 KiB that wait for the proof at most.
    pub batches: usize,
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
    let (feed, from) = mpsc::channel(plan.batches);
    let slots = Slots::new(plan.slots, plan.part_size);
    let (senders, lanes) = start_lanes(&plan, &cancel);
    let watched = senders.iter().map(|lane| Arc::clone(&lane.watched));
    let laggards = Laggards::new(watched.collect());
    let writer = PartWriter::new(
        senders,
        slots.clone(),
        plan.lag_limit,
        tokio::runtime::Handle::current(),
    );
    let (compression, recipients) = (plan.compression, plan.recipients.clone());
    let raw = plan.raw.clone();
    let mut packed =
        spawn(move || pack::pack(from, writer, compression, recipients.as_deref(), raw));
    let fed = feed_until(source, feed, &mut cancel).await;
    if fed.is_err() {
        // The thread may wait for a slot that no store gives back.
        slots.close();
    }
    let packed = tokio::select! {
        packed = &mut packed => packed,
        _ = cancel.requested(), if fed.is_ok() => {
            slots.close();
            packed.await
        }
    };
    let landings = land(lanes, laggards, plan.lag_limit).await;
    let packed = match (joined(packed), cancel.told()) {
        (Err(_), Some(exit)) if fed.is_ok() => Err(stopped(exit)),
        (packed, _) => verdict(source, fed, packed, &landings),
    };
    let packed = packed.map_err(|error| tell_remains(error, &landings))?;
    Ok(Outcome {
        proof: packed.proof,
        stored_bytes: packed.stored_bytes,
        stored_sha256: packed.stored_sha256,
        deliveries: deliveries(&plan, landings),
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
    cancel: Cancel,
) -> Result<(W, Proven), SourceError> {
    written(source, cancel, move |from| pack::copy_proven(from, to)).await
}

/// Writes what `source` gives to `to` as it comes: a file that nothing proves.
///
/// # Errors
/// As [`take`], but for the proof.
pub async fn take_unproven<W: Write + Send + 'static>(
    source: &mut dyn SnapshotSource,
    to: W,
    cancel: Cancel,
) -> Result<W, SourceError> {
    written(source, cancel, move |from| pack::copy(from, to)).await
}

async fn written<T: Send + 'static>(
    source: &mut dyn SnapshotSource,
    mut cancel: Cancel,
    write: impl FnOnce(mpsc::Receiver<Feed>) -> Result<T, PackError> + Send + 'static,
) -> Result<T, SourceError> {
    let (feed, from) = mpsc::channel(BATCHES);
    let copied = spawn(move || write(from));
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

/// The running lanes. When whoever waits for them panics they go on: each aborts its own upload.
struct Lanes(JoinSet<(usize, Landing)>);

impl Drop for Lanes {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}

fn start_lanes(plan: &PushPlan, cancel: &Cancel) -> (Vec<LaneSender>, Lanes) {
    let mut lanes = Lanes(JoinSet::new());
    let mut senders = Vec::with_capacity(plan.destinations.len());
    for (number, (store, key)) in plan.destinations.iter().enumerate() {
        let (parts, from) = mpsc::unbounded_channel();
        let watched = Arc::new(Watched::new(Arc::clone(store)));
        let lane = Lane {
            store: Arc::clone(store),
            key: key.clone(),
            part_size: plan.part_size as u64,
            parts: from,
            watched: Arc::clone(&watched),
            cancel: cancel.clone(),
        };
        senders.push(LaneSender { parts, watched });
        lanes.0.spawn(async move { (number, lane.run().await) });
    }
    (senders, lanes)
}

/// What each lane ends with, in the plan's order, once the parts ended. One that stands
/// still while others have all of it is left out.
async fn land(mut lanes: Lanes, mut laggards: Laggards, limit: Duration) -> Vec<Landing> {
    let mut landings = BTreeMap::new();
    let count = lanes.0.len();
    laggards.look();
    loop {
        match tokio::time::timeout(limit, lanes.0.join_next()).await {
            Ok(Some(landed)) => landings.extend(landed),
            Ok(None) => break,
            Err(_) => laggards.give_up(),
        }
    }
    // A lane that panicked has told nothing.
    let of = |number| landings.remove(&number).unwrap_or_default();
    (0..count).map(of).collect()
}

/// Every destination's result; what remains there belongs to it.
fn deliveries(plan: &PushPlan, landings: Vec<Landing>) -> Vec<Delivery> {
    let of = |((store, key), landing): (&(Arc<dyn Store>, String), Landing)| {
        let mut delivery = landing
            .delivery
            .unwrap_or_else(|| Delivery::lost(store.as_ref(), key));
        delivery.result = match (delivery.result, landing.remains) {
            (Err(failure), Some(remains)) => Err(with_remains(failure, &remains)),
            (result, _) => result,
        };
        delivery
    };
    plan.destinations.iter().zip(landings).map(of).collect()
}

/// What could not be removed is told with the failure that left it.
fn tell_remains(mut error: SourceError, landings: &[Landing]) -> SourceError {
    let remains = landings
        .iter()
        .filter_map(|landing| landing.remains.as_ref());
    error.failure = remains.fold(error.failure, with_remains);
    error
}

/// A run that leaves something behind is worth a look: 75, but for a signal's own code.
fn with_remains(mut failure: Failure, remains: &Failure) -> Failure {
    failure.what = format!("{}; {}", failure.what, remains.what);
    failure.hint.clone_from(&remains.hint);
    if !matches!(failure.exit, Exit::Interrupted | Exit::Terminated) {
        failure.exit = remains.exit;
    }
    failure
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
        // First, so that a source is not even asked after a stop.
        biased;
        stopped = stop(cancel) => Err(stopped),
        fed = source.feed(feed) => fed,
    }
}

pub(super) async fn stop(cancel: &mut Cancel) -> SourceError {
    stopped(cancel.requested().await)
}

fn stopped(exit: Exit) -> SourceError {
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
    landings: &[Landing],
) -> Result<T, SourceError> {
    fed?;
    match packed {
        Ok(packed) => Ok(packed),
        Err(PackError::Refused(refused)) => Err(refused_by_proof(source, &refused)),
        Err(PackError::Cut) => Err(refused_by_proof(source, &SnapshotError::Empty)),
        Err(PackError::Io(error)) => Err(stage_failed(&error, landings)),
    }
}

fn refused_by_proof(source: &dyn SnapshotSource, refused: &SnapshotError) -> SourceError {
    let what = format!("{}: {refused}; nothing was published", source.name());
    let live = source.is_live();
    let failure = match refused {
        _ if live => Failure::new(Exit::Temporary, what).hint("no member gave a proven snapshot; run again, or name another node with `-n`"),
        SnapshotError::RawDatabase | SnapshotError::NoDigest => Failure::new(Exit::Data, what).hint("a copy of `member/snap/db` is stored only with `--raw -f FILE`; better take a snapshot"),
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
fn stage_failed(error: &std::io::Error, landings: &[Landing]) -> SourceError {
    let mut told = landings
        .iter()
        .filter_map(|landing| landing.delivery.as_ref()?.result.as_ref().err());
    let failure = match told.next() {
        Some(first) => {
            let all = told.fold(first.what.clone(), |all, next| {
                format!("{all}; {}", next.what)
            });
            let failure = Failure::new(first.exit, all);
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
