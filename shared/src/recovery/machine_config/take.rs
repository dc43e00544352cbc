//! The live machine configs, and the addresses of what images come from.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::super::known::{Known, Unknown, Why};
use super::super::survey::{NodeSurvey, Survey};
use super::images::hosts;
use super::{ConfigFacts, Configs, Inside, Served};
use crate::talos::Talos;

/// A name that does not resolve by then is taken for one from outside: with the cluster its name
/// server may be gone.
const LOOKUP: Duration = Duration::from_secs(5);

/// Asks every control plane that answers for its machine config, and looks up where its images
/// come from.
pub async fn take(
    talos: &Talos,
    survey: &Survey,
    saved: Vec<ConfigFacts>,
    served: Option<&Served>,
) -> Configs {
    let seen = survey.nodes.iter();
    let seen = seen.filter(|node| node.reached.get().is_some());
    let live = join_all(seen.clone().map(|node| live(talos, node))).await;
    let known = live.iter().filter_map(|(_, facts)| facts.get());
    let known: Vec<&ConfigFacts> = known.chain(&saved).collect();
    let mut inside = Inside::new(survey, known.iter().copied(), served);
    let images = seen.filter_map(|node| node.etcd_config.get());
    let images: Vec<&str> = images.map(|config| config.image.as_str()).collect();
    let image = images.first().copied();
    let names: BTreeSet<String> = known.iter().flat_map(|facts| hosts(facts, image)).collect();
    let names = names.into_iter().filter(|name| inside.why(name).is_none());
    for (name, addresses) in join_all(names.map(look_up)).await {
        inside.resolve(&name, addresses);
    }
    Configs {
        live,
        saved,
        inside,
    }
}

async fn live(talos: &Talos, node: &NodeSurvey) -> (String, Known<ConfigFacts>) {
    let facts = match talos.machine_config(&node.node).await {
        Ok(text) => match ConfigFacts::read(&text, &format!("node {}", node.title())) {
            Ok(mut facts) => {
                facts.hostname = facts.hostname.or_else(|| node.hostname.clone());
                Known::Is(facts)
            }
            Err(failure) => Known::Unknown(Unknown {
                why: Why::Answered,
                reason: failure.what,
            }),
        },
        Err(error) => Known::from(Err(error)),
    };
    (node.node.clone(), facts)
}

async fn look_up(name: String) -> (String, BTreeSet<IpAddr>) {
    let addresses = match timeout(LOOKUP, lookup_host((name.as_str(), 443))).await {
        Ok(Ok(found)) => found.map(|one| one.ip()).collect(),
        _ => BTreeSet::new(),
    };
    (name, addresses)
}
