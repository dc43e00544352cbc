//! What is to be repaired while a quorum holds, with the repair, real ids and addresses filled
//! in. Each trouble is a unit of its own.

use std::collections::BTreeSet;

use serde::Serialize;

use super::condition::Condition;
use super::known::{Unknown, Why};
use super::survey::{NodeSurvey, Survey};
use super::verdict::told;
use crate::talos::{AlarmKind, Member};

/// Raft entries a learner or follower may be behind.
const LAG: u64 = 5_000;

/// Something to repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What is wrong. One sentence.
    pub what: String,
    /// What to do about it.
    pub repair: String,
    /// The commands, in order.
    pub commands: Vec<String>,
}

/// Everything that is to be repaired.
pub fn troubles(survey: &Survey) -> Vec<Trouble> {
    let cluster = Cluster::of(survey);
    [
        cluster.split(),
        cluster.nodes_without_vote(),
        cluster.members_without_node(),
        cluster.learners(),
        cluster.alarms(),
        cluster.complaints(),
        cluster.unhealthy(),
        cluster.unasked(),
    ]
    .concat()
}

/// The survey of a cluster that has a quorum.
struct Cluster<'a> {
    survey: &'a Survey,
    conditions: Vec<Condition>,
    /// A node that votes, to send commands to.
    voter: &'a str,
    /// The members as the quorum knows them.
    members: &'a [Member],
}

impl<'a> Cluster<'a> {
    fn of(survey: &'a Survey) -> Self {
        let conditions = Condition::all(survey);
        let mut pairs = survey.nodes.iter().zip(&conditions);
        let voter = pairs.find(|(_, condition)| **condition == Condition::Voting);
        let listing = survey.nodes.iter().find_map(|node| node.members.get());
        Self {
            survey,
            voter: voter.map_or("NODE", |(node, _)| &node.node),
            members: listing.map_or(&[], Vec::as_slice),
            conditions,
        }
    }

    fn member_of(&self, node: &NodeSurvey) -> Option<&Member> {
        if let Some(status) = node.status.get() {
            return self.members.iter().find(|one| one.id == status.member_id);
        }
        let listed = |member: &&Member| {
            let addresses = member.addresses();
            addresses.iter().any(|one| node.known_as.contains(one))
        };
        self.members.iter().find(listed)
    }

    fn remove(&self, member: &Member) -> String {
        format!(
            "talosctl -n {} etcd remove-member {:016x}",
            self.voter, member.id
        )
    }

    /// Two quorums: two clusters that both think they are the one.
    fn split(&self) -> Vec<Trouble> {
        let lists: BTreeSet<Vec<u64>> = self
            .survey
            .nodes
            .iter()
            .filter_map(|node| node.members.get())
            .map(|members| {
                let mut ids: Vec<u64> = members.iter().map(|member| member.id).collect();
                ids.sort_unstable();
                ids
            })
            .collect();
        let disjoint = lists.iter().any(|one| {
            lists
                .iter()
                .any(|other| !other.iter().any(|id| one.contains(id)))
        });
        if !disjoint {
            return Vec::new();
        }
        let save = self.survey.nodes.iter().map(|node| {
            let node = &node.node;
            format!("talosctl-snapshot-take -n {node} -o {node}.snapshot")
        });
        vec![Trouble {
            what: "the control planes form two clusters, whose members differ".to_owned(),
            repair: "save both, then decide which one to keep, before anything is wiped".to_owned(),
            commands: save.collect(),
        }]
    }

    /// Control planes that take no part.
    fn nodes_without_vote(&self) -> Vec<Trouble> {
        self.pairs()
            .filter_map(|(node, condition)| self.without_vote(node, condition))
            .collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&NodeSurvey, &Condition)> {
        self.survey.nodes.iter().zip(&self.conditions)
    }

