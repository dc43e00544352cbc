//! Two machine configs of one cluster, compared in what a restored cluster depends on.

use serde::Serialize;

use super::facts::ConfigFacts;

/// One thing that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What it is, as `Kubernetes CA`.
    pub what: String,
    /// As the first has it; secrets are fingerprints.
    pub first: String,
    /// As the second has it.
    pub second: String,
    /// Whether a machine made from the one is no member of the other's cluster, or cannot read
    /// its data; otherwise it can be put right afterwards.
    pub fatal: bool,
}

/// What is not the same in two machine configs, `first` as a rule the saved one. What only one
/// of both tells is no difference, but for keys: without them nothing can be read.
pub fn differences(first: &ConfigFacts, second: &ConfigFacts) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what: &str, first: &str, second: &str, fatal| {
        if first != second {
            found.push(Difference {
                what: what.to_owned(),
                first: first.to_owned(),
                second: second.to_owned(),
                fatal,
            });
        }
    };
    add(
        "machine type",
        &first.machine_type,
        &second.machine_type,
        true,
    );
    for (what, own) in &first.shared {
        if let Some(other) = second.shared.get(what) {
            add(what, own, other, true);
        }
    }
    let keys = |facts: &ConfigFacts| match facts.keys.as_slice() {
        [] => "none".to_owned(),
        keys => keys.join(", "),
    };
    add("encryption keys", &keys(first), &keys(second), true);
    for (what, own, other) in [
        ("cluster name", &first.cluster_name, &second.cluster_name),
        ("endpoint", &first.endpoint, &second.endpoint),
    ] {
        if let (Some(own), Some(other)) = (own, other) {
            add(what, own, other, false);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ConfigFacts {
        ConfigFacts {
            machine_type: "controlplane".to_owned(),
            cluster_name: Some("prod".to_owned()),
            endpoint: Some("https://10.0.0.5:6443".to_owned()),
            shared: [("Kubernetes CA", "aa"), ("cluster id", "bb")]
                .map(|(what, print)| (what, print.to_owned()))
                .into(),
            keys: vec!["secretbox:key2 cc".to_owned()],
            ..ConfigFacts::default()
        }
    }

    fn told(second: &ConfigFacts) -> Vec<String> {
        let found = differences(&facts(), second).into_iter();
        found
            .map(|one| format!("{}: {} / {} {}", one.what, one.first, one.second, one.fatal))
            .collect()
    }

    #[test]
    fn the_same_is_the_same_also_from_elsewhere() {
        let mut second = facts();
        second.name = "other".to_owned();
        second.hostname = Some("cp-2".to_owned());
        second.images = vec!["x".to_owned()];
        // What one of both does not tell is left to the others.
        second.shared.remove("cluster id");
        second.endpoint = None;
        assert_eq!(told(&second), [""; 0]);
    }

    #[test]
    fn each_difference_is_named_with_both_sides() {
        let mut second = facts();
        second.machine_type = "init".to_owned();
        second.shared.insert("Kubernetes CA", "dd".to_owned());
        second.keys.clear();
        second.endpoint = Some("https://10.0.0.9:6443".to_owned());
        assert_eq!(
            told(&second),
            [
                "machine type: controlplane / init true",
                "Kubernetes CA: aa / dd true",
                "encryption keys: secretbox:key2 cc / none true",
                "endpoint: https://10.0.0.5:6443 / https://10.0.0.9:6443 false",
            ]
        );
    }
}
