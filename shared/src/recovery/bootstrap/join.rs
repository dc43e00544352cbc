//! Waiting for the other control planes: each joins as a learner, and votes when it has caught
//! up. Talos does that by itself, as long as etcd is `Preparing` there.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::super::condition::{Condition, gave_up_joining};
use super::super::survey::{NodeSurvey, Survey};
use super::Told;
use crate::failure::{Exit, Failure};
use crate::talos::{Member, Talos};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(3);

/// Waits until every control plane that is not lost votes; their names.
pub(super) async fn wait(
    talos: &Talos,
    seen: &Survey,
    target: &NodeSurvey,
    limit: Duration,
    told: &dyn Told,
) -> Result<Vec<String>, Failure> {
    let expected: Vec<&NodeSurvey> = seen
        .nodes
        .iter()
        .filter(|node| seen.condition(node) != Condition::Lost)
        .collect();
    let until = Instant::now() + limit;
    let mut voting = 0;
    loop {
        let members = members(talos, target).await;
        let missing = missing(&expected, &members);
        if missing.is_empty() {
            return Ok(expected.iter().map(|node| node.title()).collect());
        }
        let now = expected.len() - missing.len();
        if now > voting {
            voting = now;
            told.note(&format!(
                "{voting} of {} control planes vote",
                expected.len()
            ));
        }
        let gave_up = gave_up(talos, &missing).await;
        if !gave_up.is_empty() && gave_up.len() == missing.len() {
            return Err(cannot_join(target, &gave_up));
        }
        if Instant::now() >= until {
            return Err(late(target, &missing, limit));
        }
        sleep(LOOK).await;
    }
}

/// The members as the restored node knows them; none while it does not answer.
async fn members(talos: &Talos, target: &NodeSurvey) -> Vec<Member> {
    match talos.reach(&target.node).await {
        Ok(node) => node.etcd_members().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// Those that do not vote yet.
fn missing<'a>(expected: &[&'a NodeSurvey], members: &[Member]) -> Vec<&'a NodeSurvey> {
    let votes = |node: &NodeSurvey| {
        let mut voters = members
            .iter()
            .filter(|member| !member.is_learner && !member.name.is_empty());
        voters.any(|member| {
            let addresses = member.addresses();
            addresses
                .iter()
                .any(|address| node.known_as.contains(address))
        })
    };
    let not_yet = expected.iter().filter(|node| !votes(node));
    not_yet.copied().collect()
}

/// Those of `missing` whose etcd has given up, and will not join before a reboot.
async fn gave_up<'a>(talos: &Talos, missing: &[&'a NodeSurvey]) -> Vec<&'a NodeSurvey> {
    let looks = missing.iter().map(async |node| {
        let services = talos.reach(&node.node).await.ok()?.services().await.ok()?;
        let etcd = services.iter().find(|service| service.id == "etcd")?;
        gave_up_joining(etcd).then_some(*node)
    });
    join_all(looks).await.into_iter().flatten().collect()
}

fn cannot_join(target: &NodeSurvey, nodes: &[&NodeSurvey]) -> Failure {
    let names: Vec<&str> = nodes.iter().map(|node| node.node.as_str()).collect();
    let what = format!(
        "etcd is back on node {}, and gave up joining on {}",
        target.title(),
        names.join(", ")
    );
    Failure::new(Exit::Temporary, what).hint(format!(
        "let it try again: `talosctl -n {} reboot`, then run this again",
        names.join(",")
    ))
}

fn late(target: &NodeSurvey, nodes: &[&NodeSurvey], limit: Duration) -> Failure {
    let names: Vec<String> = nodes.iter().map(|node| node.title()).collect();
    let what = format!(
        "etcd is back on node {}; not joined after {} s: {}",
        target.title(),
        limit.as_secs(),
        names.join(", ")
    );
    Failure::new(Exit::Temporary, what)
        .hint("run again to wait longer; the control plane endpoint must lead to the restored node")
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{Is, members, survey};
    use super::*;

    #[test]
    fn learners_and_members_that_never_started_do_not_vote() {
        let seen = survey(&[Is::Voting, Is::Waiting, Is::Waiting]);
        let expected: Vec<&NodeSurvey> = seen.nodes.iter().collect();
        let mut members = members(3);
        members[1].is_learner = true;
        members[2].name = String::new();
        let names = |members: &[Member]| -> Vec<&str> {
            let missing = missing(&expected, members);
            missing.iter().map(|node| node.node.as_str()).collect()
        };
        assert_eq!(names(&members), ["10.0.0.3", "10.0.0.4"]);
        members[1].is_learner = false;
        members[2].name = "cp-3".to_owned();
        assert_eq!(names(&members), [""; 0]);
        assert_eq!(names(&[]).len(), 3);
    }
}
