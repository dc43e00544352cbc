//! Asks every API server whether it is ready, and reads one of them.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use super::compare::{Baseline, compare};
use super::kubelets::{kubelets, log_length};
use super::read::read;
use super::{Kubernetes, Server, Through};
use crate::kube::{Access, Api, KubeError, Readiness};
use crate::recovery::known::{Known, Unknown, Why};
use crate::recovery::survey::{NodeSurvey, Survey};
use crate::talos::Talos;

/// How long everything that is read may take in all.
const TOTAL: Duration = Duration::from_secs(120);

/// Looks at Kubernetes. `named`: the kubeconfig that the operator named; without one, or where
/// it does not lead to an API server, an administrator's is fetched through Talos. It changes
/// nothing.
pub async fn look(
    talos: &Talos,
    survey: &Survey,
    named: Option<&Access>,
    against: Option<&Baseline>,
) -> Kubernetes {
    let (mut seen, kubelets) =
        tokio::join!(api(talos, survey, named, against), kubelets(talos, survey));
    seen.kubelets = kubelets;
    seen
}

async fn api(
    talos: &Talos,
    survey: &Survey,
    named: Option<&Access>,
    against: Option<&Baseline>,
) -> Kubernetes {
    let asked = match named {
        Some(access) => ask(access, survey).await,
        None => Asked::default(),
    };
    let asked = if asked.usable().is_some() {
        asked
    } else {
        match of_talos(talos, survey).await {
            Known::Is(access) => ask(&access, survey).await,
            Known::Unknown(unknown) => asked.without_another(unknown),
        }
    };
    let Some((api, ready)) = asked.usable() else {
        let reason = asked.reason();
        let rest = Unknown {
            why: reason.why,
            reason: "not looked at, since no API server could be asked".to_owned(),
        };
        return Kubernetes {
            servers: asked.servers(),
            read: Known::Unknown(reason),
            compared: against.map(|_| Known::Unknown(rest.clone())),
            ..Kubernetes::unread(&rest, Timestamp::now())
        };
    };
    let clock = ready.clock.unwrap_or_else(Timestamp::now);
    let through = Through {
        host: api.host().to_owned(),
        source: asked.source.clone(),
    };
    let slow = Unknown {
        why: Why::Silent,
        reason: format!(
            "the API server at {} was not read within {} s",
            api.host(),
            TOTAL.as_secs()
        ),
    };
    let both = async {
        let compared = async {
            match against {
                Some(baseline) => Some(Known::from(compare(api, baseline).await)),
                None => None,
            }
        };
        tokio::join!(read(api, clock), compared)
    };
    let (mut seen, compared) = tokio::time::timeout(TOTAL, both).await.unwrap_or_else(|_| {
        let unread = Kubernetes::unread(&slow, clock);
        (unread, against.map(|_| Known::Unknown(slow)))
    });
    seen.compared = compared;
    seen.log = log_length(talos, survey).await;
    seen.servers = asked.servers();
    seen.read = Known::Is(through);
    seen
}

/// What every control plane's API server answered to these credentials.
#[derive(Default)]
struct Asked {
    source: String,
    answers: Vec<Answer>,
    /// Why there were no other credentials.
    none: Option<Unknown>,
}

/// What one of them answered.
struct Answer {
    node: String,
    host: String,
    said: Result<(Api, Readiness), KubeError>,
}

impl Asked {
    /// The one to read: one that is ready, or else one that answers.
    fn usable(&self) -> Option<&(Api, Readiness)> {
        let mut answering = self
            .answers
            .iter()
            .filter_map(|answer| answer.said.as_ref().ok());
        let first = answering.clone().next();
        answering
            .find(|(_, ready)| ready.failing.is_empty())
            .or(first)
    }

    fn without_another(mut self, unknown: Unknown) -> Self {
        self.none = Some(unknown);
        self
    }

    fn servers(&self) -> Vec<Server> {
        let answers = self.answers.iter().map(|answer| Server {
            node: answer.node.clone(),
            host: answer.host.clone(),
            failing: match &answer.said {
                Ok((_, ready)) => Known::Is(ready.failing.clone()),
                Err(error) => Known::Unknown(Unknown::from(error)),
            },
        });
        answers.collect()
    }

    /// Why nothing could be read: a refusal says more than silence.
    fn reason(&self) -> Unknown {
        let errors = self
            .answers
            .iter()
            .filter_map(|answer| answer.said.as_ref().err());
        let refusal = errors.clone().find(|error| error.is_refusal());
        let error = refusal.or_else(|| errors.clone().next()).map(Unknown::from);
        match (error, &self.none) {
            (Some(error), None) => error,
            (Some(error), Some(none)) => Unknown {
                why: error.why,
                reason: format!("{}; {}", error.reason, none.reason),
            },
            (None, Some(none)) => none.clone(),
            (None, None) => Unknown {
                why: Why::NotAsked,
                reason: "no control plane is known whose API server could be asked".to_owned(),
            },
        }
    }
}

async fn ask(access: &Access, survey: &Survey) -> Asked {
    let nodes = survey.nodes.iter().filter(|node| !node.lost);
    let answers = join_all(nodes.map(|node| async {
        let host = address(node);
        let asking = async {
            let api = access.at(&host).await?;
            let ready = api.ready().await?;
            Ok((api, ready))
        };
        Answer {
            said: asking.await,
            node: node.node.clone(),
            host,
        }
    }));
    Asked {
        source: access.source().to_owned(),
        answers: answers.await,
        none: None,
    }
}

/// The node's own address: what it is called by may be a name, or shared.
fn address(node: &NodeSurvey) -> String {
    let own = node.addresses.get().map_or(&[][..], Vec::as_slice);
    if own.is_empty() || own.contains(&node.node) {
        return node.node.clone();
    }
    own.first().unwrap_or(&node.node).clone()
}

/// An administrator's kubeconfig, of the first control plane that makes one.
async fn of_talos(talos: &Talos, survey: &Survey) -> Known<Access> {
    let reached = survey
        .nodes
        .iter()
        .filter(|node| node.reached.get().is_some());
    let mut last = Known::not_asked("no control plane was there to make a kubeconfig");
    for node in reached {
        let text = match talos.reach(&node.node).await {
            Ok(way) => way.kubeconfig().await,
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => {
                let source = format!("the kubeconfig that node {} made", node.node);
                match Access::of_text(&text, &source) {
                    Ok(access) => return Known::Is(access),
                    Err(failure) => {
                        last = Known::Unknown(Unknown {
                            why: Why::Answered,
                            reason: failure.what,
                        });
                    }
                }
            }
            Err(error) => last = Known::Unknown(Unknown::from(&error)),
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::samples::{Is, node};

    #[test]
    fn a_control_plane_is_asked_at_its_own_address() {
        let mut one = node(0, Is::Voting, 1);
        assert_eq!(address(&one), "10.0.0.2");
        one.node = "cp-1.example".to_owned();
        assert_eq!(address(&one), "10.0.0.2");
        one.addresses = Known::not_asked("silent");
        assert_eq!(address(&one), "cp-1.example");
    }

    #[test]
    fn where_nobody_is_known_that_is_the_reason() {
        let asked = Asked::default();
        assert_eq!(asked.reason().why, Why::NotAsked);
        let denied = Unknown {
            why: Why::NotPermitted,
            reason: "Kubeconfig on node a: not authorized".to_owned(),
        };
        let asked = asked.without_another(denied.clone());
        assert_eq!(asked.reason(), denied);
    }
}
