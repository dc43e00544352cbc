//! Reading behind a presigned URL. Its query is the key to the object: it is sent, and
//! shown nowhere.

use async_trait::async_trait;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use bytes::Bytes;
use url::Url;

use super::classify::{Before, Decision, Operation, decide};
use super::explain::{self, Subject};
use super::transport::Transport;
use super::trouble::{Kind, Trouble};
use crate::failure::{Exit, Failure};
use crate::store::retry::Attempts;
use crate::store::{Body, StoreError, StoreErrorKind, StoreOptions, Timeouts, chain};

/// Opens the object behind `url`.
pub(in crate::store) async fn open_url(
    url: &str,
    options: &StoreOptions,
) -> Result<Box<dyn Body>, Failure> {
    let url = Url::parse(url.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "the URL file does not hold an `http://` or `https://` URL",
        )
        .hint("one presigned URL, on one line")
    })?;
    let source = Source {
        shown: shown(&url),
        url: url.into(),
        connector: Transport::new(options)?.connector(),
        timeouts: options.timeouts,
    };
    let mut attempts = Attempts::new(options.retry);
    let answer = source.get(&mut attempts, None).await?;
    let size = header(&answer, "content-length").and_then(|length| length.parse().ok());
    // A weak ETag does not promise equal bytes.
    let etag = header(&answer, "etag")
        .filter(|etag| !etag.starts_with("W/"))
        .map(ToOwned::to_owned);
    let stream = ByteStream::new(answer.into_body());
    Ok(Box::new(UrlBody {
        source,
        stream,
        etag,
        size,
        offset: 0,
        interruptions: Attempts::new(options.retry),
        attempts,
    }))
}

/// Where the bytes come from.
struct Source {
    url: String,
    /// The URL without its query.
    shown: String,
    connector: SharedHttpConnector,
    timeouts: Timeouts,
}

impl Source {
    /// The answer to a GET, from `resume`'s byte on if it names one.
    async fn get(
        &self,
        attempts: &mut Attempts,
        resume: Option<(u64, &str)>,
    ) -> Result<HttpResponse, StoreError> {
        loop {
            let trouble = match self.attempt(resume).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let again = matches!(
                decide(Operation::Get, &trouble, Before::default()),
                Decision::Again { .. }
            );
            if !again || !attempts.again().await {
                return Err(self.failed(&trouble));
            }
        }
    }

    async fn attempt(&self, resume: Option<(u64, &str)>) -> Result<HttpResponse, Trouble> {
        let unsendable = || Trouble::new(Kind::Unsendable, "the URL cannot be asked for");
        let mut request = HttpRequest::new(SdkBody::empty());
        request
            .set_uri(self.url.as_str())
            .map_err(|_| unsendable())?;
        if let Some((offset, etag)) = resume {
            request
                .headers_mut()
                .insert("range", format!("bytes={offset}-"));
            request.headers_mut().insert("if-match", etag.to_owned());
        }
        let limit = self.timeouts.of(0);
        let asked = tokio::time::timeout(limit, self.connector.call(request)).await;
        let answer = asked
            .map_err(|_| Trouble::timed_out(limit))?
            .map_err(|error| Trouble::of_connector(&error))?;
        match (answer.status().as_u16(), resume) {
            (200, None) | (206, Some(_)) => Ok(answer),
            (200, Some(_)) => Err(Trouble::new(
                Kind::NotS3,
                "the server does not resume downloads",
            )),
            (status, _) => Err(Trouble::refused(status, "", "")),
        }
    }

