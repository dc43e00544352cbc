//! Where the store is: endpoint, region and how buckets are addressed. Pure rules.

use url::Url;

use crate::failure::{Exit, Failure};
use crate::store::PathStyle;

/// Where AWS is, in messages.
pub(super) const AWS: &str = "AWS S3";

/// Domains of clouds that serve `bucket.endpoint`. Every other custom endpoint is addressed
/// by path, which MinIO, Garage and Ceph always serve and which needs no wildcard DNS.
const VIRTUAL_HOSTS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "backblazeb2.com",
    "r2.cloudflarestorage.com",
    "wasabisys.com",
    "digitaloceanspaces.com",
    "storage.googleapis.com",
];

/// Checks an endpoint given by hand: scheme and host, and no credentials in it.
pub(super) fn checked(endpoint: &str) -> Result<Url, Failure> {
    let refused = |what: String| {
        Failure::new(Exit::Config, what)
            .hint("`--s3-endpoint https://HOST[:PORT]` (or AWS_ENDPOINT_URL_S3)")
    };
    let url = Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        // Text with an @ may hold a password: it is not repeated.
        let shown = if endpoint.contains('@') {
            "the S3 endpoint".to_owned()
        } else {
            format!("S3 endpoint `{endpoint}`")
        };
        return Err(refused(format!(
            "{shown} is not a URL with `http://` or `https://`"
        )));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "the S3 endpoint holds credentials, which do not belong there".to_owned(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "the S3 endpoint has a query, which does not belong there".to_owned(),
        ));
    }
    Ok(url)
}

/// Whether buckets are addressed by path.
pub(super) fn by_path(style: PathStyle, endpoint: Option<&Url>) -> bool {
    match (style, endpoint.and_then(Url::host_str)) {
        (PathStyle::Path, _) => true,
        (PathStyle::Virtual, _) | (PathStyle::Auto, None) => false,
        (PathStyle::Auto, Some(host)) => !VIRTUAL_HOSTS.iter().any(|domain| within(host, domain)),
    }
}

/// The region an endpoint names by itself.
pub(super) fn region_of(endpoint: &Url) -> Option<&str> {
    let host = endpoint.host_str()?;
    if within(host, "r2.cloudflarestorage.com") {
        return Some("auto");
    }
    let mut labels = host.split('.');
    let (first, second) = (labels.next()?, labels.next()?);
    if within(host, "digitaloceanspaces.com") {
        return Some(first);
    }
    let named = [
        "backblazeb2.com",
        "wasabisys.com",
        "amazonaws.com",
        "amazonaws.com.cn",
    ];
    let named = named
        .iter()
        .any(|domain| within(host, domain) && !domain.starts_with(&format!("{second}.")));
    (first == "s3" && named).then_some(second)
}

fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_style_follows_the_endpoint() {
        let table = [
            (None, false),
            (Some("https://s3.eu-central-003.backblazeb2.com"), false),
            (Some("https://abc.r2.cloudflarestorage.com"), false),
            (Some("https://s3.eu-west-1.amazonaws.com"), false),
            (Some("https://s3.wasabisys.com"), false),
            (Some("http://127.0.0.1:9000"), true),
            (Some("http://[::1]:9000"), true),
            (Some("http://localhost:9000"), true),
            (Some("http://minio:9000"), true),
            (Some("https://s3.home.example"), true),
            (Some("https://evilbackblazeb2.com"), true),
        ];
        for (endpoint, expected) in table {
            let url = endpoint.map(|endpoint| Url::parse(endpoint).unwrap());
            assert_eq!(
                by_path(PathStyle::Auto, url.as_ref()),
                expected,
                "{endpoint:?}"
            );
            assert!(by_path(PathStyle::Path, url.as_ref()));
            assert!(!by_path(PathStyle::Virtual, url.as_ref()));
        }
    }

    #[test]
    fn regions_in_host_names() {
        let table = [
            (
                "https://s3.eu-central-003.backblazeb2.com",
                Some("eu-central-003"),
            ),
            (
                "https://s3.ap-northeast-1.wasabisys.com",
                Some("ap-northeast-1"),
            ),
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3.wasabisys.com", None),
            ("https://s3.amazonaws.com", None),
            ("https://fra1.digitaloceanspaces.com", Some("fra1")),
            ("https://abc.r2.cloudflarestorage.com", Some("auto")),
            ("http://minio.example:9000", None),
            ("http://localhost:9000", None),
        ];
        for (endpoint, expected) in table {
            assert_eq!(
                region_of(&Url::parse(endpoint).unwrap()),
                expected,
                "{endpoint}"
            );
        }
    }

    #[test]
    fn bad_endpoints_are_configuration_errors_without_secrets() {
        let bad = [
            "minio:9000",
            "minio",
            "",
            "ftp://x",
            "https://u:planted@x",
            "u:planted@x",
            "https://x/?k=planted",
        ];
        for endpoint in bad {
            let failure = checked(endpoint).unwrap_err();
            assert_eq!(failure.exit, Exit::Config, "{endpoint}");
            assert!(!format!("{failure:?}").contains("planted"), "{endpoint}");
        }
        assert!(checked("http://127.0.0.1:9000/").is_ok());
    }
}
