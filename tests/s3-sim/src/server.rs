//! A server on a thread of its own: accepts on loopback, serves HTTP/1.1, and stops when it
//! is dropped.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::sync::Arc;
use std::thread::JoinHandle;

use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::HttpResponse;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::wire::{Control, Wire};

/// The connection was ended instead of an answer.
#[derive(Debug)]
pub(crate) struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was ended by a fault")
    }
}

impl std::error::Error for Ended {}

impl From<Infallible> for Ended {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Answers requests.
pub(crate) type Answer = Arc<
    dyn Fn(http::Request<Incoming>, Control) -> BoxFuture<'static, Result<HttpResponse, Ended>>
        + Send
        + Sync,
>;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `address`; a port of 0 is a free one.
    pub(crate) fn start(address: SocketAddr, answer: Answer) -> io::Result<Self> {
        let listener = Listener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(serve(listener, answer, stopped));
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn serve(listener: Listener, answer: Answer, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        if let Ok((stream, _)) = accepted {
            tokio::spawn(connection(stream, Arc::clone(&answer)));
        }
    }
}

/// One client's connection. Its failures are the client's to see.
async fn connection(stream: tokio::net::TcpStream, answer: Answer) {
    stream.set_nodelay(true).ok();
    let (wire, control) = Wire::new(stream);
    let service = service_fn(move |request| answer(request, control.clone()));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(wire), service)
        .await
        .ok();
}
