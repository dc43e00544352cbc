//! HTTP under S3: who is trusted, which proxy, how long to connect.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::moving::Counting;
use crate::failure::{Exit, Failure};
use crate::store::StoreOptions;

/// The end of each certificate in a PEM file.
const PEM_END: &str = "-----END CERTIFICATE-----";

/// What every connection of a store has in common.
pub(super) struct Transport {
    trust: TlsContext,
    settings: HttpConnectorSettings,
}

impl Transport {
    /// Reads the CA file; nothing is connected.
    pub(super) fn new(options: &StoreOptions) -> Result<Self, Failure> {
        let mut store = TrustStore::default();
        let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        if let Some(path) = &options.s3_ca_file {
            store = trusting(store, path)?;
        } else if let Some(path) = bundle {
            store = trusting(store, Path::new(&path))?;
        }
        let trust = TlsContext::builder().with_trust_store(store).build();
        let trust =
            trust.map_err(|error| Failure::new(Exit::Config, "cannot set up TLS").source(error))?;
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(options.timeouts.connect)
            .build();
        Ok(Self { trust, settings })
    }

    /// Connections through the proxies of the environment.
    pub(super) fn connector(&self) -> SharedHttpConnector {
        self.built(ProxyConfig::from_env())
    }

    /// The same as the SDK wants it.
    pub(super) fn client(&self) -> SharedHttpClient {
        as_client(self.connector())
    }

    /// The same, counting in `moved` what it sends.
    pub(super) fn counting_client(&self, moved: &Arc<AtomicU64>) -> SharedHttpClient {
        let counting = Counting::new(self.connector(), Arc::clone(moved));
        as_client(SharedHttpConnector::new(counting))
    }

    /// Without proxies: the instance metadata service answers only on the machine's own link.
    pub(super) fn direct_client(&self) -> SharedHttpClient {
        as_client(self.built(ProxyConfig::disabled()))
    }

    fn built(&self, proxies: ProxyConfig) -> SharedHttpConnector {
        let builder = Connector::builder()
            .connector_settings(self.settings.clone())
            .proxy_config(proxies);
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        SharedHttpConnector::new(builder.tls_context(self.trust.clone()).build())
    }
}

fn as_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

/// `store` with the CAs of a PEM file besides the system's. Each is tried first: the HTTP
/// client stops the program at one it cannot read, and real bundles hold some.
fn trusting(mut store: TrustStore, path: &Path) -> Result<TrustStore, Failure> {
    let refused = |what: String| {
        Failure::new(Exit::Config, what)
            .hint("`--s3-ca-file` (or AWS_CA_BUNDLE) wants a PEM file with certificates")
    };
    let text = std::fs::read(path)
        .map_err(|error| refused(format!("cannot read CA file `{}`: {error}", path.display())))?;
    let text = String::from_utf8_lossy(&text);
    let mut scratch = rustls::RootCertStore::empty();
    for block in text
        .split_inclusive(PEM_END)
        .filter(|block| block.contains(PEM_END))
    {
        let certificate = CertificateDer::from_pem_slice(block.as_bytes()).ok();
        if certificate.is_some_and(|certificate| scratch.add(certificate).is_ok()) {
            store.add_pem_certificate(block.as_bytes());
        } else {
            tracing::debug!(path = %path.display(), "skipped a certificate that cannot be read");
        }
    }
    if scratch.is_empty() {
        return Err(refused(format!(
            "CA file `{}` holds no usable certificate",
            path.display()
        )));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_ca_file_needs_one_usable_certificate() {
        let bad = [
            String::new(),
            "not a certificate".to_owned(),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        ];
        for content in bad {
            let failure = trusting(TrustStore::empty(), file(&content).path()).unwrap_err();
            assert_eq!(failure.exit, Exit::Config, "{content}");
        }
        assert_eq!(
            trusting(TrustStore::empty(), Path::new("/nowhere/ca.pem"))
                .unwrap_err()
                .exit,
            Exit::Config
        );
    }

    #[test]
    fn an_unreadable_certificate_does_not_spoil_the_bundle() {
        let content = format!(
            "# ours\n{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{}",
            authority(),
            authority()
        );
        assert!(trusting(TrustStore::empty(), file(&content).path()).is_ok());
    }
}
