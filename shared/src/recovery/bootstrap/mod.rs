//! The one step that makes a cluster: upload a proven snapshot to one node, bootstrap etcd on
//! the same node from it, and wait until etcd is healthy there and the others have joined.
//!
//! Safe to run again at any point: what was done shows in the survey, and an earlier restore on
//! the same node is only waited for. Everything is looked at twice, before the upload and right
//! before Bootstrap.

mod join;
mod ready;
mod settle;
mod watch;

use std::fs::File;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::checks::waiting::minutes_left;
use super::condition::Condition;
use super::data::DataState;
use super::file::FileFacts;
use super::known::Known;
use super::look::{boot_id, data_directory};
use super::survey::{NodeSurvey, Survey};
use super::take::{Beforehand, survey};
use crate::failure::{Exit, Failure};
use crate::talos::{Node, Refusal, Talos, TalosError, UploadError};
use ready::{Ready, ready};
use settle::settled;
use watch::{Before, Stage};

/// Between two looks at a node that works.
const LOOK: Duration = Duration::from_secs(2);
/// Between two tries of a Bootstrap that is refused for now.
const AGAIN: Duration = Duration::from_secs(5);

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The upload.
    pub upload: Duration,
    /// From Bootstrap to a healthy etcd.
    pub restore: Duration,
    /// Until all others have joined.
    pub join: Duration,
}

/// What is asked for.
pub struct Order<'a> {
    /// The node that is bootstrapped.
    pub node: &'a str,
    /// The snapshot, which can be read from its start.
    pub file: &'a File,
    /// What it is worth.
    pub facts: &'a FileFacts,
    /// Whether a raw copy of a database is meant.
    pub raw: bool,
    /// What was known before the first look.
    pub beforehand: &'a Beforehand,
    /// Nothing is changed.
    pub dry_run: bool,
    /// How long each step may take.
    pub limits: Limits,
}

/// Who hears how it goes.
pub trait Told {
    /// A line for people.
    fn note(&self, text: &str);
    /// Something that should be known.
    fn warn(&self, text: &str);
    /// The upload begins; what is returned hears of the bytes that were sent.
    fn upload(&self, node: &str, bytes: u64) -> Box<dyn Fn(usize) + Send + Sync>;
    /// The upload is over.
    fn uploaded(&self);
    /// Bootstrap is asked for now: from here on the restore goes on by itself.
    fn begins(&self);
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was changed; it would go on.
    Would,
    /// etcd was restored, and every control plane that is not lost has joined.
    Back {
        /// The control planes that vote.
        members: Vec<String>,
        /// Every node that was met and is not lost, workers too: their kubelets know a newer
        /// state than the one that was restored.
        nodes: Vec<String>,
    },
}

/// Who votes, as a sentence's end.
pub fn voting(members: &[String]) -> String {
    let verb = if members.len() == 1 { "votes" } else { "vote" };
    format!("{} {verb}", members.join(", "))
}

/// Restores etcd on one node; `seen` is the first look.
///
/// # Errors
/// 65: the snapshot is not proven; 1: a control plane holds data, runs etcd or cannot take the
/// snapshot, or the restore failed; 69, 77: one does not answer or may not be asked; 75: worth
/// running again; 2: no such node.
pub async fn bootstrap(
    talos: &Talos,
    seen: &Survey,
    order: &Order<'_>,
    told: &dyn Told,
) -> Result<Outcome, Failure> {
    proven(order.facts, order.raw)?;
    let seen = &settled(talos, seen, order, told).await;
    let target = match ready(seen, order.node, order.facts, None)? {
        Ready::Bootstrap(target) => target,
        Ready::Restored(target) => {
            told.note(&format!(
                "etcd on node {} was restored before: nothing is uploaded; was it another snapshot, wipe first",
                target.title()
            ));
            if order.dry_run {
                return Ok(Outcome::Would);
            }
            return finish(talos, seen, target, order.limits.join, told).await;
        }
    };
    hurry(target, told);
    if order.dry_run {
        return Ok(Outcome::Would);
    }
    let node = talos
        .reach(&target.node)
        .await
        .map_err(TalosError::into_failure)?;
    upload(&node, order, target, told).await?;
    let again = survey(talos, order.beforehand).await;
    let uploaded = Some(order.facts.bytes);
    match ready(&again, order.node, order.facts, uploaded)? {
        Ready::Bootstrap(now) if same_boot(target, now) => {}
        Ready::Bootstrap(now) => return Err(rebooted(&now.node)),
        Ready::Restored(now) => {
            return Err(Failure::new(
                Exit::No,
                format!("somebody else restored etcd on node {}", now.title()),
            )
            .hint("look: `talosctl-recover-check recovered`"));
        }
    }
    told.begins();
    begin(&node, order, told).await?;
    restored(&node, order, told, &Before::of(target)).await?;
    finish(talos, &again, target, order.limits.join, told).await
}

