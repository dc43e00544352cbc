//! Which member to ask for a snapshot: the healthiest follower, where the role may ask.

use etcdbackup_proto::machine::EtcdMember;
use futures::future::join_all;

use super::client::Talos;
use super::error::TalosError;
use super::member::MemberStatus;

/// Raft entries behind the best that still count as keeping up.
const LAG: u64 = 5_000;

/// A member that may be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Node value.
    pub node: String,
    /// What it says of itself, where that could be asked.
    pub status: Option<MemberStatus>,
}

impl Candidate {
    fn named(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            status: None,
        }
    }
}

/// Nodes in the order to try.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// What could not be known, one sentence each.
    pub unknown: Vec<String>,
}

/// Chooses. Nodes that were named are taken as they are.
pub async fn choose(talos: &Talos) -> Choice {
    let named = |nodes: &[String]| nodes.iter().map(|node| Candidate::named(node)).collect();
    if !talos.nodes().is_empty() {
        return Choice {
            candidates: named(talos.nodes()),
            unknown: Vec::new(),
        };
    }
    let hosts = talos.endpoint_hosts();
    let mut refusal = None;
    for host in &hosts {
        match talos.members(host).await {
            Ok(members) => return by_health(talos, &members, &hosts).await,
            Err(error) => {
                let denied = error.is_denied();
                refusal = Some(error);
                if denied {
                    break;
                }
            }
        }
    }
    Choice {
        candidates: named(&hosts),
        unknown: refusal.map(|error| reason(&error)).into_iter().collect(),
    }
}

fn reason(error: &TalosError) -> String {
    format!("which member is healthiest: {error}")
}

async fn by_health(talos: &Talos, members: &[EtcdMember], hosts: &[String]) -> Choice {
    let nodes: Vec<String> = members.iter().filter_map(address).collect();
    let statuses = join_all(nodes.iter().map(|node| talos.status(node))).await;
    let mut unknown = Vec::new();
    let mut candidates = Vec::new();
    for (node, status) in nodes.into_iter().zip(statuses) {
        let status = status.map_err(|error| unknown.push(reason(&error))).ok();
        candidates.push(Candidate { node, status });
    }
    let newest = candidates
        .iter()
        .filter_map(|one| Some(one.status.as_ref()?.raft_applied_index))
        .max()
        .unwrap_or(0);
    candidates.sort_by_key(|one| rank(one.status.as_ref(), newest));
    if candidates.is_empty() {
        candidates = hosts.iter().map(|host| Candidate::named(host)).collect();
    }
    Choice {
        candidates,
        unknown,
    }
}

/// Lower is better: follower, leader, then what is not well, then what did not answer.
fn rank(status: Option<&MemberStatus>, newest: u64) -> u8 {
    match status {
        None => 4,
        Some(status) if status.is_learner => 3,
        Some(status)
            if status.leader == 0
                || !status.errors.is_empty()
                || status.raft_applied_index + LAG < newest =>
        {
            2
        }
        Some(status) if status.leader == status.member_id => 1,
        Some(_) => 0,
    }
}

/// The host of a member's first client URL.
fn address(member: &EtcdMember) -> Option<String> {
    let url = url::Url::parse(member.client_urls.first()?).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_that_keeps_up_comes_first() {
        let follower = MemberStatus {
            leader: 1,
            member_id: 2,
            raft_applied_index: 10_000,
            ..Default::default()
        };
        let leader = MemberStatus {
            member_id: 1,
            ..follower.clone()
        };
        let lagging = MemberStatus {
            raft_applied_index: 10,
            ..follower.clone()
        };
        let lost = MemberStatus {
            leader: 0,
            ..follower.clone()
        };
        let learner = MemberStatus {
            is_learner: true,
            ..follower.clone()
        };
        let ranks = [
            Some(&follower),
            Some(&leader),
            Some(&lagging),
            Some(&lost),
            Some(&learner),
            None,
        ]
        .map(|status| rank(status, 10_000));
        assert_eq!(ranks, [0, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn the_address_comes_from_the_client_url() {
        let member = |url: &str| EtcdMember {
            client_urls: vec![url.to_owned()],
            ..Default::default()
        };
        assert_eq!(
            address(&member("https://10.0.0.2:2379")).as_deref(),
            Some("10.0.0.2")
        );
        assert_eq!(
            address(&member("https://[fd00::1]:2379")).as_deref(),
            Some("fd00::1")
        );
        assert_eq!(address(&member("nonsense")), None);
    }
}
