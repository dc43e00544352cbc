//! Which member to ask for a snapshot: the healthiest follower, where the role may ask.

use etcdbackup_proto::machine::{EtcdMember, EtcdMemberStatus};
use futures::future::join_all;

use super::client::Talos;
use super::error::TalosError;

/// Raft entries behind the best that still count as keeping up.
const LAG: u64 = 5_000;

/// Nodes in the order to try.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Node values.
    pub candidates: Vec<String>,
    /// What could not be known, one sentence each.
    pub unknown: Vec<String>,
}

/// Chooses. Nodes that were named are taken as they are.
pub async fn choose(talos: &Talos) -> Choice {
    if !talos.nodes().is_empty() {
        return Choice {
            candidates: talos.nodes().to_vec(),
            unknown: Vec::new(),
        };
    }
    let hosts = talos.endpoint_hosts();
    let mut denied = None;
    for host in &hosts {
        match talos.members(host).await {
            Ok(members) => return by_health(talos, &members, hosts).await,
            Err(error) if error.is_denied() => {
                denied = Some(error);
                break;
            }
            Err(error) => denied = Some(error),
        }
    }
    let unknown = denied.map(|error| reason(&error)).into_iter().collect();
    Choice {
        candidates: hosts,
        unknown,
    }
}

fn reason(error: &TalosError) -> String {
    format!("which member is healthiest: {error}")
}

async fn by_health(talos: &Talos, members: &[EtcdMember], hosts: Vec<String>) -> Choice {
    let nodes: Vec<String> = members.iter().filter_map(address).collect();
    let statuses = join_all(nodes.iter().map(|node| talos.status(node))).await;
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for (node, status) in nodes.into_iter().zip(statuses) {
        let status = status.map_err(|error| unknown.push(reason(&error))).ok();
        known.push((node, status));
    }
    let newest = known
        .iter()
        .filter_map(|(_, status)| Some(status.as_ref()?.raft_applied_index))
        .max()
        .unwrap_or(0);
    known.sort_by_key(|(_, status)| rank(status.as_ref(), newest));
    let mut candidates: Vec<String> = known.into_iter().map(|(node, _)| node).collect();
    if candidates.is_empty() {
        candidates = hosts;
    }
    Choice {
        candidates,
        unknown,
    }
}

/// Lower is better: follower, leader, then what is not well, then what did not answer.
fn rank(status: Option<&EtcdMemberStatus>, newest: u64) -> u8 {
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
        let follower = EtcdMemberStatus {
            leader: 1,
            member_id: 2,
            raft_applied_index: 10_000,
            ..Default::default()
        };
        let leader = EtcdMemberStatus {
            member_id: 1,
            ..follower.clone()
        };
        let lagging = EtcdMemberStatus {
            raft_applied_index: 10,
            ..follower.clone()
        };
        let lost = EtcdMemberStatus {
            leader: 0,
            ..follower.clone()
        };
        let learner = EtcdMemberStatus {
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
