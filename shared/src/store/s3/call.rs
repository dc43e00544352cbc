//! One call to the store: attempts within their limits until one is decisive.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::classify::{Before, Decision, Operation, decide};
use super::explain::{self, Subject};
use super::trouble::{Kind, Trouble};
use crate::store::retry::Attempts;
use crate::store::{ObjectLock, RetryPolicy, StoreError, Timeouts};

/// A bucket at an endpoint, and the rules for asking it.
pub(super) struct Bucket {
    pub(super) client: aws_sdk_s3::Client,
    pub(super) name: String,
    /// The endpoint as people know it.
    pub(super) endpoint: String,
    /// Whether the endpoint is not AWS itself.
    pub(super) custom_endpoint: bool,
    pub(super) retry: RetryPolicy,
    pub(super) timeouts: Timeouts,
    /// Of every object that is stored.
    pub(super) lock: Option<ObjectLock>,
    /// Set once the store has worked only without `If-None-Match`.
    pub(super) unconditional: AtomicBool,
    /// Bytes of bodies that the network has taken.
    pub(super) moved: Arc<AtomicU64>,
}

/// What a call is about.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) key: &'a str,
    pub(super) upload_id: Option<&'a str>,
    /// Ask the store not to overwrite.
    pub(super) conditional: bool,
    /// Of each attempt.
    pub(super) limit: Duration,
}

/// How a call ended well.
pub(super) enum Outcome<T> {
    /// The store's answer.
    Answered {
        /// The answer.
        value: T,
        /// An earlier attempt got no answer, and may have been carried out besides.
        earlier_lost: bool,
    },
    /// The work was done already, by an earlier attempt whose answer was lost.
    Settled,
}

/// What is known of the attempts of one call so far.
#[derive(Default)]
struct History {
    /// One may have been carried out, answered with an error or not at all.
    maybe_done: bool,
    /// One got no answer of the store's own.
    lost: bool,
    /// The store refused `If-None-Match`.
    condition_refused: bool,
}

impl Bucket {
    /// Calls the store through `send`, which makes one attempt; its argument says whether
    /// the attempt carries `If-None-Match: *`.
    pub(super) async fn call<T, E, F, Fut>(
        &self,
        call: Call<'_>,
        send: F,
    ) -> Result<Outcome<T>, StoreError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Fn(bool) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = Attempts::new(self.retry);
        let mut history = History::default();
        loop {
            let conditional = call.conditional
                && !history.condition_refused
                && !self.unconditional.load(Ordering::Relaxed);
            let trouble = match tokio::time::timeout(call.limit, send(conditional)).await {
                Ok(Ok(value)) => {
                    // Only a success without the condition proves that it was the trouble.
                    self.unconditional
                        .fetch_or(history.condition_refused, Ordering::Relaxed);
                    return Ok(Outcome::Answered {
                        value,
                        earlier_lost: history.lost,
                    });
                }
                Ok(Err(error)) => Trouble::of(&error),
                Err(_) => Trouble::timed_out(call.limit),
            };
            let before = Before {
                maybe_done: history.maybe_done,
                conditional,
            };
            match decide(call.operation, &trouble, before) {
                Decision::Again { maybe_done } => {
                    history.maybe_done |= maybe_done;
                    history.lost |= trouble.hides_outcome();
                    tracing::debug!(action = call.operation.action(), attempt = attempts.made(), %trouble, "attempt failed");
                    if !attempts.again().await {
                        return Err(self.given_up(call, &trouble, &history));
                    }
                }
                Decision::WithoutCondition => {
                    tracing::debug!(%trouble, "the store does not know If-None-Match");
                    history.condition_refused = true;
                }
                Decision::Done => return Ok(Outcome::Settled),
                Decision::Exists => return Err(explain::exists(&self.subject(call))),
                Decision::Undecided => {
                    return Err(explain::undecided(&self.subject(call), &trouble));
                }
                Decision::Final => return Err(self.given_up(call, &trouble, &history)),
            }
        }
    }

    /// No further attempt: the failure, or that nobody knows.
    fn given_up(&self, call: Call<'_>, trouble: &Trouble, history: &History) -> StoreError {
        let subject = self.subject(call);
        if history.lost && call.operation.can_be_undecided() {
            explain::undecided(&subject, trouble)
        } else {
            explain::failed(&subject, trouble)
        }
    }

    /// A failure of `call` that the attempts themselves did not show.
    pub(super) fn refuse(&self, call: Call<'_>, kind: Kind, text: &str) -> StoreError {
        explain::failed(&self.subject(call), &Trouble::new(kind, text))
    }

    pub(super) fn subject<'a>(&'a self, call: Call<'a>) -> Subject<'a> {
        Subject {
            operation: call.operation,
            bucket: &self.name,
            key: call.key,
            upload_id: call.upload_id,
            endpoint: &self.endpoint,
            custom_endpoint: self.custom_endpoint,
            locking: self.lock.is_some(),
        }
    }
}
