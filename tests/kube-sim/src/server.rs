//! One API server: TLS with client certificates, HTTP/1.1.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::answer::{Answer, Question, answer, status};
use crate::fault::{Fault, Faults};
use crate::objects::Objects;
use crate::simulator::ADMIN_GROUP;

/// Where API servers of control planes listen.
pub const PORT: u16 = 6443;

/// What all servers of a simulator share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) objects: Mutex<Objects>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) requests: Mutex<Vec<String>>,
    /// Nodes whose kubelets renew no lease.
    pub(crate) silent: Mutex<Vec<String>>,
}

/// What is behind a lock; a test that panicked meanwhile changes nothing about it.
pub(crate) fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until it is dropped.
pub(crate) async fn serve(
    place: usize,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    // Its connections end with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let certificates = stream.get_ref().1.peer_certificates();
            let groups = certificates.and_then(|all| Some(groups(all.first()?)));
            let service = service_fn(move |request| {
                let (shared, groups) = (Arc::clone(&shared), groups.clone());
                async move { Ok::<_, Infallible>(respond(place, &shared, groups, &request).await) }
            });
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

/// Kubernetes keeps groups in the subject's organizations.
fn groups(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let organizations = certificate.subject().iter_organization();
    organizations
        .filter_map(|value| value.as_str().ok())
        .map(str::to_owned)
        .collect()
}

async fn respond(
    place: usize,
    shared: &Shared,
    groups: Option<Vec<String>>,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let accept = request.headers().get(http::header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let question = Question::of(request.uri(), accept.unwrap_or_default());
    let form = if question.metadata_only {
        " metadata"
    } else {
        ""
    };
    let line = format!("{} {}{form}", request.method(), question.path);
    held(&shared.requests).push(line);
    let met = held(&shared.faults).met(place, &question.path, question.from.is_some());
    let (code, body) = match met {
        Some(Fault::Hang) => std::future::pending().await,
        Some(fault) => refused(&fault),
        None => permitted(shared, groups, request.method(), &question),
    };
    let code = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    response
}

fn refused(fault: &Fault) -> Answer {
    match fault {
        Fault::NotReady(checks) => {
            let lines = checks
                .iter()
                .map(|check| format!("[-]{check} failed: reason withheld\n"));
            let body: String = std::iter::once("[+]ping ok\n".to_owned())
                .chain(lines)
                .collect();
            (500, body + "readyz check failed\n")
        }
        Fault::Expire => status(410, "The provided continue parameter is too old"),
        Fault::Status(code) => status(*code, "scripted by the test"),
        Fault::Garbage | Fault::Hang => (200, "{\"items\": [{".to_owned()),
    }
}

/// Without a certificate nobody is known; who is no administrator may see whether it is ready.
fn permitted(
    shared: &Shared,
    groups: Option<Vec<String>>,
    method: &http::Method,
    question: &Question,
) -> Answer {
    let Some(groups) = groups else {
        return status(401, "Unauthorized");
    };
    if method != http::Method::GET {
        return status(405, "it is read only");
    }
    let public = ["/readyz", "/livez", "/healthz", "/version"].contains(&question.path.as_str());
    if !public && !groups.iter().any(|group| group == ADMIN_GROUP) {
        return status(
            403,
            &format!("User cannot list {}: forbidden", question.path),
        );
    }
    let mut objects = held(&shared.objects);
    heartbeat(&mut objects, &held(&shared.silent));
    answer(&objects, question)
}

/// Every kubelet that is not silent has renewed its lease just now.
fn heartbeat(objects: &mut Objects, silent: &[String]) {
    let name = ("coordination.k8s.io".to_owned(), "leases".to_owned());
    let now = jiff::Timestamp::now().to_string();
    let Some(leases) = objects.resources.get_mut(&name) else {
        return;
    };
    for ((namespace, node), lease) in &mut leases.objects {
        if namespace == "kube-node-lease" && !silent.contains(node) {
            lease["spec"]["renewTime"] = now.clone().into();
        }
    }
}

/// Listens at every address.
pub(crate) fn listen(addresses: &[Ipv4Addr]) -> std::io::Result<Vec<TcpListener>> {
    let all = addresses.iter().map(|address| {
        let listener = TcpListener::bind((*address, PORT))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    all.collect()
}
