//! The API servers themselves, and the parts of the API that others serve.

use super::super::super::finding::{Finding, Severity, about};
use super::super::Evidence;
use super::{counted, first_of, judged};

/// Each control plane's own API server is ready.
pub(in super::super) fn servers(evidence: &Evidence<'_>) -> Vec<Finding> {
    let servers = evidence.kubernetes.map_or(&[][..], |one| &one.servers);
    let asked = servers.iter().filter_map(|server| {
        let node = evidence.survey.called(&server.node)?;
        let finding = about(&server.failing, |failing| {
            if failing.is_empty() {
                return Finding::ok("its API server is ready");
            }
            Finding::fail(format!(
                "its API server is not ready: {}",
                failing.join(", ")
            ))
            .hint(format!(
                "wait a minute; then look at `talosctl -n {} logs -k kube-system/kube-apiserver-{}:kube-apiserver`",
                node.node,
                node.hostname.as_deref().unwrap_or("NAME")
            ))
        });
        let hint = format!(
            "look whether its static pods run: `talosctl -n {} containers -k`",
            node.node
        );
        let finding = match finding.hint {
            None if finding.severity != Severity::Ok => finding.hint(hint),
            _ => finding,
        };
        Some(finding.on(node))
    });
    let mut findings: Vec<Finding> = asked.collect();
    // Through whom the rest was read; or why nobody could be asked at all.
    findings.extend(judged(
        evidence,
        |kubernetes| &kubernetes.read,
        "kubectl get --raw '/readyz?verbose'",
        |_, read| {
            vec![Finding::ok(format!(
                "read at {} with {}",
                read.host, read.source
            ))]
        },
    ));
    findings
}

/// What an APIService without its server blocks: discovery, and the end of every namespace.
pub(in super::super) fn parts(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.unavailable,
        "kubectl get apiservices",
        |_, parts| {
            if parts.kept.is_empty() {
                let all = counted(parts.count, "part");
                return vec![Finding::ok(format!("{all} of the API, all available"))];
            }
            let text = format!(
                "{} of the API not available: {}",
                counted(parts.kept.len(), "part"),
                first_of(&parts.kept)
            );
            let first = &parts.kept[0];
            vec![Finding::warn(text).hint(format!(
                "no namespace can end until then: `kubectl describe apiservice {first}`"
            ))]
        },
    )
}
