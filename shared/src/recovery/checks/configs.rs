//! Machine configs: what a replaced machine is made from, and where its images come from.

use super::super::finding::Finding;
use super::super::machine_config::{ConfigFacts, Configs, Way, differences, ways};
use super::Evidence;

/// A node that is replaced needs its machine config: the secrets in it must be the old ones.
pub(super) fn saved(evidence: &Evidence<'_>) -> Vec<Finding> {
    let Some(configs) = evidence.configs else {
        return Vec::new();
    };
    let mut findings = among_themselves(configs);
    if configs.saved.is_empty() {
        findings.push(
            Finding::warn("no saved machine config was compared with the live ones")
                .hint("have them at hand before anything is wiped: `--saved-configs DIR`"),
        );
    }
    let live = configs.live.iter().filter_map(|(_, facts)| facts.get());
    let live: Vec<&ConfigFacts> = live.collect();
    for saved in &configs.saved {
        findings.extend(against(saved, &live));
    }
    findings
}

/// Every pair of live ones tells, by way of the first, whether all are of one cluster.
fn among_themselves(configs: &Configs) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: Option<&ConfigFacts> = None;
    for (node, facts) in &configs.live {
        let on = |finding: Finding| Finding {
            node: Some(node.clone()),
            ..finding
        };
        let Some(facts) = facts.get() else {
            if let Some(unknown) = facts.unknown() {
                findings.push(on(Finding::unknown(unknown)));
            }
            continue;
        };
        match first {
            None => first = Some(facts),
            Some(first) => findings.extend(told(first, facts).into_iter().map(on)),
        }
    }
    findings
}

/// A saved config against the live one of the machine that it names, or against all.
fn against(saved: &ConfigFacts, live: &[&ConfigFacts]) -> Vec<Finding> {
    let named = |one: &&&ConfigFacts| saved.hostname.is_some() && one.hostname == saved.hostname;
    let own: Vec<&ConfigFacts> = live.iter().filter(named).copied().collect();
    let all = if own.is_empty() { live } else { &own };
    let findings: Vec<Finding> = all.iter().flat_map(|one| told(saved, one)).collect();
    match (findings.is_empty(), all.first()) {
        (false, _) => findings,
        (true, None) => vec![
            Finding::warn(format!(
                "{} has no live one to be compared with",
                saved.name
            ))
            .hint("`talosctl-recover-check snapshot FILE --machine-config FILE` tries its keys"),
        ],
        (true, Some(_)) => {
            let same = format!(
                "{} is of this cluster: CAs, keys and names are the same",
                saved.name
            );
            vec![Finding::ok(same)]
        }
    }
}

fn told(first: &ConfigFacts, second: &ConfigFacts) -> Vec<Finding> {
    let found = differences(first, second).into_iter();
    found
        .map(|one| {
            let text = format!(
                "the {} of {} is {}, of {} {}",
                one.what, first.name, one.first, second.name, one.second
            );
            if one.fatal {
                Finding::fail(text)
                    .hint("a machine made from the wrong one cannot join, or cannot read the data")
            } else {
                Finding::warn(text).hint("correct the one that is wrong before it is applied")
            }
        })
        .collect()
}

/// What a wipe removes must come from somewhere that is not dead.
pub(super) fn images(evidence: &Evidence<'_>) -> Vec<Finding> {
    let Some(configs) = evidence.configs else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (node, facts) in &configs.live {
        let survey = evidence.survey.called(node);
        let etcd = survey.and_then(|node| node.etcd_config.get());
        let etcd = etcd.map(|config| config.image.as_str());
        // What cannot be seen is told by `machine-config`.
        let Some(facts) = facts.get() else { continue };
        let found = ways(facts, etcd, &configs.inside);
        let found = if found.is_empty() {
            vec![Finding::ok("its images come from outside the cluster")]
        } else {
            found.iter().map(way).collect()
        };
        findings.extend(found.into_iter().map(|finding| Finding {
            node: Some(node.clone()),
            ..finding
        }));
    }
    findings
}

fn way(way: &Way) -> Finding {
    let inside: Vec<String> = way
        .inside
        .iter()
        .map(|(host, what)| format!("{host} ({what})"))
        .collect();
    let text = format!("images of {} come from {}", way.registry, inside.join(", "));
    if way.outside.is_empty() {
        return Finding::fail(format!("{text}: it may be dead with the cluster")).hint(
            "a wipe removes the images: first serve them from elsewhere, by `machine.registries.mirrors` of every control plane",
        );
    }
    Finding::warn(format!("{text}, else from {}", way.outside.join(", ")))
        .hint("make sure that the nodes reach that before anything is wiped")
}

