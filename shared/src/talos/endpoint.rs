//! One endpoint: where it is, and the channel to it.

use std::time::Duration;

use http::Uri;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Target, Identity};

use super::config::Context;
use super::connector::Buffered;
use super::proxy::Proxies;
use crate::failure::{Exit, Failure};

const PORT: u16 = 50000;
const CONNECT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// An endpoint of the context; nothing is dialled before the first call.
pub(super) struct Endpoint {
    /// As it was written.
    pub(super) text: String,
    /// Without port, as a node value wants it.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) channel: Channel,
}

impl Endpoint {
    /// 78: it cannot be an address, or the certificates cannot be used.
    pub(super) fn new(text: &str, context: &Context) -> Result<Self, Failure> {
        let (host, port) = split(text);
        let wrong = |why: String| {
            let what = format!(
                "talosconfig `{}`: endpoint `{text}`: {why}",
                context.file.display()
            );
            Failure::new(Exit::Config, what).hint("write it as HOST or HOST:PORT")
        };
        let uri = address(&host, port).map_err(wrong)?;
        let target = Target::from(uri.clone())
            .tls_config(tls(&host, context))
            .map_err(|_| wrong("the certificates of the context cannot be used".to_owned()))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let dialer = Proxies::new(&context.proxy)
            .dialer(&uri, CONNECT)
            .map_err(|why| {
                wrong(why).hint("set `proxy-url` of the context or HTTPS_PROXY to http:// or socks5://, or `proxy-url: direct`")
            })?;
        Ok(Self {
            text: text.to_owned(),
            host,
            port,
            channel: target.connect_with_connector_lazy(Buffered(dialer)),
        })
    }
}

/// The host of an endpoint, as a node value wants it.
pub(super) fn host(endpoint: &str) -> String {
    split(endpoint).0
}

fn address(host: &str, port: u16) -> Result<Uri, String> {
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    format!("https://{shown}:{port}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())
}

fn tls(host: &str, context: &Context) -> ClientTlsConfig {
    ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&context.authority))
        .identity(Identity::from_pem(
            &context.certificate,
            context.key.as_bytes(),
        ))
        .domain_name(host)
}

/// Host and port; a scheme is tolerated as talosctl does, `https://` without port means 443.
fn split(endpoint: &str) -> (String, u16) {
    let (bare, default) = match endpoint.strip_prefix("https://") {
        Some(bare) => (bare.trim_end_matches('/'), 443),
        None => (endpoint, PORT),
    };
    if let Some((host, rest)) = bare
        .strip_prefix('[')
        .and_then(|inner| inner.split_once(']'))
    {
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return (host.to_owned(), port.unwrap_or(default));
    }
    match bare.split_once(':') {
        Some((host, port)) if !port.contains(':') => {
            (host.to_owned(), port.parse().unwrap_or(default))
        }
        _ => (bare.to_owned(), default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_split_as_talosctl_does() {
        let cases = [
            ("10.0.0.2", "10.0.0.2", 50000),
            ("cp:6000", "cp", 6000),
            ("https://cp", "cp", 443),
            ("[fd00::1]:6000", "fd00::1", 6000),
            ("fd00::1", "fd00::1", 50000),
        ];
        for (endpoint, host, port) in cases {
            assert_eq!(split(endpoint), (host.to_owned(), port), "{endpoint}");
        }
    }
}
