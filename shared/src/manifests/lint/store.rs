//! Where backups go: not into what they shall bring back.

use std::net::IpAddr;

use url::{Host, Url};

use super::containers::Container;
use super::{Finding, Network, Severity};

/// By which name the endpoint is given: ours, the AWS tools', talos-backup's.
const ENDPOINT: [&str; 4] = [
    "ETCDBACKUP_S3_ENDPOINT",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "CUSTOM_S3_ENDPOINT",
];

/// A bucket inside of the cluster goes down with it.
pub(super) fn endpoint(container: &Container<'_>, networks: &[Network]) -> Option<Finding> {
    let said = container.words();
    let flag = said.iter().position(|word| *word == "--s3-endpoint");
    let endpoint = flag
        .and_then(|place| said.get(place + 1).copied())
        .or_else(|| {
            said.iter()
                .find_map(|word| word.strip_prefix("--s3-endpoint="))
        })
        .or_else(|| container.variable(&ENDPOINT))?;
    let why = inside(endpoint, networks)?;
    Some(Finding {
        rule: "bucket",
        severity: Severity::Refuse,
        object: container.object.clone(),
        what: format!("the bucket lies in the cluster that it shall bring back: {why}"),
        hint: "store backups outside of it; a copy inside may be a second destination".to_owned(),
    })
}

/// Why this endpoint is in the cluster; none: it is not, as far as can be seen.
fn inside(endpoint: &str, networks: &[Network]) -> Option<String> {
    let with_scheme = if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("https://{endpoint}")
    };
    let url = Url::parse(&with_scheme).ok()?;
    let address = |address: IpAddr| {
        if address.is_loopback() {
            return Some(format!("`{address}` is the pod itself"));
        }
        let network = networks.iter().find(|network| network.contains(address))?;
        Some(format!("`{address}` is in {network}"))
    };
    match url.host()? {
        Host::Ipv4(ip) => address(ip.into()),
        Host::Ipv6(ip) => address(ip.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let service = name.ends_with(".svc")
                || name.contains(".svc.")
                || name.ends_with(".cluster.local");
            // Without a dot only the cluster's own names resolve in a pod.
            (service || !name.contains('.')).then(|| format!("`{name}` is a Service"))
        }
    }
}

/// talos-backup puts a `/` between prefix and name, in any case.
pub(super) fn prefix(container: &Container<'_>) -> Option<Finding> {
    let destinations = container
        .variable(&["ETCDBACKUP_DESTINATION"])
        .unwrap_or_default();
    let ends = |text: &str| text.ends_with('/') && !text.ends_with("://");
    let mut said = destinations
        .split_whitespace()
        .chain(container.variable(&["S3_PREFIX"]))
        .chain(
            container
                .words()
                .into_iter()
                .filter(|word| word.contains("://")),
        );
    let prefix = said.find(|text| ends(text))?;
    Some(Finding {
        rule: "prefix",
        severity: Severity::Warn,
        object: container.object.clone(),
        what: format!("prefix `{prefix}` ends in `/`: some tools make keys with `//` of it"),
        hint: "leave the last `/` out, unless objects with `//` are there already".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{cron_job, found};
    use super::*;

    const KEY: &str = "{name: AGE_X25519_PUBLIC_KEY, value: age1x}";

    #[test]
    fn a_bucket_in_the_cluster_is_refused_by_whatever_name() {
        for (endpoint, refused) in [
            ("https://s3.example.com", false),
            ("s3.example.com:9000", false),
            ("http://minio.storage.svc:9000", true),
            ("http://minio.storage.svc.cluster.local", true),
            ("http://rgw.rook.svc.k8s.home", true),
            ("http://minio:9000", true),
            ("http://10.97.3.4:9000", true),
            ("http://192.168.1.10:9000", false),
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
        ] {
            for name in ENDPOINT {
                let objects = cron_job(&format!(
                    "env: [{{name: {name}, value: \"{endpoint}\"}}, {KEY}]"
                ));
                let expected = refused.then_some(("bucket", Severity::Refuse));
                assert_eq!(
                    found(&objects),
                    Vec::from_iter(expected),
                    "{name} {endpoint}"
                );
            }
        }
        let flag = cron_job(&format!(
            "args: [now, --s3-endpoint, \"http://minio.x.svc\"]\nenv: [{KEY}]"
        ));
        assert_eq!(found(&flag), [("bucket", Severity::Refuse)]);
    }

    #[test]
    fn a_prefix_that_ends_in_a_slash_is_said() {
        for (line, odd) in [
            (
                format!("env: [{{name: S3_PREFIX, value: a/b/}}, {KEY}]"),
                true,
            ),
            (
                format!("env: [{{name: S3_PREFIX, value: a/b}}, {KEY}]"),
                false,
            ),
            (
                format!(
                    "env: [{{name: ETCDBACKUP_DESTINATION, value: \"s3://a/b s3://c/d/\"}}, {KEY}]"
                ),
                true,
            ),
            (format!("args: [now, \"s3://a/b/\"]\nenv: [{KEY}]"), true),
        ] {
            let expected = odd.then_some(("prefix", Severity::Warn));
            assert_eq!(found(&cron_job(&line)), Vec::from_iter(expected), "{line}");
        }
    }
}
