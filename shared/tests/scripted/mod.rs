//! An HTTP server that answers S3 requests by script: each fault exactly where a test wants
//! it, and a log of what was asked. What is not scripted succeeds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Put,
    Create,
    Part,
    Complete,
    Abort,
    List,
    Get,
}

/// One scripted answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An S3 error: status and code.
    Error(u16, &'static str),
    /// Status, headers, body.
    Raw(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection closes after the request was read.
    Reset,
    /// No answer for longer than any limit of a test.
    Hang,
    /// An answer with its length, of which only the first bytes come; then the end
    /// (`false`), or nothing more (`true`).
    Cut(u16, Vec<(&'static str, String)>, Vec<u8>, usize, bool),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub action: Action,
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The names of all headers.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }
}

type Script = Arc<Mutex<Vec<(Action, VecDeque<Reply>, Option<Reply>)>>>;

/// The server; it ends with the test's runtime.
pub struct Server {
    pub url: String,
    script: Script,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same over TLS, and the PEM of the CA that vouches for it.
    pub async fn start_tls() -> (Self, String) {
        let (acceptor, authority) = tls();
        (Self::start_with(Some(acceptor)).await, authority)
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (script, log) = (Script::default(), Arc::<Mutex<Vec<Request>>>::default());
        let server = Self {
            url,
            script: Arc::clone(&script),
            log: Arc::clone(&log),
        };
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (tls, script, log) = (tls.clone(), Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return serve(connection, script, log).await;
                    };
                    // A client that does not trust us is what some tests want.
                    if let Ok(connection) = tls.accept(connection).await {
                        serve(connection, script, log).await;
                    }
                });
            }
        });
        server
    }

    /// Answers the next requests of `action` with `replies`, one each.
    pub fn next(&self, action: Action, replies: impl IntoIterator<Item = Reply>) {
        self.script
            .lock()
            .unwrap()
            .push((action, replies.into_iter().collect(), None));
    }

    /// Answers every request of `action` with `reply`.
    pub fn always(&self, action: Action, reply: Reply) {
        self.script
            .lock()
            .unwrap()
            .push((action, VecDeque::new(), Some(reply)));
    }

    /// All requests so far.
    pub fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The requests of `action` so far.
    pub fn log_of(&self, action: Action) -> Vec<Request> {
        self.log()
            .into_iter()
            .filter(|request| request.action == action)
            .collect()
    }
}

/// A certificate for the loopback address by a CA of its own.
fn tls() -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(parameters, authority_key);
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority)
}

async fn serve<C>(connection: C, script: Script, log: Arc<Mutex<Vec<Request>>>)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = BufReader::new(connection);
    while let Some(request) = read(&mut connection).await {
        let reply = scripted(&script, request.action).unwrap_or_else(|| success(request.action));
        log.lock().unwrap().push(request);
        let (head, body, hangs) = match reply {
            Reply::Reset => return,
            Reply::Hang => return tokio::time::sleep(Duration::from_secs(3600)).await,
            Reply::Error(status, code) => {
                let body = format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>")
                    .into_bytes();
                (head(status, &[], body.len()), body, None)
            }
            Reply::Raw(status, headers, body) => (head(status, &headers, body.len()), body, None),
            Reply::Cut(status, headers, body, at, hangs) => (
                head(status, &headers, body.len()),
                body[..at].to_vec(),
                Some(hangs),
            ),
        };
        connection
            .write_all(head.as_bytes())
            .await
            .unwrap_or_default();
        connection.write_all(&body).await.unwrap_or_default();
        connection.flush().await.unwrap_or_default();
        match hangs {
            None => {}
            Some(false) => return,
            Some(true) => return tokio::time::sleep(Duration::from_secs(3600)).await,
        }
    }
}

fn scripted(script: &Script, action: Action) -> Option<Reply> {
    let mut script = script.lock().unwrap();
    let fits = |(of, replies, always): &&mut (Action, VecDeque<Reply>, Option<Reply>)| {
        *of == action && (!replies.is_empty() || always.is_some())
    };
    let (_, replies, always) = script.iter_mut().find(fits)?;
    replies.pop_front().or_else(|| always.clone())
}

fn success(action: Action) -> Reply {
    let etag = ("etag", "\"0123\"".to_owned());
    match action {
        Action::Put | Action::Part => Reply::Raw(200, vec![etag], Vec::new()),
        Action::Create => {
            let body = "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>";
            Reply::Raw(200, Vec::new(), body.into())
        }
        Action::Complete => {
            let body = "<CompleteMultipartUploadResult><Key>k</Key><ETag>\"0123-1\"</ETag></CompleteMultipartUploadResult>";
            Reply::Raw(200, Vec::new(), body.into())
        }
        Action::Abort => Reply::Raw(204, Vec::new(), Vec::new()),
        Action::List => Reply::Raw(
            200,
            Vec::new(),
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into(),
        ),
        Action::Get => Reply::Raw(200, vec![etag], b"whole object".to_vec()),
    }
}

fn head(status: u16, headers: &[(&str, String)], length: usize) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = if status == 204 || status == 304 {
        String::new()
    } else {
        format!("content-length: {length}\r\n")
    };
    format!("HTTP/1.1 {status} Scripted\r\n{length}{lines}\r\n")
}

async fn read<C: AsyncRead + Unpin>(connection: &mut BufReader<C>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let header = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(Request {
        action: action(method, target),
        target: target.to_owned(),
        headers,
        body,
    })
}

fn action(method: &str, target: &str) -> Action {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    match method {
        "PUT" if query.contains("uploadId") => Action::Part,
        "PUT" => Action::Put,
        "POST" if query.contains("uploadId") => Action::Complete,
        "POST" if query.contains("uploads") => Action::Create,
        "DELETE" if query.contains("uploadId") => Action::Abort,
        "GET" if query.contains("list-type=2") => Action::List,
        "GET" => Action::Get,
        _ => panic!("unexpected request {method} {target}"),
    }
}
