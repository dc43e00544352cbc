//! Jittered exponential backoff, bounded in attempts and in time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::RetryPolicy;

/// The attempts of one call: counts them and waits between them.
pub(super) struct Attempts {
    policy: RetryPolicy,
    started: Instant,
    made: u32,
}

impl Attempts {
    /// Before the first attempt.
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            started: Instant::now(),
            made: 1,
        }
    }

    /// Attempts made so far.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// Waits for the next attempt; `false` at once when there is none left.
    pub(super) async fn again(&mut self) -> bool {
        let pause = jittered(longest_pause(&self.policy, self.made));
        let out_of_time = self.started.elapsed().saturating_add(pause) > self.policy.total;
        if self.made >= self.policy.attempts || out_of_time {
            return false;
        }
        self.made += 1;
        sleep(pause).await;
        true
    }
}

/// The pause after attempt `made`, before jitter.
fn longest_pause(policy: &RetryPolicy, made: u32) -> Duration {
    let doublings = made.saturating_sub(1).min(20);
    policy
        .first_pause
        .saturating_mul(1 << doublings)
        .min(policy.longest_pause)
}

/// Between half the pause and the whole of it: clients that failed together come back apart.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(attempts: u32, total: u64) -> RetryPolicy {
        RetryPolicy {
            attempts,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(8),
            total: Duration::from_secs(total),
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy = policy(9, 1000);
        let pauses: Vec<u64> = (1..=6)
            .map(|made| longest_pause(&policy, made).as_secs())
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
        assert_eq!(longest_pause(&policy, u32::MAX).as_secs(), 8);
    }

    #[test]
    fn jitter_keeps_at_least_half() {
        for _ in 0..200 {
            let pause = jittered(Duration::from_secs(4));
            assert!((Duration::from_secs(2)..=Duration::from_secs(4)).contains(&pause));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_in_number() {
        let started = Instant::now();
        let mut attempts = Attempts::new(policy(4, 1000));
        while attempts.again().await {}
        assert_eq!(attempts.made(), 4);
        let waited = started.elapsed();
        assert!(
            (Duration::from_millis(3500)..=Duration::from_millis(7010)).contains(&waited),
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_in_time() {
        let started = Instant::now();
        let mut attempts = Attempts::new(policy(1000, 20));
        while attempts.again().await {
            sleep(Duration::from_secs(3)).await;
        }
        assert!(started.elapsed() <= Duration::from_secs(23));
        assert!(attempts.made() > 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_attempt_never_waits() {
        let started = Instant::now();
        assert!(!Attempts::new(policy(1, 1000)).again().await);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