/// Whether the order would be begun now, by what was seen. Nothing is changed.
///
/// # Errors
/// As [`bootstrap`]'s.
pub fn allowed(seen: &Survey, order: &Order<'_>) -> Result<(), Failure> {
    proven(order.facts, order.raw)?;
    ready(seen, order.node, order.facts, None).map(drop)
}

/// The control plane that is bootstrapped, unless another one is wanted: where an upload of
/// an earlier try waits, else the first one that waits.
pub fn proposed(survey: &Survey) -> Option<&NodeSurvey> {
    let waits = |node: &&NodeSurvey| survey.condition(node) == Condition::Waiting;
    let uploaded = |node: &&NodeSurvey| node.storage.uploaded.is_and(Option::is_some);
    let mut waiting = survey.nodes.iter().filter(waits);
    waiting.clone().find(uploaded).or_else(|| waiting.next())
}

/// The control plane that was restored, where others have not joined it yet: only waiting is
/// left. None: nothing was restored, or something else is the matter.
pub fn unfinished(survey: &Survey) -> Option<&NodeSurvey> {
    let votes = |node: &NodeSurvey| survey.condition(node) == Condition::Voting;
    let all = survey
        .nodes
        .iter()
        .all(|node| votes(node) || survey.condition(node) == Condition::Lost);
    let restored = |node: &&NodeSurvey| {
        votes(node) && ready::was_restored(node) && ready::others_join(survey, node).is_ok()
    };
    survey.nodes.iter().find(restored).filter(|_| !all)
}

/// Waits until the others have joined `target`, which was restored before.
///
/// # Errors
/// 75: some have not, after `limit`, or will not before a reboot.
pub async fn finish(
    talos: &Talos,
    seen: &Survey,
    target: &NodeSurvey,
    limit: Duration,
    told: &dyn Told,
) -> Result<Outcome, Failure> {
    let members = join::wait(talos, seen, target, limit, told).await?;
    let reached = seen
        .nodes
        .iter()
        .filter(|node| node.reached.get().is_some());
    let nodes = reached.map(|node| node.node.clone());
    Ok(Outcome::Back {
        members,
        nodes: nodes.chain(seen.workers.iter().cloned()).collect(),
    })
}

/// Only what is proven goes to a cluster: by its digest, or, for a raw copy, by its structure.
fn proven(facts: &FileFacts, raw: bool) -> Result<(), Failure> {
    let refused = |what: String| {
        Err(Failure::new(Exit::Data, format!("{}: {what}", facts.name))
            .hint("take another backup: `kubectl etcdbackup list`"))
    };
    if let Some(damage) = facts.damage.first() {
        return refused(format!("damaged: {damage}"));
    }
    match facts.digest_holds {
        Some(true) => Ok(()),
        Some(false) => refused("its SHA-256 does not hold, or is gone".to_owned()),
        None if raw => Ok(()),
        None => Err(Failure::new(
            Exit::Data,
            format!(
                "{}: a raw copy of a database, which has no SHA-256",
                facts.name
            ),
        )
        .hint(
            "prefer a snapshot; is there none, say `--raw`: Talos is then told to skip the hash",
        )),
    }
}

/// Says whether there is time.
fn hurry(target: &NodeSurvey, told: &dyn Told) {
    match minutes_left(target, jiff::Timestamp::now()) {
        Some((left, _)) if left < 5 => told.warn(&format!(
            "node {} waits for {} min more; if the upload takes longer, Bootstrap still works, but the others may have to be rebooted to join",
            target.title(),
            left.max(0)
        )),
        Some((left, _)) => told.note(&format!("node {} waits for {left} min more", target.title())),
        None => {}
    }
}

fn same_boot(before: &NodeSurvey, now: &NodeSurvey) -> bool {
    matches!((before.boot_id.get(), now.boot_id.get()), (Some(one), Some(other)) if one == other)
}

fn rebooted(node: &str) -> Failure {
    Failure::new(
        Exit::Temporary,
        format!("node {node} rebooted meanwhile: Talos forgot what it was told"),
    )
    .hint("run again when it is back in Preparing")
}

async fn upload(
    node: &Node<'_>,
    order: &Order<'_>,
    target: &NodeSurvey,
    told: &dyn Told,
) -> Result<(), Failure> {
    if let Known::Is(Some(bytes)) = target.storage.uploaded {
        told.warn(&format!(
            "an upload of {bytes} bytes waits on node {}: it is replaced",
            target.title()
        ));
    }
    let file = order.file.try_clone().and_then(|mut file| {
        std::io::Seek::rewind(&mut file)?;
        Ok(file)
    });
    let unread = |error: std::io::Error| {
        let what = format!("{} cannot be read: {error}", order.facts.name);
        Failure::new(Exit::Io, what).hint("nothing was changed: run again")
    };
    let file = file.map_err(unread)?;
    let sent = told.upload(&target.node, order.facts.bytes);
    let outcome = node.upload_snapshot(file, order.limits.upload, sent).await;
    told.uploaded();
    match outcome {
        Ok(()) => Ok(()),
        Err(UploadError::File(error)) => Err(unread(error)),
        Err(UploadError::Talos(error)) => {
            let failure = error.into_failure();
            Err(
                Failure::new(failure.exit, format!("upload: {}", failure.what))
                    .hint("no bootstrap was asked for: run again"),
            )
        }
    }
}

