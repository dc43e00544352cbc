//! One small request to a web server, with a store's trust and proxies: for reports, whose URLs
//! may be secrets. A URL is sent, and shown nowhere but by its host.

use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use url::Url;

use super::transport::Transport;
use super::trouble::Trouble;
use crate::store::StoreOptions;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends `body` by POST.
///
/// # Errors
/// In words, without the URL's path: it was not sent, or not answered with 2xx.
pub(in crate::store) async fn post(
    url: &str,
    content_type: &'static str,
    body: Vec<u8>,
) -> Result<(), String> {
    let parsed = Url::parse(url.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = parsed.ok_or("it is no `http://` or `https://` URL")?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let connector = Transport::new(&StoreOptions::default())
        .map_err(|failure| failure.what)?
        .connector();
    let mut request = HttpRequest::new(SdkBody::from(body));
    let unsendable = |_| "the URL cannot be asked for".to_owned();
    request.set_uri(url.as_str()).map_err(unsendable)?;
    request
        .set_method("POST")
        .map_err(|_| "the URL cannot be asked for".to_owned())?;
    request.headers_mut().insert("content-type", content_type);
    let asked = tokio::time::timeout(LIMIT, connector.call(request)).await;
    let late = |_| format!("{host} did not answer within {} s", LIMIT.as_secs());
    let answer = asked
        .map_err(late)?
        .map_err(|error| format!("{host}: {}", Trouble::of_connector(&error)))?;
    match answer.status().as_u16() {
        200..=299 => Ok(()),
        status => Err(format!("{host} answered {status}")),
    }
}