    fn without_vote(&self, node: &NodeSurvey, condition: &Condition) -> Option<Trouble> {
        let title = node.title();
        let member = self.member_of(node);
        let removal = member.map(|member| self.remove(member));
        let (what, repair, commands) = match condition {
            Condition::Voting => return None,
            // The list of members tells it.
            Condition::Learner if member.is_some_and(|one| one.is_learner) => return None,
            Condition::Unknown(_) if node.reached.get().is_none() => (
                format!("{title} does not answer"),
                "bring the node back; if it is gone for good, remove its member",
                removal,
            ),
            Condition::Unknown(unknown) => (
                told(node, &unknown.reason),
                "bring the node back; if it is gone for good, remove its member",
                removal,
            ),
            // Without a member there is nothing left of it to repair.
            Condition::Lost => (
                format!("{title} is lost, and still a member"),
                "remove its member, then join a new node with its machine config",
                Some(removal?),
            ),
            Condition::Waiting | Condition::Empty if member.is_none() => (
                format!("{title} has no data and has not joined"),
                "it joins by itself; when it has given up after 30 minutes, reboot it",
                Some(format!("talosctl -n {} reboot", node.node)),
            ),
            Condition::Waiting | Condition::Empty => (
                format!("{title} has no data, and its old member is in the way"),
                "remove the old member: the node then joins by itself",
                removal,
            ),
            _ => (
                format!("{title} does not vote: {}", condition.words()),
                "look at its etcd; the quorum brings its data up to date when it runs",
                Some(format!("talosctl -n {} service etcd", node.node)),
            ),
        };
        Some(Trouble {
            what,
            repair: repair.to_owned(),
            commands: commands.into_iter().collect(),
        })
    }

    /// Members that no node of the census is.
    fn members_without_node(&self) -> Vec<Trouble> {
        let of_node = |member: &Member| {
            let mut nodes = self.survey.nodes.iter();
            nodes.any(|node| self.member_of(node).is_some_and(|one| one.id == member.id))
        };
        let strangers = self.members.iter().filter(|member| !of_node(member));
        strangers
            .map(|member| Trouble {
                what: format!(
                    "member {:016x} ({}) is no control plane that is known",
                    member.id,
                    shown(&member.name)
                ),
                repair: "if its node is gone for good, remove it".to_owned(),
                commands: vec![self.remove(member)],
            })
            .collect()
    }

    /// Learners have no vote until they are promoted.
    fn learners(&self) -> Vec<Trouble> {
        let applied = |node: &NodeSurvey| Some(node.status.get()?.raft_applied_index);
        let newest = self.survey.nodes.iter().filter_map(applied).max();
        let learners = self.members.iter().filter(|member| member.is_learner);
        learners
            .map(|member| {
                let mut nodes = self.survey.nodes.iter();
                let node =
                    nodes.find(|node| node.status.is_and(|status| status.member_id == member.id));
                let behind = newest.zip(node.and_then(applied));
                let behind = behind.map(|(newest, own)| newest.saturating_sub(own));
                let (repair, commands) = match behind {
                    Some(behind) if behind < LAG => (
                        format!(
                            "it is {behind} {} behind: Talos promotes it by itself",
                            if behind == 1 { "entry" } else { "entries" }
                        ),
                        Vec::new(),
                    ),
                    _ => (
                        "it does not catch up: remove it, and reboot its node to join anew"
                            .to_owned(),
                        vec![self.remove(member)],
                    ),
                };
                Trouble {
                    what: format!(
                        "member {:016x} ({}) is a learner without vote",
                        member.id,
                        shown(&member.name)
                    ),
                    repair,
                    commands,
                }
            })
            .collect()
    }

    fn alarms(&self) -> Vec<Trouble> {
        let alarms = self
            .survey
            .nodes
            .iter()
            .find_map(|node| node.alarms.get())
            .map_or(&[][..], Vec::as_slice);
        alarms
            .iter()
            .map(|alarm| {
                let member = self.members.iter().find(|one| one.id == alarm.member);
                let name = member.map_or("unknown", |member| shown(&member.name));
                let node = self.node_of(alarm.member).unwrap_or(self.voter);
                let (kind, repair, commands) = match alarm.kind {
                    AlarmKind::NoSpace => (
                        "NOSPACE",
                        "the quota is used up: defragment every member, one after the other, then disarm",
                        self.defragment(),
                    ),
                    AlarmKind::Corrupt => (
                        "CORRUPT",
                        "its data differs from the others': remove it, wipe its node alone, let it join anew, then disarm",
                        self.replace(alarm.member),
                    ),
                    AlarmKind::Other => (
                        "an unknown alarm",
                        "look at the log of its etcd",
                        vec![format!("talosctl -n {node} logs etcd")],
                    ),
                };
                Trouble {
                    what: format!("member {:016x} ({name}) raised {kind}", alarm.member),
                    repair: repair.to_owned(),
                    commands,
                }
            })
            .collect()
    }

