//! The HTTP service in front of the store: writes the log, and lets faults happen.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpRequest, HttpResponse};

use crate::fault::{Effect, Faults};
use crate::log::Log;
use crate::request::Request;
use crate::server::Ended;
use crate::wire::Control;

/// What stands before the store.
pub(crate) struct Front {
    pub(crate) store: S3Service,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
}

impl Front {
    /// Answers one request, or ends its connection.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        control: Control,
    ) -> Result<HttpResponse, Ended> {
        let (parts, body) = request.into_parts();
        let seen = Request::of(&parts);
        let effect = self.faults.met_by(&seen);
        let is_cut = matches!(effect, Some(Effect::CutAnswer(_)));
        let entry = self.log.begin(seen);
        let request = http::Request::from_parts(parts, body);
        let response = match effect {
            None => self.carry_out(request.map(Body::from)).await?,
            Some(effect) => self.bend(effect, request, &control).await?,
        };
        if !is_cut {
            entry.answered(response.status().as_u16());
        }
        Ok(response)
    }

    async fn carry_out(&self, request: HttpRequest) -> Result<HttpResponse, Ended> {
        self.store.call(request).await.map_err(|_| Ended)
    }

    async fn bend(
        &self,
        effect: Effect,
        request: http::Request<Incoming>,
        control: &Control,
    ) -> Result<HttpResponse, Ended> {
        match effect {
            Effect::Status(status, code) => {
                drained(request).await;
                Ok(refusal(status, &code))
            }
            Effect::StatusAfter(status, code) => {
                self.carry_out(request.map(Body::from)).await?;
                Ok(refusal(status, &code))
            }
            Effect::ErrorIn200(code) => {
                drained(request).await;
                Ok(refusal(200, &code))
            }
            Effect::WebPage => {
                drained(request).await;
                Ok(document(
                    200,
                    "text/html",
                    "<html><body>Welcome</body></html>".to_owned(),
                ))
            }
            Effect::Reset => {
                control.reset();
                Err(Ended)
            }
            Effect::LostAnswer => {
                self.carry_out(request.map(Body::from)).await?;
                control.reset();
                Err(Ended)
            }
            Effect::Hang => std::future::pending().await,
            Effect::HangAfter => {
                self.carry_out(request.map(Body::from)).await?;
                std::future::pending().await
            }
            Effect::Drip(pause) => {
                let response = self.carry_out(request.map(Body::from)).await?;
                control.drip(pause);
                Ok(response)
            }
            Effect::SlowReceive(pause) => {
                self.carry_out(request.map(|body| slowly(body, pause)))
                    .await
            }
            Effect::CutAnswer(bytes) => {
                let response = self.carry_out(request.map(Body::from)).await?;
                control.cut_after(bytes);
                Ok(response)
            }
            Effect::Hold(gate) => {
                gate.pass().await;
                self.carry_out(request.map(Body::from)).await
            }
        }
    }
}

/// Takes the body in: an answer before its end would be a reset to the client.
async fn drained(request: http::Request<Incoming>) {
    request.into_body().collect().await.ok();
}

/// An error of S3.
fn refusal(status: u16, code: &str) -> HttpResponse {
    let message = "scripted by the test";
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    document(
        status,
        "application/xml",
        if code.is_empty() { String::new() } else { body },
    )
}

fn document(status: u16, content_type: &'static str, body: String) -> HttpResponse {
    let mut response = HttpResponse::new(Body::from(body));
    // A test that plans a status that is none sees 500.
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    response
}

/// The same body, with a pause after each piece: the client's writes wait.
fn slowly(body: Incoming, pause: Duration) -> Body {
    let pieces = stream::unfold(body, move |mut body| async move {
        let piece = body.frame().await?;
        tokio::time::sleep(pause).await;
        Some((piece, body))
    });
    Body::http_body_unsync(StreamBody::new(pieces))
}

/// A server without a log and without faults.
pub(crate) async fn plain(
    store: S3Service,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, Ended> {
    store.call(request.map(Body::from)).await.map_err(|_| Ended)
}
