//! Waiting for what is on its way: a restore or a join that an earlier run began, or somebody
//! else. A look in the middle of it sees data that no list of members explains yet, and "wipe it"
//! would be the wrong advice.

use tokio::time::{Instant, sleep};

use super::super::condition::Condition;
use super::super::data::DataState;
use super::super::survey::{NodeSurvey, Survey};
use super::super::take::survey;
use super::ready::ready;
use super::{AGAIN, Order, Told};
use crate::failure::Exit;
use crate::talos::Talos;

/// Looks at something that does not change before it counts as standing still.
const STILL: usize = 3;

/// The survey when nothing moves any more, or `seen` itself where nothing does; looks again
/// only where the answer would be no, and not beyond the limit of a restore.
pub(super) async fn settled(
    talos: &Talos,
    seen: &Survey,
    order: &Order<'_>,
    told: &dyn Told,
) -> Survey {
    let until = Instant::now() + order.limits.restore;
    let (mut seen, mut still) = (seen.clone(), 0);
    while refused(&seen, order) && still < STILL && Instant::now() < until {
        let Some(node) = seen.nodes.iter().find(|node| moves(&seen, node)) else {
            break;
        };
        if still == 0 {
            told.note(&format!(
                "node {}: a restore or a join may be on its way; looking again",
                node.title()
            ));
        }
        sleep(AGAIN).await;
        let now = survey(talos, order.beforehand).await;
        still = if picture(&now) == picture(&seen) {
            still + 1
        } else {
            1
        };
        seen = now;
    }
    seen
}

fn refused(seen: &Survey, order: &Order<'_>) -> bool {
    ready(seen, order.node, order.facts, None).is_err_and(|failure| failure.exit == Exit::No)
}

/// Whether its etcd may be on its way to another state by itself.
fn moves(survey: &Survey, node: &NodeSurvey) -> bool {
    let prepares = node.etcd_service().is_some_and(|service| {
        matches!(service.state.as_str(), "Preparing" | "Running")
            || service.last_message().contains("Bootstrap requested")
    });
    let has_data = !node
        .storage
        .data
        .is_and(|data| data.state() == DataState::Empty);
    match survey.condition(node) {
        Condition::Learner | Condition::NoLeader => true,
        Condition::Voting | Condition::Waiting | Condition::Lost | Condition::Unknown(_) => false,
        _ => prepares && has_data,
    }
}

/// What changes when something moves.
fn picture(survey: &Survey) -> Vec<(Condition, Option<String>, usize)> {
    let of = |node: &NodeSurvey| {
        let service = node.etcd_service();
        let last = service.map(|service| format!("{} {}", service.state, service.last_message()));
        let members = node.members.get().map_or(0, Vec::len);
        (survey.condition(node), last, members)
    };
    survey.nodes.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::known::Known;
    use super::super::super::samples::{Is, survey};
    use super::*;

    fn moving(cluster: &Survey) -> Vec<bool> {
        let nodes = cluster.nodes.iter();
        nodes.map(|node| moves(cluster, node)).collect()
    }

    #[test]
    fn what_joins_or_restores_moves_and_what_stands_does_not() {
        let standing = survey(&[Is::Voting, Is::Stopped, Is::Waiting]);
        assert_eq!(moving(&standing), [false, false, false]);
        let mut joining = survey(&[Is::Voting, Is::Leaderless, Is::HalfRestored]);
        if let Known::Is(status) = &mut joining.nodes[1].status {
            status.is_learner = true;
        }
        assert_eq!(moving(&joining), [false, true, false]);
        // The restore of a new service has written the database, and not the log yet.
        let mut restoring = survey(&[Is::DatabaseOnly, Is::Waiting, Is::Silent]);
        assert_eq!(moving(&restoring), [true, false, false]);
        if let Known::Is(services) = &mut restoring.nodes[0].services {
            services[0].state = "Failed".to_owned();
        }
        assert_eq!(moving(&restoring), [false, false, false]);
    }
}
