//! A node's open door: accepts TLS connections and serves them over HTTP/2; can be shut, as
//! when a machine is off, and opened again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc as commands, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use tower_service::Service as _;

use crate::error::Error;
use crate::roles::READER;
use crate::state::Secrets;
use crate::tls;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long `open` and `shut` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The client at the other end of a connection; every request carries it.
#[derive(Clone)]
pub(crate) struct Peer {
    /// From its certificate.
    pub(crate) roles: Arc<Vec<String>>,
    /// Resets the TCP connection when notified.
    pub(crate) reset: Arc<Notify>,
}

/// How a node receives its clients.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) acceptor: TlsAcceptor,
    /// Without any the node is in maintenance mode: nobody shows a certificate, and everybody
    /// is a reader.
    pub(crate) secrets: Secrets,
}

enum Command {
    Open(mpsc::Sender<Result<(), String>>),
    Shut(mpsc::Sender<Result<(), String>>),
}

/// The handle on a node's listener.
pub(crate) struct Door {
    commands: commands::UnboundedSender<Command>,
    inbox: Mutex<Option<commands::UnboundedReceiver<Command>>>,
    is_open: AtomicBool,
    entrance: Mutex<Option<Entrance>>,
    /// How often it was shut.
    shuts: watch::Sender<u64>,
}

impl Door {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = commands::unbounded_channel();
        Self {
            commands: sender,
            inbox: Mutex::new(Some(receiver)),
            is_open: false.into(),
            entrance: Mutex::new(None),
            shuts: watch::Sender::new(0),
        }
    }

    /// How clients are received from the next connection on.
    pub(crate) fn set_entrance(&self, entrance: Entrance) {
        *self.lock_entrance() = Some(entrance);
    }

    /// Whether other nodes' apids are let in.
    pub(crate) fn trusts_peers(&self) -> bool {
        let entrance = self.lock_entrance();
        entrance
            .as_ref()
            .is_some_and(|entrance| entrance.secrets == Secrets::Own)
    }

    fn lock_entrance(&self) -> MutexGuard<'_, Option<Entrance>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is shut the next time, from now.
    pub(crate) fn next_shut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut shuts = self.shuts.subscribe();
        async move {
            shuts.changed().await.ok();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }

    /// Listens again. Waits until it does.
    pub(crate) fn open(&self) -> Result<(), Error> {
        self.ask(Command::Open)?;
        self.is_open.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Stops listening and drops every connection. Waits until that is done.
    pub(crate) fn shut(&self) -> Result<(), Error> {
        self.is_open.store(false, Ordering::SeqCst);
        self.shuts.send_modify(|shuts| *shuts += 1);
        self.ask(Command::Shut)
    }

    fn ask(&self, command: fn(mpsc::Sender<Result<(), String>>) -> Command) -> Result<(), Error> {
        let (sender, receiver) = mpsc::channel();
        self.commands
            .send(command(sender))
            .map_err(|_| Error::new("the simulator has stopped"))?;
        let answer = receiver
            .recv_timeout(PATIENCE)
            .map_err(Error::at("moving a node's listener"))?;
        answer.map_err(Error::new)
    }

    /// Serves until the simulator ends; shut at first. `claim` holds the address until then.
    pub(crate) async fn serve(&self, claim: std::net::TcpListener, routes: Routes) {
        let inbox = self
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut inbox) = inbox else { return };
        let Ok(address) = claim.local_addr() else {
            return;
        };
        let mut claim = Some(claim);
        let mut listener = None;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    None => return,
                    Some(Command::Open(done)) => {
                        let answer = match claim.take() {
                            Some(claim) => adopt(claim, &mut listener),
                            None => reopen(address, &mut listener).await,
                        };
                        done.send(answer).ok();
                    }
                    Some(Command::Shut(done)) => {
                        listener = None;
                        connections.shutdown().await;
                        done.send(Ok(())).ok();
                    }
                },
                accepted = accept(listener.as_ref()) => {
                    let entrance = self.lock_entrance().clone();
                    if let (Ok((stream, _)), Some(entrance)) = (accepted, entrance) {
                        connections.spawn(connection(stream, entrance, routes.clone()));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// The address was held by a listener from the beginning.
fn adopt(claim: std::net::TcpListener, listener: &mut Option<TcpListener>) -> Result<(), String> {
    let adopted = claim
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(claim));
    *listener = Some(adopted.map_err(|error| format!("listening: {error}"))?);
    Ok(())
}

async fn reopen(address: SocketAddr, listener: &mut Option<TcpListener>) -> Result<(), String> {
    if listener.is_none() {
        let bound = TcpListener::bind(address).await;
        *listener = Some(bound.map_err(|error| format!("listening on {address} again: {error}"))?);
    }
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One client's connection, from handshake to end. Its failures are the client's to see.
async fn connection(stream: TcpStream, entrance: Entrance, routes: Routes) {
    stream.set_nodelay(true).ok();
    let accepted = tokio::time::timeout(HANDSHAKE, entrance.acceptor.accept(stream));
    let Ok(Ok(stream)) = accepted.await else {
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let roles = match certificates.first() {
        _ if entrance.secrets == Secrets::None => vec![READER.to_owned()],
        certificate => certificate.map(tls::roles).unwrap_or_default(),
    };
    let peer = Peer {
        roles: Arc::new(roles),
        reset: Arc::new(Notify::new()),
    };
    // A second handle on the socket, to reset it by while hyper owns the stream.
    let Ok(handle) = second_handle(&stream.get_ref().0.as_fd()) else {
        return;
    };
    let reset = peer.reset.clone();
    let service = service_fn(move |request| answer(request, peer.clone(), routes.clone()));
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let served = server.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = served => {}
        () = reset.notified() => {
            // Closing with a linger time of zero sends RST instead of FIN.
            handle.set_zero_linger().ok();
        }
    }
}

fn second_handle(socket: &BorrowedFd<'_>) -> std::io::Result<TcpStream> {
    TcpStream::from_std(std::net::TcpStream::from(socket.try_clone_to_owned()?))
}

async fn answer(
    mut request: Request<Incoming>,
    peer: Peer,
    mut routes: Routes,
) -> Result<Response<tonic::body::Body>, Infallible> {
    request.extensions_mut().insert(peer);
    routes.call(request).await
}