    fn defragment(&self) -> Vec<String> {
        let running = self
            .survey
            .nodes
            .iter()
            .filter(|node| node.status.get().is_some());
        let each = running.map(|node| format!("talosctl -n {} etcd defrag", node.node));
        each.chain([self.disarm()]).collect()
    }

    /// The member goes, and its node comes back as another.
    fn replace(&self, id: u64) -> Vec<String> {
        let member = self.members.iter().find(|one| one.id == id);
        // Once its member is removed its etcd stops, and cannot tell how new its data is.
        let wipe = self.node_of(id).map(|node| {
            format!("talosctl-recover-wipe -n {node} --restore-from FILE --lose-database {node}")
        });
        let goes = member
            .map(|member| self.remove(member))
            .into_iter()
            .chain(wipe);
        goes.chain([self.disarm()]).collect()
    }

    fn disarm(&self) -> String {
        format!("talosctl -n {} etcd alarm disarm", self.voter)
    }

    fn node_of(&self, member: u64) -> Option<&str> {
        let mut nodes = self.survey.nodes.iter();
        let node = nodes.find(|node| node.status.is_and(|status| status.member_id == member));
        node.map(|node| node.node.as_str())
    }

    /// What members complain about, alarms aside: those are told once.
    fn complaints(&self) -> Vec<Trouble> {
        let nodes = self.survey.nodes.iter();
        let complaints = nodes.flat_map(|node| {
            let errors = node.status.get().map_or(&[][..], |status| &status.errors);
            errors.iter().map(move |error| (node, error))
        });
        complaints
            .filter(|(_, error)| !error.contains("alarm:") && !error.contains("no leader"))
            .map(|(node, error)| Trouble {
                what: format!("etcd on {} complains: {error}", node.title()),
                repair: "look at the log of its etcd".to_owned(),
                commands: vec![format!("talosctl -n {} logs etcd", node.node)],
            })
            .collect()
    }

    /// A member that votes, while Talos' own health check of it fails.
    fn unhealthy(&self) -> Vec<Trouble> {
        let healthy = |node: &NodeSurvey| {
            node.etcd_service()
                .is_none_or(|service| service.healthy == Some(true))
        };
        self.pairs()
            .filter(|(node, condition)| **condition == Condition::Voting && !healthy(node))
            .map(|(node, _)| Trouble {
                what: format!(
                    "Talos' health check of etcd on {} does not succeed: {}",
                    node.title(),
                    node.etcd_service()
                        .map_or("", |service| service.last_message())
                ),
                repair: "look at the log of its etcd".to_owned(),
                commands: vec![format!("talosctl -n {} logs etcd", node.node)],
            })
            .collect()
    }

    /// What a healthy cluster must have told, and did not.
    fn unasked(&self) -> Vec<Trouble> {
        let nodes = &self.survey.nodes;
        let facts = [
            nowhere(nodes.iter().map(|node| node.members.unknown())),
            nowhere(nodes.iter().map(|node| node.alarms.unknown())),
            nodes
                .iter()
                .filter(|node| node.reached.get().is_some())
                .find_map(|node| node.services.unknown()),
        ];
        let unknown = facts.into_iter().flatten();
        unknown
            .map(|unknown| Trouble {
                what: format!("not known: {}", unknown.reason),
                repair: match unknown.why {
                    Why::NotPermitted => "ask with a role that may see it (os:reader, os:admin)",
                    _ => "look again; if it stays so, look at the log of etcd there",
                }
                .to_owned(),
                commands: Vec::new(),
            })
            .collect()
    }
}

/// Why a fact that any one node could tell is known from none of them.
fn nowhere<'a>(facts: impl Iterator<Item = Option<&'a Unknown>>) -> Option<&'a Unknown> {
    let reasons: Option<Vec<&Unknown>> = facts.collect();
    reasons?.into_iter().next()
}

fn shown(name: &str) -> &str {
    if name.is_empty() {
        "it never started"
    } else {
        name
    }
}
