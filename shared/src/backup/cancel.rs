//! How a signal reaches a run.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use crate::failure::{Exit, Failure};

/// Tells a run to stop: the upload is aborted, nothing is left.
#[derive(Debug, Clone)]
pub struct Cancel(pub watch::Receiver<Option<Exit>>);

impl Cancel {
    /// Waits until the run shall stop; for ever when nobody can say so.
    pub async fn requested(&mut self) -> Exit {
        let told = self.0.wait_for(Option::is_some).await.map(|exit| *exit);
        match told {
            Ok(exit) => exit.unwrap_or(Exit::Terminated),
            Err(_) => std::future::pending().await,
        }
    }

    /// Lets `work` end by itself, or drops it at a stop: nothing was begun that must be
    /// undone.
    ///
    /// # Errors
    /// 130, 143: a stop was asked for.
    pub async fn unless_stopped<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            // A stop outweighs an end at the same moment: whoever asked sees nothing go on.
            biased;
            exit = self.requested() => Err(
                Failure::new(exit, "stopped by a signal: nothing was published").hint("run it again"),
            ),
            done = work => Ok(done),
        }
    }

    /// Whether a stop was asked for.
    pub(super) fn told(&self) -> Option<Exit> {
        *self.0.borrow()
    }

    /// Begins `work` unless a stop was asked for, and lets it end by itself; after a stop
    /// only for `limit` longer.
    pub(super) async fn grant<T>(
        &mut self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Exit> {
        if let Some(exit) = self.told() {
            return Err(exit);
        }
        tokio::pin!(work);
        let exit = tokio::select! {
            done = &mut work => return Ok(done),
            exit = self.requested() => exit,
        };
        tokio::time::timeout(limit, work).await.map_err(|_| exit)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn work_ends_by_itself_or_shortly_after_a_stop() {
        let (tell, told) = watch::channel(None);
        let mut cancel = Cancel(told);
        assert_eq!(cancel.grant(LIMIT, ready(1)).await, Ok(1));
        let slow = async {
            tell.send_replace(Some(Exit::Interrupted));
            tokio::time::sleep(LIMIT / 2).await;
            2
        };
        assert_eq!(
            cancel.grant(LIMIT, slow).await,
            Ok(2),
            "there was time left"
        );
        let begun = cancel.grant(LIMIT, ready(3)).await;
        assert_eq!(begun, Err(Exit::Interrupted), "nothing begins after a stop");
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_no_cleaning_up_ends_at_once_at_a_stop() {
        let (tell, told) = watch::channel(None);
        let mut cancel = Cancel(told);
        assert_eq!(cancel.unless_stopped(ready(1)).await.unwrap(), 1);
        let begun = tokio::time::Instant::now();
        let hangs = async {
            tell.send_replace(Some(Exit::Terminated));
            pending::<()>().await;
        };
        let stopped = cancel.unless_stopped(hangs).await.unwrap_err();
        assert_eq!(stopped.exit, Exit::Terminated);
        assert_eq!(begun.elapsed(), Duration::ZERO, "the clock stands still");
        for _ in 0..64 {
            let late = cancel.unless_stopped(ready(2)).await;
            assert!(late.is_err(), "a stop outweighs an end");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_hangs_is_given_up_after_a_stop() {
        let (tell, told) = watch::channel(None);
        let hangs = async {
            tell.send_replace(Some(Exit::Terminated));
            pending::<()>().await;
        };
        let given_up = Cancel(told).grant(LIMIT, hangs).await;
        assert_eq!(given_up, Err(Exit::Terminated));
    }
}
