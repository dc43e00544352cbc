//! One API server, asked for itself: each request with a deadline, each answer with a limit.

use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Cause, KubeError, cause_of_status, of_client};
use super::lines::Lines;

/// Where a control plane's own API server listens, unless the machine config says otherwise
/// (`cluster.controlPlane.localAPIServerPort`).
pub const API_PORT: u16 = 6443;
/// How long one request may take, its answer included.
pub const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of one answer: a page of large objects has a few mebibytes.
const BYTES: usize = 64 * 1024 * 1024;
/// Characters of an error's text that are told.
const TOLD: usize = 300;

/// An API server.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    host: String,
    limit: Duration,
}

/// What is asked.
struct Question<'a> {
    method: Method,
    path: &'a str,
    accept: &'a str,
    /// JSON to send.
    body: Vec<u8>,
}

impl<'a> Question<'a> {
    fn get(path: &'a str, accept: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            accept,
            body: Vec::new(),
        }
    }
}

const JSON: &str = "application/json";

/// What `/readyz` answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Checks that do not pass; none: it is ready.
    pub failing: Vec<String>,
    /// The server's own clock, to a second.
    pub clock: Option<Timestamp>,
}

/// An answer, whatever its status.
struct Answer {
    status: u16,
    clock: Option<Timestamp>,
    bytes: Vec<u8>,
}

impl Api {
    pub(super) fn new(client: kube::Client, host: &str) -> Self {
        Self {
            client,
            host: host.to_owned(),
            limit: LIMIT,
        }
    }

    /// The same with another limit of one request.
    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The server that is asked.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn ready(&self) -> Result<Readiness, KubeError> {
        const PATH: &str = "/readyz?verbose";
        let answer = self.ask(&Question::get(PATH, "*/*")).await?;
        let text = String::from_utf8_lossy(&answer.bytes);
        let cause = cause_of_status(answer.status);
        if answer.status == 200 {
            return Ok(Readiness {
                failing: Vec::new(),
                clock: answer.clock,
            });
        }
        let failing = failing(&text);
        if cause == Cause::Answer && !failing.is_empty() {
            return Ok(Readiness {
                failing,
                clock: answer.clock,
            });
        }
        Err(self.refused(&Method::GET, PATH, &answer))
    }

