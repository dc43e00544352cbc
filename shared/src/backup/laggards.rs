//! Finds the destination that stands still while others wait for it. One that is slow but
//! moves is waited for: leaving it out would cost a copy every time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::store::Store;

/// What a lane and its watchers share.
pub(super) struct Watched {
    store: Arc<dyn Store>,
    /// Parts sent to the lane and not yet stored.
    pub(super) pending: AtomicUsize,
    /// It has stored all.
    pub(super) done: AtomicBool,
    /// It has ended, one way or the other.
    pub(super) ended: AtomicBool,
    given_up: watch::Sender<bool>,
}

impl Watched {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            pending: AtomicUsize::new(0),
            done: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            given_up: watch::Sender::new(false),
        }
    }

    /// Ends when the lane shall give up.
    pub(super) async fn given_up(&self) {
        let mut told = self.given_up.subscribe();
        if told.wait_for(|told| *told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// It could take more, or needs no more.
    fn waits(&self) -> bool {
        if self.has_ended() {
            self.done.load(Ordering::Acquire)
        } else {
            self.has_none()
        }
    }

    /// It has no part that is not yet stored, and if it failed no use for one.
    pub(super) fn has_none(&self) -> bool {
        self.has_ended() || self.pending.load(Ordering::Acquire) == 0
    }
}

/// All lanes of a run, and how far each store had moved when it was last looked at.
pub(super) struct Laggards {
    lanes: Vec<Arc<Watched>>,
    seen: Vec<u64>,
}

impl Laggards {
    pub(super) fn new(lanes: Vec<Arc<Watched>>) -> Self {
        let seen = vec![0; lanes.len()];
        let mut laggards = Self { lanes, seen };
        laggards.look();
        laggards
    }

    /// Remembers how far each store is.
    pub(super) fn look(&mut self) {
        self.seen = self.lanes.iter().map(|lane| lane.store.moved()).collect();
    }

    /// Gives up the lanes whose store has not moved since the last look, if another waits.
    pub(super) fn give_up(&mut self) {
        if self.lanes.iter().any(|lane| lane.waits()) {
            for (lane, seen) in self.lanes.iter().zip(&self.seen) {
                if !lane.waits() && lane.store.moved() == *seen {
                    lane.given_up.send_replace(true);
                }
            }
        }
        self.look();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::failure::{Exit, Failure};
    use crate::store::{Body, Page, StoreError, StoreErrorKind, Upload};

    /// A store that only moves.
    #[derive(Default)]
    struct Mover(AtomicU64);

    fn refused<T>() -> Result<T, StoreError> {
        let failure = Failure::new(Exit::Bug, "only moves");
        let kind = StoreErrorKind::Failed;
        Err(StoreError { kind, failure })
    }

    #[async_trait]
    impl Store for Mover {
        fn key_of(&self, name: &str) -> String {
            name.to_owned()
        }
        fn url_of(&self, key: &str) -> String {
            key.to_owned()
        }
        fn moved(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
        async fn put(&self, _: &str, _: Bytes, _: bool) -> Result<(), StoreError> {
            refused()
        }
        async fn begin(&self, _: &str, _: u64) -> Result<Box<dyn Upload>, StoreError> {
            refused()
        }
        async fn list(&self, _: Option<&str>) -> Result<Page, StoreError> {
            refused()
        }
        async fn open(&self, _: &str) -> Result<Box<dyn Body>, StoreError> {
            refused()
        }
    }

    struct Run {
        movers: [Arc<Mover>; 2],
        lanes: [Arc<Watched>; 2],
        laggards: Laggards,
    }

    /// Two lanes: the first has `pending[0]` parts on their way, the second `pending[1]`.
    fn run(pending: [usize; 2]) -> Run {
        let movers = [Arc::<Mover>::default(), Arc::<Mover>::default()];
        let lanes = [0, 1].map(|lane| Arc::new(Watched::new(movers[lane].clone())));
        for (lane, pending) in lanes.iter().zip(pending) {
            lane.pending.store(pending, Ordering::Release);
        }
        let laggards = Laggards::new(lanes.to_vec());
        Run {
            movers,
            lanes,
            laggards,
        }
    }

    fn given_up(run: &Run) -> [bool; 2] {
        [0, 1].map(|lane| *run.lanes[lane].given_up.borrow())
    }

    #[test]
    fn who_stands_still_is_given_up_when_another_waits() {
        let mut run = run([3, 0]);
        run.laggards.give_up();
        assert_eq!(given_up(&run), [true, false]);
    }

    #[test]
    fn who_moves_is_waited_for() {
        let mut run = run([3, 0]);
        for _ in 0..3 {
            run.movers[0].0.fetch_add(1, Ordering::Relaxed);
            run.laggards.give_up();
            assert_eq!(given_up(&run), [false, false]);
        }
        run.laggards.give_up();
        assert_eq!(given_up(&run), [true, false]);
    }

    #[test]
    fn nobody_is_given_up_when_nobody_waits() {
        let mut run = run([3, 1]);
        run.laggards.give_up();
        assert_eq!(given_up(&run), [false, false]);
        run.lanes[1].ended.store(true, Ordering::Release);
        run.laggards.give_up();
        assert_eq!(
            given_up(&run),
            [false, false],
            "who failed waits for nobody"
        );
        run.lanes[1].done.store(true, Ordering::Release);
        run.laggards.give_up();
        assert_eq!(given_up(&run), [true, false], "who has stored all does");
    }
}
