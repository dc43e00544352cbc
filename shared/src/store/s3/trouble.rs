//! What one attempt came to, when it was not a success: read once from the SDK's errors,
//! so that deciding and explaining need no SDK type.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::store::chain;

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The credential chain has nothing to offer.
    NoCredentials,
    /// A credential provider is set up and failed.
    CredentialsFailed,
    /// No connection: name, TCP, proxy, TLS.
    Unreached,
    /// The server's certificate is not trusted.
    Untrusted,
    /// Sent, and no whole answer came back: it may have been carried out.
    Lost,
    /// The store answered with an error.
    Refused,
    /// The answer is not that of an S3 store.
    NotS3,
    /// The request could not be built.
    Unsendable,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// HTTP status of a refusal; 0: none.
    pub(super) status: u16,
    /// S3 error code of a refusal; empty: none.
    pub(super) code: String,
    /// The store's or library's words, one line.
    pub(super) text: String,
    /// The region the store wants, if it said one.
    pub(super) region: Option<String>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.code.as_str(), self.text.as_str()) {
            (0, _, text) => f.write_str(text),
            (status, "", "") => write!(f, "HTTP {status}"),
            (status, "", text) => write!(f, "HTTP {status}: {text}"),
            (status, code, "") => write!(f, "{code} (HTTP {status})"),
            (status, code, text) => write!(f, "{code} (HTTP {status}): {text}"),
        }
    }
}

impl Error for Trouble {}

impl Trouble {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            status: 0,
            code: String::new(),
            text: text.into(),
            region: None,
        }
    }

    /// Whether nobody knows what the store did: no answer, none that can be read, or that of
    /// a gateway which got none itself.
    pub(super) fn hides_outcome(&self) -> bool {
        match self.kind {
            Kind::Lost | Kind::NotS3 => true,
            Kind::Refused => matches!(self.status, 502 | 504),
            _ => false,
        }
    }

    /// No answer within our own limit.
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self::new(Kind::Lost, format!("no answer within {limit:?}"))
    }

    /// An answer with an error status.
    pub(super) fn refused(status: u16, code: &str, text: &str) -> Self {
        let (code, text) = (chain::one_line(code), chain::one_line(text));
        Self {
            kind: Kind::Refused,
            status,
            code,
            text,
            region: None,
        }
    }

    /// Reads the SDK's error.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(credentials) = chain::find::<CredentialsError>(error) {
            return Self::of_credentials(credentials);
        }
        match error {
            SdkError::ConstructionFailure(_) => Self::new(Kind::Unsendable, chain::text(error)),
            SdkError::TimeoutError(_) => Self::new(Kind::Lost, "no answer in time"),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) => Self::of_connector(error),
                None => Self::new(Kind::Lost, chain::text(error)),
            },
            SdkError::ServiceError(answer) => Self::of_answer(answer.err(), answer.raw()),
            SdkError::ResponseError(answer) => Self::of_garbled(answer.raw(), error),
            _ => Self::new(Kind::Lost, chain::text(error)),
        }
    }

    /// Reads an error of the HTTP client.
    pub(super) fn of_connector(error: &ConnectorError) -> Self {
        let tls = chain::find::<rustls::Error>(error);
        if let Some(rustls::Error::InvalidCertificate(reason)) = tls {
            return Self::new(Kind::Untrusted, chain::one_line(&format!("{reason}")));
        }
        // Only an error of the connecting step proves that nothing was sent.
        let connecting = chain::find::<hyper_util::client::legacy::Error>(error)
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        let kind = match error {
            _ if tls.is_some() || connecting => Kind::Unreached,
            error if error.is_user() => Kind::Unsendable,
            _ => Kind::Lost,
        };
        let text = match chain::innermost(error) {
            text if error.is_timeout() && connecting => format!("no connection in time ({text})"),
            text => text,
        };
        Self::new(kind, text)
    }

    /// Reads a failure to find credentials. A helper program's own output is left out: what
    /// it prints may be the secret.
    pub(super) fn of_credentials(error: &CredentialsError) -> Self {
        let kind = match error {
            CredentialsError::CredentialsNotLoaded(_) => Kind::NoCredentials,
            // The end of the chain: a machine without instance metadata, or without a role.
            error if chain::find::<ImdsError>(error).is_some() => Kind::NoCredentials,
            _ => Kind::CredentialsFailed,
        };
        let text = chain::text(error);
        let end = text
            .to_ascii_lowercase()
            .find("stderr")
            .unwrap_or(text.len());
        Self::new(
            kind,
            text.get(..end)
                .unwrap_or_default()
                .trim_end_matches([' ', ':', ',', '.']),
        )
    }

    fn of_answer(error: &dyn ProvideErrorMetadata, raw: &HttpResponse) -> Self {
        let status = raw.status().as_u16();
        let code = error.code().unwrap_or_default();
        if (200..300).contains(&status) && code.is_empty() {
            return Self::new(Kind::NotS3, "the answer is not one of S3");
        }
        let mut trouble = Self::refused(status, code, error.message().unwrap_or_default());
        if status == 301 || status == 307 || code == "AuthorizationHeaderMalformed" {
            trouble.region = wanted_region(raw);
        }
        trouble
    }

    /// An answer that is no S3 XML: of a proxy, a web page, or cut short.
    fn of_garbled(raw: &HttpResponse, error: &(dyn Error + 'static)) -> Self {
        match raw.status().as_u16() {
            200..=299 => Self::new(
                Kind::Lost,
                format!("unreadable answer: {}", chain::innermost(error)),
            ),
            status => Self::refused(status, "", ""),
        }
    }
}

/// The region a store names when it was asked in the wrong one.
fn wanted_region(raw: &HttpResponse) -> Option<String> {
    let header = raw
        .headers()
        .get("x-amz-bucket-region")
        .map(ToOwned::to_owned);
    header.or_else(|| {
        let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
        let (_, rest) = body.split_once("<Region>")?;
        let (region, _) = rest.split_once("</Region>")?;
        Some(chain::one_line(region))
    })
}