/// Sends Bootstrap, again only where Talos says that it is too early.
async fn begin(node: &Node<'_>, order: &Order<'_>, told: &dyn Told) -> Result<(), Failure> {
    let until = Instant::now() + order.limits.restore;
    loop {
        let skip = order.facts.needs_skip_hash_check();
        let Err(error) = node.bootstrap_from_upload(skip).await else {
            return Ok(());
        };
        match Refusal::of(&error) {
            // It may have arrived: what the node does tells.
            None if !error.is_denied() => {
                told.warn(&format!("{error}; looking whether it was begun"));
                return Ok(());
            }
            Some(Refusal::NotYet) if Instant::now() < until => {
                told.note(&format!("{error}; trying again"));
                sleep(AGAIN).await;
            }
            Some(Refusal::HasData) => {
                return Err(Failure::new(Exit::No, error.to_string()).hint(
                    "somebody was faster, or a restore failed half way: look with `talosctl-recover-check`",
                ));
            }
            _ => return Err(error.into_failure()),
        }
    }
}

/// Waits until the restore is over.
async fn restored(
    node: &Node<'_>,
    order: &Order<'_>,
    told: &dyn Told,
    before: &Before,
) -> Result<(), Failure> {
    let until = Instant::now() + order.limits.restore;
    let mut last = String::new();
    while Instant::now() < until {
        sleep(LOOK).await;
        // A node that is busy may not answer for a moment.
        let Ok(services) = node.services().await else {
            continue;
        };
        let etcd = services.iter().find(|service| service.id == "etcd");
        match before.stage(etcd) {
            Stage::Healthy => {
                told.note(&format!("etcd is healthy on node {}", node.name()));
                return Ok(());
            }
            Stage::Failed(said) => return Err(failed(node, &said).await),
            Stage::GoesOn(said) if said != last => {
                told.note(&format!("node {}: {said}", node.name()));
                last = said;
            }
            Stage::GoesOn(_) => {}
        }
        let boot = boot_id(node).await;
        if matches!((&before.boot_id, &boot), (Some(before), Ok(now)) if before != now) {
            return Err(rebooted(node.name()));
        }
    }
    let what = format!(
        "etcd on node {} is not healthy after {} s: {last}",
        node.name(),
        order.limits.restore.as_secs()
    );
    Err(Failure::new(Exit::Temporary, what)
        .hint("run again to wait longer: nothing is uploaded twice once it is restored"))
}

/// Why, and whether another try must wipe first.
async fn failed(node: &Node<'_>, said: &str) -> Failure {
    let what = format!("the restore on node {} failed: {said}", node.name());
    let wipe = format!(
        "wipe it before the next try: `talosctl-recover-wipe -n {} --restore-from FILE`",
        node.name()
    );
    let hint = match data_directory(node).await {
        Ok(data) if data.state() == DataState::Empty => {
            "its data directory is still empty: run again with a sound snapshot".to_owned()
        }
        Ok(_) => format!("its data directory is dirty now: {wipe}"),
        Err(error) => format!("whether its data directory is dirty is not known ({error}): {wipe}"),
    };
    Failure::new(Exit::No, what).hint(hint)
}

/// Restarts the kubelets: Talos' restore lets the revision go back, and what watches the API
/// since before would wait for changes that never come (kubernetes/kubernetes#131115).
///
/// # Errors
/// 75: some did not restart.
pub async fn restart_kubelets(
    talos: &Talos,
    nodes: &[String],
    told: &dyn Told,
) -> Result<(), Failure> {
    let restarts = nodes.iter().map(async |name| {
        let node = talos.reach(name).await?;
        node.restart_service("kubelet").await
    });
    let outcomes = join_all(restarts).await;
    let failed: Vec<&str> = nodes
        .iter()
        .zip(outcomes)
        .filter_map(|(name, outcome)| {
            let error = outcome.err()?;
            told.warn(&error.to_string());
            Some(name.as_str())
        })
        .collect();
    if failed.is_empty() {
        told.note(&format!("the kubelets of {} nodes restart", nodes.len()));
        return Ok(());
    }
    let names = failed.join(",");
    let what = format!("the kubelets of {names} did not restart");
    Err(Failure::new(Exit::Temporary, what)
        .hint(format!("`talosctl -n {names} service kubelet restart`")))
}
