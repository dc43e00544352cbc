//! Metrics for a Pushgateway. POST replaces the metrics of the same names only, so that the last
//! success outlives a failure.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::metrics::{self, Sample};
use super::web::post;

/// Sends the metrics to the group of this cluster.
pub(super) async fn push(gateway: &str, samples: &[Sample], cluster: &str) -> Result<(), String> {
    let url = format!("{}{}", gateway.trim_end_matches('/'), group(cluster));
    let text = metrics::text(samples, "");
    post(&url, "text/plain; version=0.0.4", text.into_bytes()).await
}

/// The group's path. A value that is empty or has a slash must be in base64.
fn group(cluster: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~@".contains(c);
    if !cluster.is_empty() && cluster.chars().all(plain) {
        return format!("/metrics/job/etcdbackup/cluster/{cluster}");
    }
    let coded = BASE64_URL_SAFE_NO_PAD.encode(cluster);
    // An empty value is written as one `=`.
    let coded = if coded.is_empty() { "=" } else { &coded };
    format!("/metrics/job/etcdbackup/cluster@base64/{coded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_the_cluster() {
        assert_eq!(group("prod"), "/metrics/job/etcdbackup/cluster/prod");
        assert_eq!(group("a/b"), "/metrics/job/etcdbackup/cluster@base64/YS9i");
        assert_eq!(group(""), "/metrics/job/etcdbackup/cluster@base64/=");
    }
}