#[cfg(test)]
mod tests {
    use super::super::super::known::{Known, Why};
    use super::super::super::machine_config::{Inside, Mirror};
    use super::super::super::samples::{Is, at, reason, survey};
    use super::super::super::{Severity, judge};
    use super::super::Client;
    use super::*;

    fn facts(name: &str, key: &str) -> ConfigFacts {
        ConfigFacts {
            name: name.to_owned(),
            machine_type: "controlplane".to_owned(),
            endpoint: Some("https://10.0.0.9:6443".to_owned()),
            keys: vec![format!("secretbox:key2 {key}")],
            ..ConfigFacts::default()
        }
    }

    fn found(live: Vec<Known<ConfigFacts>>, saved: Vec<ConfigFacts>) -> Vec<Finding> {
        let survey = survey(&[Is::Waiting; 3]);
        let nodes = survey.nodes.iter().map(|node| node.node.clone());
        let live: Vec<(String, Known<ConfigFacts>)> = nodes.zip(live).collect();
        let known = live.iter().filter_map(|(_, facts)| facts.get());
        let inside = Inside::new(&survey, known, None);
        let configs = Configs {
            live,
            saved,
            inside,
        };
        let judgement = judge(&survey);
        let client = Client {
            roles: Vec::new(),
            end: at(0),
        };
        let evidence = Evidence {
            survey: &survey,
            judgement: &judgement,
            client: &client,
            file: None,
            kubernetes: None,
            configs: Some(&configs),
        };
        [super::saved(&evidence), super::images(&evidence)].concat()
    }

    fn words(findings: &[Finding]) -> Vec<String> {
        let words = findings.iter();
        words
            .map(|one| format!("{} {}", one.severity.word(), one.what))
            .collect()
    }

    #[test]
    fn the_same_is_ok_and_its_absence_worth_a_word() {
        let live = || vec![Known::Is(facts("node cp-1 (10.0.0.2)", "aa"))];
        assert_eq!(
            words(&found(live(), vec![facts("cp.yaml", "aa")])),
            [
                "ok cp.yaml is of this cluster: CAs, keys and names are the same",
                "ok its images come from outside the cluster"
            ]
        );
        assert!(words(&found(live(), Vec::new()))[0].starts_with("warn no saved"));
        assert!(
            words(&found(Vec::new(), vec![facts("x", "aa")]))[0].starts_with("warn x has no live")
        );
    }

    #[test]
    fn a_config_of_other_secrets_fails_be_it_saved_or_live() {
        let first = Known::Is(facts("node cp-1 (10.0.0.2)", "aa"));
        let mut second = facts("node cp-2 (10.0.0.3)", "bb");
        second.hostname = Some("cp-2".to_owned());
        let denied = Known::Unknown(reason(Why::NotPermitted, "not authorized"));
        let mut saved = facts("saved.yaml", "aa");
        saved.hostname = Some("cp-2".to_owned());
        let findings = found(vec![first, Known::Is(second), denied], vec![saved]);
        let bad: Vec<&Finding> = findings
            .iter()
            .filter(|one| matches!(one.severity, Severity::Fail | Severity::Unknown))
            .collect();
        assert_eq!(bad.len(), 3, "{findings:?}");
        assert_eq!(
            bad[0].what,
            "the encryption keys of node cp-1 (10.0.0.2) is secretbox:key2 aa, of node cp-2 (10.0.0.3) secretbox:key2 bb"
        );
        assert_eq!(bad[1].severity, Severity::Unknown);
        assert!(bad[2].what.contains("saved.yaml is secretbox:key2 aa"));
    }

    #[test]
    fn a_registry_in_the_cluster_fails_and_one_with_a_way_out_warns() {
        let mirrored = |skip_fallback| {
            let mut facts = facts("node cp-1", "aa");
            facts.mirrors = vec![Mirror {
                registry: "registry.k8s.io".to_owned(),
                endpoints: vec!["http://10.0.0.9:30500".to_owned()],
                skip_fallback,
            }];
            vec![Known::Is(facts)]
        };
        let last = |findings: Vec<Finding>| words(&findings).pop().unwrap();
        assert_eq!(
            last(found(mirrored(true), Vec::new())),
            "fail images of registry.k8s.io come from 10.0.0.9 (the cluster's endpoint): it may be dead with the cluster"
        );
        assert_eq!(
            last(found(mirrored(false), Vec::new())),
            "warn images of registry.k8s.io come from 10.0.0.9 (the cluster's endpoint), else from registry.k8s.io"
        );
    }
}
