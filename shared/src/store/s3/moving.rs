//! Counts the bytes of request bodies as the network takes them: so a store that is slow is
//! told from one that stands still.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes handed to the network at once. Small enough that a slow link shows its progress.
const PIECE: usize = 64 * 1024;

/// A connector that counts what it sends.
#[derive(Debug)]
pub(super) struct Counting {
    inner: SharedHttpConnector,
    moved: Arc<AtomicU64>,
}

impl Counting {
    pub(super) fn new(inner: SharedHttpConnector, moved: Arc<AtomicU64>) -> Self {
        Self { inner, moved }
    }
}

impl HttpConnector for Counting {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let body = request.take_body();
        let counted = Counted {
            body,
            rest: Bytes::new(),
            moved: Arc::clone(&self.moved),
        };
        *request.body_mut() = SdkBody::from_body_1_x(counted);
        self.inner.call(request)
    }
}

/// A body that goes out in pieces.
struct Counted {
    body: SdkBody,
    rest: Bytes,
    moved: Arc<AtomicU64>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        while self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.moved.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_goes_out_in_pieces_and_is_counted() {
        let content: Vec<u8> = (0..PIECE * 2 + 7).map(|n| (n % 251) as u8).collect();
        let moved = Arc::new(AtomicU64::new(0));
        let mut body = Counted {
            body: SdkBody::from(content.clone()),
            rest: Bytes::new(),
            moved: Arc::clone(&moved),
        };
        let mut seen = Vec::new();
        while !body.is_end_stream() {
            assert_eq!(
                body.size_hint().exact(),
                Some((content.len() - seen.len()) as u64)
            );
            let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let piece = frame.await.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            seen.extend_from_slice(&piece);
            assert_eq!(moved.load(Ordering::Relaxed), seen.len() as u64);
        }
        assert_eq!(seen, content);
    }
}
