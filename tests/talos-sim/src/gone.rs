//! Calls to a node that goes away in their middle: they fail as a lost connection does, also where
//! another node's apid stands between.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{Stream, StreamExt as _};
use tonic::Status;

use crate::routing::Messages;

/// What a connection says that ends in the middle of a call.
fn cut_off() -> Status {
    Status::unavailable("error reading from server: EOF")
}

/// An answer, unless its node goes away before.
pub(crate) async fn unless<A>(
    gone: impl Future<Output = ()>,
    answer: impl Future<Output = Result<A, Status>>,
) -> Result<A, Status> {
    tokio::select! {
        answer = answer => answer,
        () = gone => Err(cut_off()),
    }
}

/// Messages, until their node goes away. Whether it has is looked at only where none is ready:
/// a snapshot is a million of them.
struct Until<T> {
    messages: Messages<T>,
    gone: BoxFuture<'static, ()>,
    over: bool,
}

pub(crate) fn until<T: Send + 'static>(
    gone: impl Future<Output = ()> + Send + 'static,
    messages: Messages<T>,
) -> Messages<T> {
    Box::pin(Until {
        messages,
        gone: gone.boxed(),
        over: false,
    })
}

impl<T> Stream for Until<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(message) = self.messages.poll_next_unpin(context) {
            return Poll::Ready(message);
        }
        self.gone.poll_unpin(context).map(|()| {
            self.over = true;
            Some(Err(cut_off()))
        })
    }
}
