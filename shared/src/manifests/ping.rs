//! The URL that the pod pings. Whoever has it can pretend to be the backup: it stands in a Secret
//! and nowhere else, and the pod reads it from a file.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

use super::Installation;
use super::document::Document;
use super::peer::Peer;
use super::sealing::{self, Sealed};
use super::secret;
use crate::failure::{Exit, Failure};

/// The URL, from a file.
#[derive(Clone)]
pub struct PingUrl(Zeroizing<String>);

impl fmt::Debug for PingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PingUrl").finish_non_exhaustive()
    }
}

impl PingUrl {
    /// The text of a file; `source` is told in errors, the text never.
    ///
    /// # Errors
    /// 78: it is no URL of http or https.
    pub fn of_text(text: &str, source: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let url = Url::parse(text).ok();
        let good = url.is_some_and(|url| is_http(&url));
        if !good || text.contains(char::is_whitespace) {
            let what = format!("{source} is not one line with a URL of http or https");
            return Err(Failure::new(Exit::Config, what).hint("put the URL to ping into it"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// What is pinged, and how it is kept.
#[derive(Debug, Clone)]
pub struct Ping {
    /// The URL.
    pub url: PingUrl,
    /// The same, sealed; none: it is rendered in the clear.
    pub sealed: Option<Sealed>,
}

impl Ping {
    /// The Secret, sealed or not.
    pub(super) fn document(&self, installation: &Installation) -> Document {
        match &self.sealed {
            Some(sealed) => sealing::sealed_secret(installation, secret::PING, sealed),
            None => secret::secret(installation, secret::PING, self.url.text().as_bytes()),
        }
    }

    pub(super) fn peer(&self, namespace: &str) -> Option<Peer> {
        Peer::of(self.url.text(), namespace)
    }
}

/// Checks the URL of a Pushgateway, which stands in the ConfigMap for all to read.
///
/// # Errors
/// 2: it is no such URL, or has a password in it.
pub fn check_pushgateway(text: &str) -> Result<(), Failure> {
    match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(Failure::new(
            Exit::Usage,
            "the URL of the Pushgateway has a password in it, and would stand in the ConfigMap",
        )
        .hint("leave it out: a NetworkPolicy keeps others away from the Pushgateway")),
        Ok(url) if is_http(&url) => Ok(()),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("`{text}` is not the URL of a Pushgateway"),
        )
        .hint("write it like http://pushgateway.monitoring.svc:9091")),
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_refused_without_a_word_of_it() {
        for text in ["", "planted", "ftp://planted/x", "https://a/planted b"] {
            let failure = PingUrl::of_text(text, "`ping`").unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            assert!(!format!("{failure:?}").contains("planted"));
        }
        let url = PingUrl::of_text("https://hc.example.com/planted\n", "`ping`").unwrap();
        assert_eq!(url.text(), "https://hc.example.com/planted");
        assert!(!format!("{url:?}").contains("planted"));
    }

    #[test]
    fn a_password_does_not_go_into_a_config_map() {
        for (url, good) in [
            ("http://pushgateway.monitoring.svc:9091", true),
            ("https://me:planted@push.example.com", false),
            ("pushgateway:9091", false),
        ] {
            let checked = check_pushgateway(url);
            assert_eq!(checked.is_ok(), good, "{url}");
            assert!(!format!("{checked:?}").contains("planted"));
        }
    }
}
