//! Wiping what holds etcd, and no more: the ETCD partition where it is one, else EPHEMERAL.
//!
//! One node first; when it is back with an empty directory, the rest. A cluster that still works
//! and is given up is wiped at once. What may be wiped at all
//! is [`Plan`]'s matter, a pure function of two surveys.

mod follow;
mod plan;

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

pub use plan::{Plan, Step};

use super::condition::Condition;
use super::file::FileFacts;
use super::look::{boot_id, look};
use super::survey::{NodeSurvey, Survey};
use super::verdict::Judgement;
use crate::failure::{Exit, Failure};
use crate::talos::{Talos, TalosError};

/// Between two looks at a node that reboots.
const LOOK: Duration = Duration::from_secs(3);

/// What is asked for.
pub struct Order<'a> {
    /// The nodes.
    pub nodes: &'a [String],
    /// The backup that will be restored.
    pub facts: &'a FileFacts,
    /// Other data on EPHEMERAL is given up.
    pub lose_local_data: bool,
    /// Nodes whose database is given up.
    pub lose_database: &'a [String],
    /// A cluster with a quorum that is given up, by its name.
    pub discard_cluster: Option<&'a str>,
}

/// The control planes that are not proven empty, and not lost: those that stand in the way of a
/// restore.
pub fn not_empty(survey: &Survey) -> Vec<String> {
    let holds = |node: &&NodeSurvey| {
        !matches!(
            survey.condition(node),
            Condition::Waiting | Condition::Empty | Condition::Lost
        )
    };
    let nodes = survey.nodes.iter().filter(holds);
    nodes.map(|node| node.node.clone()).collect()
}

/// Decides what would be wiped. Nothing is changed.
///
/// # Errors
/// 1: a node or the cluster must not be wiped; 2: no such node, the wrong name; 69, 77: what must
/// be seen was not.
pub fn plan(survey: &Survey, judgement: &Judgement, order: &Order<'_>) -> Result<Plan, Failure> {
    plan::plan(survey, judgement, order)
}

/// Wipes by the plan, and waits until each node is back; `note` hears of every step.
///
/// # Errors
/// A node refused, or is not back after `limit` (75).
pub async fn wipe(
    talos: &Talos,
    plan: &Plan,
    limit: Duration,
    note: &(dyn Fn(&str) + Sync),
) -> Result<(), Failure> {
    let first = if plan.at_once { 0 } else { 1 };
    let (first, rest) = plan.wipe.split_at(first.min(plan.wipe.len()));
    let one = |step| one(talos, step, (limit, plan.at_once), note);
    for step in first {
        one(step).await?;
    }
    join_all(rest.iter().map(one)).await.into_iter().collect()
}

async fn one(
    talos: &Talos,
    step: &Step,
    limit: (Duration, bool),
    note: &(dyn Fn(&str) + Sync),
) -> Result<(), Failure> {
    let Step { title, place, .. } = step;
    let node = talos
        .reach(&step.node)
        .await
        .map_err(TalosError::into_failure)?;
    let before = match &step.boot_id {
        Some(boot) => boot.clone(),
        None => boot_id(&node).await.map_err(TalosError::into_failure)?,
    };
    // Who does not tell is only looked at.
    let events = node.events(limit.0).await;
    let events = events.inspect_err(|error| tracing::debug!(%error, "not followed"));
    note(&format!("node {title}: wiping {}", place.label()));
    let actor = match node.wipe_etcd(*place).await {
        Ok(actor) => actor,
        // It may have arrived: whether the node reboots tells.
        Err(error) if error.answer().is_none() && !error.is_denied() => {
            note(&format!("{error}; looking whether it reboots"));
            String::new()
        }
        Err(error) => return Err(error.into_failure()),
    };
    tokio::select! {
        failure = follow::failed(events.ok(), &actor, step, note) => Err(failure),
        done = back(talos, step, &before, limit, note) => done,
    }
}

/// Waits until the node has rebooted, and its directory is empty, or a member's of the cluster
/// that it joined, unless that is `given_up`.
async fn back(
    talos: &Talos,
    step: &Step,
    before: &str,
    (limit, given_up): (Duration, bool),
    note: &(dyn Fn(&str) + Sync),
) -> Result<(), Failure> {
    let until = Instant::now() + limit;
    let mut rebooted = false;
    while Instant::now() < until {
        sleep(LOOK).await;
        let seen = look(talos, &step.node).await;
        if !seen.boot_id.is_and(|boot| boot != before) {
            continue;
        }
        if !rebooted {
            rebooted = true;
            note(&format!("node {} has rebooted", step.title));
        }
        match Condition::among(&seen, std::slice::from_ref(&seen)) {
            Condition::Waiting => {
                note(&format!("node {} waits, empty", step.title));
                return Ok(());
            }
            Condition::Voting if !given_up => {
                note(&format!("node {} is a member again", step.title));
                return Ok(());
            }
            _ => {}
        }
    }
    let what = if rebooted {
        format!(
            "node {} has rebooted, and does not wait for etcd after {} s",
            step.title,
            limit.as_secs()
        )
    } else {
        format!(
            "node {} has not rebooted after {} s",
            step.title,
            limit.as_secs()
        )
    };
    Err(Failure::new(Exit::Temporary, what).hint(format!(
        "look: `talosctl -n {} service etcd` and `talosctl -n {} dmesg`; then run this again",
        step.node, step.node
    )))
}
