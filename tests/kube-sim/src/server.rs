//! One API server: TLS with client certificates, HTTP/1.1.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::answer::{Answer, Question, answer, status};
use crate::changes::Changes;
use crate::fault::{Fault, Faults};
use crate::kubelet::Kubelet;
use crate::objects::Objects;
use crate::simulator::ADMIN_GROUP;
use crate::stream;
use crate::write;

/// Where API servers of control planes listen.
pub const PORT: u16 = 6443;

/// What all servers of a simulator share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) objects: Mutex<Objects>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) requests: Mutex<Vec<String>>,
    /// Texts that are served at a path as they are, of no object of the snapshot.
    pub(crate) texts: Mutex<std::collections::BTreeMap<String, String>>,
    /// Nodes whose kubelets renew no lease.
    pub(crate) silent: Mutex<Vec<String>>,
    pub(crate) changes: Mutex<Changes>,
    /// Runs Jobs; none: nothing does.
    pub(crate) kubelet: Mutex<Option<Arc<Kubelet>>>,
}

/// The body of an answer, which may go on.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body that is known.
pub(crate) fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
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
                async move { Ok::<_, Infallible>(respond(place, &shared, groups, request).await) }
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
    shared: &Arc<Shared>,
    groups: Option<Vec<String>>,
    request: Request<Incoming>,
) -> Response<Body> {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let accept = header("accept").unwrap_or_default();
    let question = Question::of(request.uri(), &accept);
    let form = if question.metadata_only {
        " metadata"
    } else {
        ""
    };
    let whose = header("impersonate-user").map_or_else(String::new, |user| format!(" as {user}"));
    let method = request.method().clone();
    held(&shared.requests).push(format!("{method} {}{form}{whose}", question.path));
    let met = held(&shared.faults).met(place, &question.path, question.from.is_some());
    let cut = met == Some(Fault::Cut);
    let refused = match met {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Cut) | None => forbidden(groups, &question),
        Some(fault) => Some(refused(&fault)),
    };
    if let Some((code, body)) = refused {
        return response(code, whole(body));
    }
    if method == http::Method::GET && (question.watch || question.path.ends_with("/log")) {
        return stream::respond(shared, &question, cut);
    }
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let (code, body) = permitted(shared, &method, &question, &body);
    response(code, whole(body))
}

pub(crate) fn response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
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
        Fault::Garbage | Fault::Hang | Fault::Cut => (200, "{\"items\": [{".to_owned()),
    }
}

/// Without a certificate nobody is known; who is no administrator may see whether it is ready.
fn forbidden(groups: Option<Vec<String>>, question: &Question) -> Option<Answer> {
    let Some(groups) = groups else {
        return Some(status(401, "Unauthorized"));
    };
    let public = ["/readyz", "/livez", "/healthz", "/version"].contains(&question.path.as_str());
    let may = public || groups.iter().any(|group| group == ADMIN_GROUP);
    let refused = || {
        status(
            403,
            &format!("User cannot list {}: forbidden", question.path),
        )
    };
    (!may).then(refused)
}

fn permitted(
    shared: &Arc<Shared>,
    method: &http::Method,
    question: &Question,
    body: &[u8],
) -> Answer {
    match *method {
        http::Method::GET => {
            if let Some(text) = held(&shared.texts).get(&question.path) {
                return (200, text.clone());
            }
            let mut objects = held(&shared.objects);
            heartbeat(&mut objects, &held(&shared.silent));
            answer(&objects, question)
        }
        http::Method::POST => write::create(shared, question, body),
        http::Method::DELETE => write::delete(shared, question),
        _ => status(405, "it knows GET, POST and DELETE"),
    }
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
