//! apid's side of mutual TLS: who is let in, and with which roles.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificates::{Authority, ServerIdentity};
use crate::error::Error;

/// A client certificate of this CA is needed: as apid.
pub(crate) fn acceptor(
    authority: &Authority,
    identity: ServerIdentity,
) -> Result<TlsAcceptor, Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.der().clone())
        .map_err(Error::at("trusting the CA"))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(Error::at("verifying clients"))?;
    serving(identity, Arc::new(ExactPurpose { chain }))
}

/// No client certificate is asked for: as in maintenance mode.
pub(crate) fn open_acceptor(identity: ServerIdentity) -> Result<TlsAcceptor, Error> {
    serving(identity, WebPkiClientVerifier::no_client_auth())
}

/// TLS 1.2 or later, ALPN h2, no resumption.
fn serving(
    identity: ServerIdentity,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<TlsAcceptor, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::at("choosing TLS versions"))?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![identity.certificate], identity.key)
        .map_err(Error::at("taking the server certificate"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The roles of a client: every Organization of its certificate's subject, trimmed.
pub(crate) fn roles(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let organizations = certificate.subject().iter_organization();
    organizations
        .filter_map(|value| value.as_str().ok())
        .map(|role| role.trim().to_owned())
        .filter(|role| !role.is_empty())
        .collect()
}

/// The usual verification, and Talos' own rule: extended key usage is exactly client
/// authentication.
#[derive(Debug)]
struct ExactPurpose {
    chain: Arc<dyn ClientCertVerifier>,
}

fn is_exactly_for_clients(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let Ok(Some(usage)) = certificate.extended_key_usage() else {
        return false;
    };
    let usage = usage.value;
    let others = usage.any
        || usage.server_auth
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    usage.client_auth && !others
}

impl ClientCertVerifier for ExactPurpose {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self
            .chain
            .verify_client_cert(end_entity, intermediates, now)?;
        if is_exactly_for_clients(end_entity) {
            Ok(verified)
        } else {
            Err(CertificateError::InvalidPurpose.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