    fn failed(&self, trouble: &Trouble) -> StoreError {
        let subject = Subject {
            operation: Operation::Get,
            bucket: "",
            key: "",
            upload_id: None,
            endpoint: &self.shown,
            custom_endpoint: true,
            locking: false,
        };
        let (kind, exit, hint) = match (trouble.kind, trouble.status) {
            (Kind::Refused, 404 | 410) => (
                StoreErrorKind::NotFound,
                Exit::Config,
                "make a new URL for an object that exists".to_owned(),
            ),
            (Kind::Refused, 400 | 401 | 403) => (
                StoreErrorKind::Failed,
                Exit::NotPermitted,
                "the URL has expired or is not whole: make a new one".to_owned(),
            ),
            (Kind::Refused, 429) => (
                StoreErrorKind::Failed,
                Exit::Temporary,
                "run it again later".to_owned(),
            ),
            (Kind::Refused, 500..) => (
                StoreErrorKind::Failed,
                Exit::Unreachable,
                "run it again".to_owned(),
            ),
            (Kind::Refused, _) => (
                StoreErrorKind::Failed,
                Exit::Config,
                "make a new URL".to_owned(),
            ),
            (kind, _) => {
                let (exit, hint) = explain::of_silence(kind, &subject);
                (StoreErrorKind::Failed, exit, hint)
            }
        };
        let what = format!("GET `{}` failed: {trouble}", self.shown);
        StoreError {
            kind,
            failure: Failure::new(exit, what).hint(hint).source(trouble.clone()),
        }
    }
}

/// An object being read through its URL.
struct UrlBody {
    source: Source,
    stream: ByteStream,
    etag: Option<String>,
    size: Option<u64>,
    offset: u64,
    interruptions: Attempts,
    attempts: Attempts,
}

impl UrlBody {
    async fn resume(&mut self, reason: &str) -> Result<(), StoreError> {
        let Some(etag) = self.etag.clone().filter(|_| self.size.is_some()) else {
            return Err(self.cut(reason));
        };
        if !self.interruptions.again().await {
            return Err(self.cut(reason));
        }
        let answer = self
            .source
            .get(&mut self.attempts, Some((self.offset, &etag)))
            .await?;
        let start = format!("bytes {}-", self.offset);
        if !header(&answer, "content-range").is_some_and(|range| range.starts_with(&start)) {
            return Err(self.cut("the server resumed at another byte"));
        }
        self.stream = ByteStream::new(answer.into_body());
        Ok(())
    }

    fn cut(&self, reason: &str) -> StoreError {
        let size = self
            .size
            .map_or_else(|| "?".to_owned(), |size| size.to_string());
        let what = format!(
            "reading `{}` stopped after {} of {size} bytes: {reason}",
            self.source.shown, self.offset
        );
        let failure = Failure::new(Exit::Unreachable, what).hint("run it again");
        StoreError {
            kind: StoreErrorKind::Failed,
            failure,
        }
    }
}

#[async_trait]
impl Body for UrlBody {
    fn size(&self) -> Option<u64> {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let reason = match tokio::time::timeout(self.source.timeouts.idle, self.stream.next())
                .await
            {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
                Ok(Some(Ok(bytes))) => {
                    self.offset += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) if self.size.is_none_or(|size| self.offset == size) => return Ok(None),
                Ok(None) => "the connection closed early".to_owned(),
                Ok(Some(Err(error))) => chain::innermost(&error),
                Err(_) => format!("no bytes for {:?}", self.source.timeouts.idle),
            };
            self.resume(&reason).await?;
        }
    }
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    answer.headers().get(name)
}

/// A URL without what makes it a key: no query, no credentials, no fragment.
fn shown(url: &Url) -> String {
    let query = if url.query().is_some() { "?…" } else { "" };
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!(
        "{}://{}{port}{}{query}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_not_shown() {
        let url = Url::parse(
            "https://u:planted@s3.example:9000/b/k%20.snap?X-Amz-Signature=planted#planted",
        )
        .unwrap();
        assert_eq!(shown(&url), "https://s3.example:9000/b/k%20.snap?…");
        assert_eq!(
            shown(&Url::parse("http://[::1]/k").unwrap()),
            "http://[::1]/k"
        );
    }

    #[tokio::test]
    async fn text_that_is_no_url_is_not_repeated() {
        for text in ["planted", "ftp://x/?planted", "", "s3://b/planted"] {
            let Err(failure) = open_url(text, &StoreOptions::default()).await else {
                panic!("opened {text}")
            };
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("planted"));
        }
    }
}
