//! Streams of bytes from a node, a snapshot or a file, with three limits in time.

use std::future::poll_fn;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::BytesMut;
use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::{EtcdSnapshotRequest, ReadRequest};
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};
use tonic::{Status, Streaming};

use super::client::{Talos, Via};
use super::error::{Kind, TalosError, kind_of};

/// How long a stream may take: Talos itself has no limit.
#[derive(Debug, Clone, Copy)]
pub struct StreamTimeouts {
    /// Until the first message.
    pub first: Duration,
    /// Between two messages.
    pub idle: Duration,
    /// In total; also told to the server.
    pub total: Duration,
}

impl Default for StreamTimeouts {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(3600),
        }
    }
}

/// A running stream.
pub struct ByteStream<'a> {
    talos: &'a Talos,
    method: &'static str,
    node: String,
    stream: Streaming<Data>,
    limits: Limits,
}

/// When the next message must be there.
struct Limits {
    timeouts: StreamTimeouts,
    start: Instant,
    begun: bool,
}

impl Limits {
    /// The nearest end, in seconds of which limit, for the message about it.
    fn next(&self, now: Instant) -> (Instant, Duration, &'static str) {
        let StreamTimeouts { first, idle, total } = self.timeouts;
        let (until, limit, which) = if self.begun {
            (now + idle, idle, "between messages")
        } else {
            (self.start + first, first, "before the first message")
        };
        let end = self.start + total;
        if until < end {
            (until, limit, which)
        } else {
            (end, total, "in total")
        }
    }
}

impl Talos {
    /// Asks `node` for a snapshot. An end of the stream is no proof of its being whole.
    ///
    /// # Errors
    /// The call was refused, or no endpoint answered in time.
    pub async fn snapshot(
        &self,
        node: &str,
        timeouts: &StreamTimeouts,
    ) -> Result<ByteStream<'_>, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(EtcdSnapshotRequest {});
            Ok(via.client.etcd_snapshot(request).await?.into_inner())
        };
        self.stream(("EtcdSnapshot", node), timeouts, ask).await
    }

    /// Asks `node` for the file at `path`, as it lies there: what is written to meanwhile may be
    /// torn. Role os:admin only.
    ///
    /// # Errors
    /// As [`Talos::snapshot`].
    pub async fn file(
        &self,
        node: &str,
        path: &str,
        timeouts: &StreamTimeouts,
    ) -> Result<ByteStream<'_>, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(ReadRequest {
                path: path.to_owned(),
            });
            Ok(via.client.read(request).await?.into_inner())
        };
        self.stream(("Read", node), timeouts, ask).await
    }

    async fn stream<Ask, Asking>(
        &self,
        (method, node): (&'static str, &str),
        timeouts: &StreamTimeouts,
        ask: Ask,
    ) -> Result<ByteStream<'_>, TalosError>
    where
        Ask: Fn(Via) -> Asking,
        Asking: Future<Output = Result<Streaming<Data>, Status>>,
    {
        let start = Instant::now();
        let limits = (timeouts.first, timeouts.total);
        let stream = self.call(method, node, limits, ask).await?;
        Ok(ByteStream {
            talos: self,
            method,
            node: node.to_owned(),
            stream,
            limits: Limits {
                timeouts: *timeouts,
                start,
                begun: false,
            },
        })
    }
}

impl ByteStream<'_> {
    /// Appends what has come to `batch`, until it holds `full` bytes or nothing more is there
    /// now; waits only for the first message. False at the end of the stream.
    ///
    /// Messages carry 1 KiB each, a million to the gibibyte: a timer, a buffer or a turn of
    /// the runtime for every one of them would cost more than the bytes.
    ///
    /// # Errors
    /// The stream broke, or one of the limits was hit.
    pub async fn read(&mut self, batch: &mut BytesMut, full: usize) -> Result<bool, TalosError> {
        let (until, limit, which) = self.limits.next(Instant::now());
        let (stream, begun) = (&mut self.stream, &mut self.limits.begun);
        let gathered = poll_fn(|context| gather(stream, batch, full, begun, context));
        let gathered = match timeout_at(until, gathered).await {
            Ok(gathered) => gathered.map_err(|kind| broken(kind, self.limits.begun)),
            Err(_) => Err(Kind::Timeout(limit.as_secs(), which)),
        };
        gathered.map_err(|kind| self.error(kind))
    }

    fn error(&self, kind: Kind) -> TalosError {
        self.talos.error(self.method, &self.node, kind)
    }
}

/// Ready with whether a message was there: true also when the end comes right behind one, as a
/// stream that has ended says so again.
fn gather(
    stream: &mut Streaming<Data>,
    batch: &mut BytesMut,
    full: usize,
    begun: &mut bool,
    context: &mut task::Context<'_>,
) -> Poll<Result<bool, Kind>> {
    let mut any = false;
    while batch.len() < full {
        match stream.poll_next_unpin(context) {
            Poll::Pending if any => break,
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(Ok(any)),
            Poll::Ready(Some(Err(status))) => return Poll::Ready(Err(kind_of(&status))),
            Poll::Ready(Some(Ok(message))) => {
                if let Some(metadata) = message.metadata
                    && !metadata.error.is_empty()
                {
                    return Poll::Ready(Err(Kind::Answer(metadata.error)));
                }
                batch.extend_from_slice(&message.bytes);
                (any, *begun) = (true, true);
            }
        }
    }
    Poll::Ready(Ok(true))
}

/// A connection that is lost after bytes came was reachable: worth another run.
fn broken(kind: Kind, begun: bool) -> Kind {
    match kind {
        Kind::Unreachable(reason) | Kind::NodeAway(reason) if begun => {
            Kind::Answer(format!("the connection broke: {reason}"))
        }
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_lost_after_bytes_is_an_answer_and_before_them_is_not() {
        let lost = || Kind::Unreachable("keep-alive timed out".to_owned());
        assert!(matches!(broken(lost(), true), Kind::Answer(_)));
        assert!(matches!(broken(lost(), false), Kind::Unreachable(_)));
    }

    #[test]
    fn each_limit_is_named_and_the_first_counts_from_the_call() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let limits = |begun, total| Limits {
            timeouts: StreamTimeouts {
                first: seconds(30),
                idle: seconds(20),
                total: seconds(total),
            },
            start,
            begun,
        };
        let late = start + seconds(10);
        let cases = [
            (
                limits(false, 3600),
                start + seconds(30),
                30,
                "before the first message",
            ),
            (
                limits(true, 3600),
                late + seconds(20),
                20,
                "between messages",
            ),
            (limits(true, 25), start + seconds(25), 25, "in total"),
        ];
        for (limits, until, limit, which) in cases {
            assert_eq!(limits.next(late), (until, seconds(limit), which));
        }
    }
}
