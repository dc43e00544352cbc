//! TLS in front of an S3 server, under a name and a port of a test's choice.

use std::net::IpAddr;
use std::sync::Arc;

use e2e::World;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A front, gone when dropped.
pub(super) struct Front {
    /// Where it listens.
    pub(super) address: String,
    /// Its authority, in PEM.
    pub(super) authority: String,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Front {
    /// At the address of the world's first node, where this port is free.
    pub(super) fn start(world: &World, port: u16, name: &str, behind: &str) -> Self {
        let address: IpAddr = world.talos.address(0).parse().unwrap();
        let behind = behind.trim_start_matches("http://").to_owned();
        let (acceptor, authority) = acceptor(name);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind((address, port)))
            .unwrap();
        runtime.spawn(serve(listener, acceptor, behind));
        Self {
            address: address.to_string(),
            authority,
            runtime: Some(runtime),
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, behind: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, behind) = (acceptor.clone(), behind.clone());
        tokio::spawn(async move {
            let mut outer = acceptor.accept(stream).await.ok()?;
            let mut inner = TcpStream::connect(behind).await.ok()?;
            tokio::io::copy_bidirectional(&mut outer, &mut inner)
                .await
                .ok()
        });
    }
}

fn acceptor(name: &str) -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), issuer.pem())
}
