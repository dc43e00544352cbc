//! TCP under TLS, read in large pieces.
//!
//! rustls reads 4 KiB at a time, so a record of 16 KiB would cost five calls into the kernel:
//! on a snapshot's stream they would be a tenth of all work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tower_service::Service;

/// Several records.
const BUFFER: usize = 64 * 1024;

/// A dialer whose connections have a reader's buffer.
#[derive(Clone)]
pub(super) struct Buffered<Dialer>(pub(super) Dialer);

type Connecting<Error> =
    Pin<Box<dyn Future<Output = Result<TokioIo<BufReader<TcpStream>>, Error>> + Send>>;

impl<Dialer> Service<Uri> for Buffered<Dialer>
where
    Dialer: Service<Uri, Response = TokioIo<TcpStream>>,
    Dialer::Future: Send + 'static,
{
    type Response = TokioIo<BufReader<TcpStream>>;
    type Error = Dialer::Error;
    type Future = Connecting<Dialer::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Dialer::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(BufReader::with_capacity(BUFFER, stream)))
        })
    }
}