    /// A JSON document.
    ///
    /// # Errors
    /// It cannot be had, or is not what it should be.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, KubeError> {
        self.get_as(path, JSON).await
    }

    /// Creates an object in the list at `path`; gives it as it is now.
    ///
    /// # Errors
    /// It was refused; with [`Cause::Timeout`] it may be there all the same.
    pub async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        object: &impl Serialize,
    ) -> Result<T, KubeError> {
        let body = serde_json::to_vec(object)
            .map_err(|error| self.error(path, error.to_string(), Cause::Answer))?;
        let question = Question {
            method: Method::POST,
            body,
            ..Question::get(path, JSON)
        };
        let answer = self.ask(&question).await?;
        self.parsed(&question, &answer)
    }

    /// Deletes the object at `path`, and afterwards what it owns.
    ///
    /// # Errors
    /// It was refused; with [`Cause::Absent`] it is gone already.
    pub async fn delete(&self, path: &str) -> Result<(), KubeError> {
        let question = Question {
            method: Method::DELETE,
            body: br#"{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}"#
                .to_vec(),
            ..Question::get(path, JSON)
        };
        let answer = self.ask(&question).await?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(self.refused(&question.method, path, &answer)),
        }
    }

    /// What comes line by line: a log, or the changes of a watch. The limit is that of the
    /// answer's begin; how long to wait for a line is the caller's matter.
    ///
    /// # Errors
    /// It is refused.
    pub async fn lines(&self, path: &str) -> Result<Lines, KubeError> {
        let question = Question::get(path, "*/*");
        let begun = tokio::time::timeout(self.limit, self.begin(&question)).await;
        let response = begun.map_err(|_| self.late(&question))??;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(Lines::new(response.into_body(), self.clone(), path));
        }
        let read = tokio::time::timeout(self.limit, self.read(&question, response)).await;
        let answer = read.map_err(|_| self.late(&question))??;
        Err(self.refused(&question.method, path, &answer))
    }

    /// Text of any kind.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn text(&self, path: &str) -> Result<String, KubeError> {
        let question = Question::get(path, "*/*");
        let answer = self.ask(&question).await?;
        if answer.status != 200 {
            return Err(self.refused(&question.method, path, &answer));
        }
        let text = String::from_utf8(answer.bytes);
        text.map_err(|_| self.error(path, "not a text".to_owned(), Cause::Answer))
    }

    pub(super) async fn get_as<T: DeserializeOwned>(
        &self,
        path: &str,
        accept: &str,
    ) -> Result<T, KubeError> {
        let question = Question::get(path, accept);
        let answer = self.ask(&question).await?;
        self.parsed(&question, &answer)
    }

    fn parsed<T: DeserializeOwned>(
        &self,
        question: &Question<'_>,
        answer: &Answer,
    ) -> Result<T, KubeError> {
        if !(200..300).contains(&answer.status) {
            return Err(self.refused(&question.method, question.path, answer));
        }
        // The parser's words could quote an object.
        serde_json::from_slice(&answer.bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = format!("not the JSON it should be (line {line}, column {column})");
            self.told(&question.method, question.path, what, Cause::Answer)
        })
    }

    async fn ask(&self, question: &Question<'_>) -> Result<Answer, KubeError> {
        let whole = async { self.read(question, self.begin(question).await?).await };
        let answered = tokio::time::timeout(self.limit, whole).await;
        answered.unwrap_or_else(|_| Err(self.late(question)))
    }

    fn late(&self, question: &Question<'_>) -> KubeError {
        let what = format!("no answer within {} s", self.limit.as_secs());
        self.told(&question.method, question.path, what, Cause::Timeout)
    }

    /// Sends, and gives the answer whose body is still to be read.
    async fn begin(&self, question: &Question<'_>) -> Result<Response<Body>, KubeError> {
        let (method, path) = (&question.method, question.path);
        tracing::debug!(host = %self.host, path, "{method}");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, question.accept);
        if !question.body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, JSON);
        }
        let request = request.body(Body::from(question.body.clone()));
        let request =
            request.map_err(|error| self.told(method, path, error.to_string(), Cause::Answer))?;
        let sent = self.client.send(request).await;
        sent.map_err(|error| self.broken(question, &error))
    }

    fn broken(&self, question: &Question<'_>, error: &kube::Error) -> KubeError {
        let (what, cause) = of_client(error);
        self.told(&question.method, question.path, what, cause)
    }

    async fn read(
        &self,
        question: &Question<'_>,
        response: Response<Body>,
    ) -> Result<Answer, KubeError> {
        let status = response.status().as_u16();
        let date = response.headers().get(http::header::DATE);
        let clock = date.and_then(|date| clock(date.to_str().ok()?));
        let mut bytes = Vec::new();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.broken(question, &error))?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if bytes.len() > BYTES {
                let what = "an answer larger than 64 MiB".to_owned();
                return Err(self.told(&question.method, question.path, what, Cause::Answer));
            }
        }
        Ok(Answer {
            status,
            clock,
            bytes,
        })
    }

    fn refused(&self, method: &Method, path: &str, answer: &Answer) -> KubeError {
        let status = answer.status;
        let message = message(&answer.bytes);
        let what = format!("{status} {message}").trim_end().to_owned();
        self.told(method, path, what, cause_of_status(status))
    }

    pub(super) fn error(&self, path: &str, what: String, cause: Cause) -> KubeError {
        self.told(&Method::GET, path, what, cause)
    }

    fn told(&self, method: &Method, path: &str, what: String, cause: Cause) -> KubeError {
        let path = path.split('?').next().unwrap_or_default();
        KubeError {
            method: match *method {
                Method::POST => "POST",
                Method::DELETE => "DELETE",
                _ => "GET",
            },
            host: self.host.clone(),
            path: path.to_owned(),
            what,
            cause,
        }
    }
}

/// The message of a `Status`, or the first line of what is none.
fn message(bytes: &[u8]) -> String {
    let status: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let told = status
        .as_ref()
        .and_then(|status| status["message"].as_str());
    let text = told.map_or_else(
        || String::from_utf8_lossy(bytes).into_owned(),
        str::to_owned,
    );
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(TOLD).collect()
}

/// The names behind `[-]`, as in `[-]etcd failed: reason withheld`.
fn failing(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("[-]"));
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The time of a `Date` header.
fn clock(date: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(parsed.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_that_fail_are_named() {
        let text = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed: x\nreadyz check failed\n";
        assert_eq!(failing(text), ["etcd", "informer-sync"]);
        assert_eq!(failing("ok"), [""; 0]);
    }

    #[test]
    fn the_clock_is_read_from_a_header() {
        let clock = clock("Tue, 24 Nov 2026 18:48:54 GMT").unwrap();
        assert_eq!(clock.to_string(), "2026-11-24T18:48:54Z");
        assert_eq!(super::clock("yesterday"), None);
    }

    #[test]
    fn a_refusal_is_told_by_its_message() {
        assert_eq!(
            message(br#"{"kind":"Status","message":"pods is forbidden"}"#),
            "pods is forbidden"
        );
        assert_eq!(message(b"gone\nfor good"), "gone");
        assert_eq!(message(b""), "");
    }
}
