//! Webhooks whose Service has nobody behind it: what they judge is refused, and so may be the
//! very pods that would answer them.

use super::super::super::finding::Finding;
use super::super::super::kubernetes::Webhook;
use super::super::Evidence;
use super::{counted, judged};

/// Behind every webhook somebody answers.
pub(in super::super) fn webhooks(evidence: &Evidence<'_>) -> Vec<Finding> {
    judged(
        evidence,
        |kubernetes| &kubernetes.webhooks,
        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
        |_, webhooks| judge(webhooks),
    )
}

fn judge(webhooks: &[Webhook]) -> Vec<Finding> {
    let alone: Vec<Finding> = webhooks
        .iter()
        .filter(|webhook| webhook.endpoints == 0)
        .map(one)
        .collect();
    if alone.is_empty() {
        let all = counted(webhooks.len(), "webhook");
        return vec![Finding::ok(format!("{all}, none without endpoints"))];
    }
    alone
}

fn one(webhook: &Webhook) -> Finding {
    let (namespace, name) = &webhook.service;
    let text = format!(
        "webhook {} has no endpoints: nobody is ready behind service {namespace}/{name}",
        webhook.name
    );
    if !webhook.refuses {
        return Finding::warn(text).hint(format!(
            "it is passed over until then: `kubectl get pods -n {namespace}`"
        ));
    }
    Finding::fail(format!("{text}; what it shall judge is refused")).hint(format!(
        "bring its pods back: `kubectl get pods -n {namespace}`; if it refuses them: `{}`",
        pass_over(webhook)
    ))
}

/// The command that lets through what this webhook cannot judge.
fn pass_over(webhook: &Webhook) -> String {
    format!(
        "kubectl patch {} {} --type=json -p '[{{\"op\":\"add\",\"path\":\"/webhooks/{}/failurePolicy\",\"value\":\"Ignore\"}}]'",
        webhook.kind, webhook.configuration, webhook.index
    )
}
