//! The machine configs that the control planes run with.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use zeroize::Zeroizing;

use super::current::{LiveConfig, Outdated, is_current, without_current};
use super::name::fingerprint;
use super::saved::SavedConfig;
use crate::failure::Failure;
use crate::recovery::{Beforehand, NodeSurvey, survey};
use crate::talos::{Talos, TalosError};

/// One control plane, and its machine config. There is no `Debug`: it would show every key.
pub struct Reading {
    /// What it is called where it is saved: its host name, where no other has the same.
    pub name: String,
    /// Its address, where that is not its name.
    pub address: Option<String>,
    /// Its host name and addresses.
    pub known_as: BTreeSet<String>,
    /// What it runs with, or why that could not be read.
    pub config: Result<Zeroizing<String>, Failure>,
}

impl Reading {
    /// What it runs with, by its fingerprint; none: it could not be read.
    pub fn live(&self) -> Option<LiveConfig> {
        let config = self.config.as_ref().ok()?;
        Some(LiveConfig {
            node: self.name.clone(),
            known_as: self.known_as.clone(),
            fingerprint: fingerprint(config.as_bytes()),
        })
    }
}

/// What the control planes of one cluster run with.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Our name for the cluster.
    pub cluster: String,
    /// Those that told.
    pub nodes: Vec<LiveConfig>,
}

impl Live {
    /// Of what was read of a cluster.
    pub fn of(cluster: &str, readings: &[Reading]) -> Self {
        Self {
            cluster: cluster.to_owned(),
            nodes: readings.iter().filter_map(Reading::live).collect(),
        }
    }

    /// Whether the node that this was saved of runs with it: the one of its name, else the one
    /// that has its address now. None: nobody told.
    pub fn runs_with(&self, saved: &SavedConfig) -> Option<bool> {
        let called = |name: &String| self.nodes.iter().find(|node| node.known_as.contains(name));
        let node = called(&saved.node).or_else(|| called(saved.address.as_ref()?));
        let node = node.filter(|_| saved.cluster == self.cluster);
        node.map(|node| is_current(saved, node))
    }

    /// The nodes that have no current config among these, which may be of several clusters. Of
    /// those that did not tell nothing is said.
    pub fn without_current(&self, saved: &[SavedConfig]) -> Vec<Outdated> {
        let own = saved.iter().filter(|one| one.cluster == self.cluster);
        let own: Vec<SavedConfig> = own.cloned().collect();
        without_current(&own, &self.nodes)
    }
}

/// Reads the machine config of every control plane that anything knows of; of the named nodes
/// only, when some were named.
pub async fn read(talos: &Talos) -> Vec<Reading> {
    let seen = survey(talos, &Beforehand::default()).await;
    let named = talos.nodes();
    let wanted = |node: &&NodeSurvey| {
        named.is_empty() || named.iter().any(|name| node.known_as.contains(name))
    };
    let nodes: Vec<&NodeSurvey> = seen.nodes.iter().filter(wanted).collect();
    let texts = nodes.iter().map(|node| talos.machine_config(&node.node));
    let texts = join_all(texts).await;
    let names = names(&nodes);
    let read = nodes.into_iter().zip(names).zip(texts);
    read.map(|((node, name), text)| Reading {
        address: (name != node.node).then(|| node.node.clone()),
        known_as: known_as(node),
        name,
        config: text.map_err(refused),
    })
    .collect()
}

/// Host names, and the address where a machine told none or another has the same.
fn names(nodes: &[&NodeSurvey]) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for hostname in nodes.iter().filter_map(|node| node.hostname.as_deref()) {
        *count.entry(hostname).or_default() += 1;
    }
    let name = |node: &&NodeSurvey| match &node.hostname {
        Some(hostname) if count.get(hostname.as_str()) == Some(&1) => hostname.clone(),
        _ => node.node.clone(),
    };
    nodes.iter().map(name).collect()
}

fn known_as(node: &NodeSurvey) -> BTreeSet<String> {
    let own = node.addresses.get().into_iter().flatten();
    let all = node.known_as.iter().chain(own).chain(&node.hostname);
    all.cloned().collect()
}

fn refused(error: TalosError) -> Failure {
    let denied = error.is_denied();
    let failure = error.into_failure();
    let what = format!("no machine config: {}", failure.what);
    match failure.hint {
        _ if denied => Failure::new(failure.exit, what).hint(
            "a machine config holds every key of the cluster: ask with a talosconfig of role os:admin",
        ),
        Some(hint) => Failure::new(failure.exit, what).hint(hint),
        None => Failure::new(failure.exit, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::{Unknown, Why};

    #[test]
    fn a_name_that_two_have_is_nobodys() {
        let node = |address: &str, hostname: Option<&str>| {
            let away = Unknown {
                why: Why::Silent,
                reason: "away".to_owned(),
            };
            NodeSurvey {
                hostname: hostname.map(str::to_owned),
                ..NodeSurvey::unseen(address, &away)
            }
        };
        let nodes = [
            node("10.0.0.2", Some("cp-1")),
            node("10.0.0.3", Some("talos")),
            node("10.0.0.4", Some("talos")),
            node("10.0.0.5", None),
        ];
        let all: Vec<&NodeSurvey> = nodes.iter().collect();
        assert_eq!(names(&all), ["cp-1", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
    }
}
