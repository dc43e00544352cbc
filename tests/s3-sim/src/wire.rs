//! A client's TCP connection as faults bend it: reset, cut after so many bytes, or dripping.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How the rest of a connection behaves.
#[derive(Debug, Default)]
struct Behaviour {
    /// It ends with RST instead of FIN.
    reset: bool,
    /// Bytes that still go out before it is reset.
    budget: Option<u64>,
    /// Pause before each byte.
    drip: Option<Duration>,
}

/// What faults turn on a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Control(Arc<Mutex<Behaviour>>);

impl Control {
    /// Nothing more goes out, and closing sends RST.
    pub(crate) fn reset(&self) {
        self.behaviour().reset = true;
    }

    /// After `bytes` more, [`Control::reset`].
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.behaviour().budget = Some(bytes);
    }

    /// From now on each byte waits for `pause`.
    pub(crate) fn drip(&self, pause: Duration) {
        self.behaviour().drip = Some(pause);
    }

    fn behaviour(&self) -> std::sync::MutexGuard<'_, Behaviour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection.
pub(crate) struct Wire {
    stream: TcpStream,
    control: Control,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Control) {
        let control = Control::default();
        let wire = Self {
            stream,
            control: control.clone(),
            pause: None,
        };
        (wire, control)
    }

    /// How many bytes may go now, after the pause of a dripping connection.
    fn allowance(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let mut behaviour = self.control.behaviour();
        if behaviour.budget == Some(0) {
            behaviour.reset = true;
        }
        if behaviour.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = if behaviour.drip.is_some() {
            1
        } else {
            usize::MAX
        };
        let budget = behaviour
            .budget
            .map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(most));
        Poll::Ready(Ok(most.min(budget)))
    }

    fn sent(&mut self, bytes: usize) {
        let mut behaviour = self.control.behaviour();
        if let Some(left) = &mut behaviour.budget {
            *left = left.saturating_sub(bytes as u64);
        }
        self.pause = behaviour
            .drip
            .map(|pause| Box::pin(tokio::time::sleep(pause)));
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = ready!(self.allowance(context))?.min(bytes.len());
        let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]))?;
        self.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.behaviour().reset {
            // A FIN would come before the RST.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.behaviour().reset {
            // Closing with a linger time of zero sends RST. A socket gone already needs none.
            self.stream.set_zero_linger().ok();
        }
    }
}
