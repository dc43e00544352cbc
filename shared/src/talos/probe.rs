//! Why a connection ended before any answer came.
//!
//! Under TLS 1.3 a server refuses the client's certificate after the client thinks the
//! handshake done. The alert races with the request, and gRPC often reports only that the
//! request was cancelled. A bare connection that reads before it writes always sees it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::Context;

const LIMIT: Duration = Duration::from_secs(5);

/// Looks at an endpoint with the context's certificates.
pub(super) struct Probe(TlsConnector);

impl Probe {
    /// None: the certificates of the context cannot be used.
    pub(super) fn new(context: &Context) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(context.authority.as_bytes()) {
            roots.add(authority.ok()?).ok()?;
        }
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(context.certificate.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(context.key.as_bytes()).ok()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain.ok()?, key)
            .ok()?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Some(Self(TlsConnector::from(Arc::new(config))))
    }

    /// What TLS says against this connection; none: nothing within the limit.
    pub(super) async fn refusal(&self, host: &str, port: u16) -> Option<String> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let look = async {
            let socket = TcpStream::connect((host, port)).await?;
            let mut stream = self.0.connect(name, socket).await?;
            // A server that takes us speaks first: its HTTP/2 settings.
            stream.read_u8().await
        };
        match timeout(LIMIT, look).await {
            Ok(Err(error)) if is_tls(&error) => Some(error.to_string()),
            _ => None,
        }
    }
}

fn is_tls(error: &io::Error) -> bool {
    let cause = error.get_ref();
    cause.is_some_and(|cause| cause.downcast_ref::<rustls::Error>().is_some())
}
