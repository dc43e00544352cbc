//! How a connection to an endpoint is made: straight, or through a proxy as talosctl would.
//!
//! The context's `proxy-url` wins (`direct` means none), then HTTPS_PROXY, ALL_PROXY and
//! NO_PROXY. Loopback is never proxied by the environment, as in Go.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, BoxError>> + Send>>;

/// Which proxy an endpoint is reached through.
pub(super) struct Proxies {
    matcher: Matcher,
    /// Said in the talosconfig: then it holds for loopback too.
    explicit: bool,
}

impl Proxies {
    /// `configured` is the context's `proxy-url`, empty when there is none.
    pub(super) fn new(configured: &str) -> Self {
        let matcher = match configured {
            "" => Matcher::from_env(),
            "direct" => Matcher::builder().build(),
            url => Matcher::builder().all(url).build(),
        };
        Self {
            matcher,
            explicit: !configured.is_empty(),
        }
    }

    /// The way to `endpoint`, an `https://` address.
    ///
    /// # Errors
    /// The proxy's own protocol is none we speak.
    pub(super) fn dialer(&self, endpoint: &Uri, connect: Duration) -> Result<Dialer, String> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(connect));
        let through = self
            .matcher
            .intercept(endpoint)
            .filter(|_| self.explicit || !is_loopback(endpoint));
        match through {
            None => Ok(Dialer::Direct(http)),
            Some(proxy) => proxied(&proxy, http),
        }
    }
}

fn proxied(proxy: &Intercept, http: HttpConnector) -> Result<Dialer, String> {
    let uri = proxy.uri().clone();
    match uri.scheme_str() {
        Some("http") => {
            let tunnel = Tunnel::new(uri, http);
            Ok(Dialer::Tunnel(match proxy.basic_auth() {
                Some(auth) => tunnel.with_auth(auth.clone()),
                None => tunnel,
            }))
        }
        Some(scheme @ ("socks5" | "socks5h")) => {
            let socks = SocksV5::new(uri.clone(), http).local_dns(scheme == "socks5");
            Ok(Dialer::Socks(match proxy.raw_auth() {
                Some((user, word)) => socks.with_auth(user.to_owned(), word.to_owned()),
                None => socks,
            }))
        }
        // The address may hold a password: only its scheme is told.
        scheme => Err(format!(
            "a proxy of scheme `{}` is not supported",
            scheme.unwrap_or_default()
        )),
    }
}

fn is_loopback(endpoint: &Uri) -> bool {
    let host = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Dials one endpoint.
#[derive(Clone)]
pub(super) enum Dialer {
    Direct(HttpConnector),
    Tunnel(Tunnel<HttpConnector>),
    Socks(SocksV5<HttpConnector>),
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(http) => http.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
            Self::Socks(socks) => socks.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, to: Uri) -> Connecting {
        match self {
            Self::Direct(http) => boxed(http.call(to)),
            Self::Tunnel(tunnel) => boxed(tunnel.call(to)),
            Self::Socks(socks) => boxed(socks.call(to)),
        }
    }
}

fn boxed<E: Into<BoxError>>(
    work: impl Future<Output = Result<TokioIo<TcpStream>, E>> + Send + 'static,
) -> Connecting {
    Box::pin(async move { work.await.map_err(Into::into) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(configured: &str, endpoint: &'static str) -> Result<Dialer, String> {
        Proxies::new(configured).dialer(&Uri::from_static(endpoint), Duration::from_secs(1))
    }

    #[test]
    fn a_contexts_proxy_is_taken_by_its_scheme() {
        let to = "https://10.0.0.2:50000";
        assert!(matches!(
            way("http://proxy:3128", to),
            Ok(Dialer::Tunnel(_))
        ));
        assert!(matches!(
            way("socks5://proxy:1080", to),
            Ok(Dialer::Socks(_))
        ));
        assert!(matches!(way("direct", to), Ok(Dialer::Direct(_))));
        let refused = way("https://user:planted@proxy:3128", to).err().unwrap();
        assert!(refused.contains("`https`"), "{refused}");
        assert!(!refused.contains("planted"), "{refused}");
    }

    #[test]
    fn loopback_is_known_in_both_families() {
        for (endpoint, expected) in [
            ("https://127.3.4.5:50000", true),
            ("https://[::1]:50000", true),
            ("https://localhost:50000", true),
            ("https://10.0.0.2:50000", false),
            ("https://talos.default:50000", false),
        ] {
            assert_eq!(
                is_loopback(&Uri::from_static(endpoint)),
                expected,
                "{endpoint}"
            );
        }
    }
}
