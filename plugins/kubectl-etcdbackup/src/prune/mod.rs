//! `prune`: what may go, and why the rest stays.

mod act;
mod show;

use std::sync::Arc;

use etcdbackup::cli::Context;
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::retention::{self, Inventory, Plan, Policy};
use etcdbackup::store::{self, Destination, Store};
use jiff::Timestamp;

use crate::cli::Prune;
use crate::installed;

/// A destination, and what is to become of it.
pub(crate) struct Pruned {
    pub(crate) destination: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) inventory: Inventory,
    /// One for each lot of the inventory.
    pub(crate) plans: Vec<Planned>,
    /// What became of what was left over, in its order; none: nothing was tried.
    pub(crate) cleared: Vec<bool>,
}

/// The plan of one cluster, and how far it was carried out.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// Which of the snapshots is the newest that was verified.
    pub(crate) verified: Option<usize>,
    /// What became of those that go, by their place.
    pub(crate) fates: std::collections::BTreeMap<usize, Fate>,
}

/// What became of a snapshot that goes.
pub(crate) enum Fate {
    Deleted,
    /// Until when, in words.
    Locked(String),
    Failed,
}

pub(crate) async fn run(
    mut prune: Prune,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    installed::fill(
        &mut prune.destinations,
        &mut prune.store,
        &mut prune.cluster_name,
        kubernetes,
        &context,
    )
    .await?;
    let policy = prune.policy().checked()?;
    let now = clock::now();
    let mut exit = Exit::Done;
    let mut all = Vec::new();
    for destination in &prune.destinations {
        let looked = look(destination, &prune, &policy, now, &context).await;
        let outcome = match looked {
            Ok(mut pruned) => {
                if pruned.plans.iter().any(|one| one.plan.refused.is_some()) {
                    exit = worse(exit, Exit::No);
                }
                let outcome = if prune.delete {
                    act::delete(&mut pruned, prune.orphans, now, &context).await
                } else {
                    act::look_for_locks(&mut pruned, now, &context).await
                };
                all.push(pruned);
                outcome
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome {
            context.ui.failure(&failure);
            exit = worse(exit, failure.exit);
        }
        if matches!(exit, Exit::Interrupted | Exit::Terminated) {
            break;
        }
    }
    show::report(&all, &prune, now, &context.ui)?;
    Ok(exit)
}

/// The first trouble counts, but a refusal is none, and a signal outweighs all.
fn worse(exit: Exit, next: Exit) -> Exit {
    match (exit, next) {
        (_, Exit::Interrupted | Exit::Terminated) | (Exit::Done | Exit::No, _) => next,
        (exit, _) => exit,
    }
}

/// Lists a destination and decides.
async fn look(
    destination: &str,
    prune: &Prune,
    policy: &Policy,
    now: Timestamp,
    context: &Context,
) -> Result<Pruned, Failure> {
    let destination = Destination::parse(destination)?;
    let store = store::open(&destination, &prune.store.options()).await?;
    let mut cancel = context.cancel.clone();
    let cluster = prune.cluster_name.as_deref();
    let read = Inventory::read(store.as_ref(), cluster, now);
    let mut inventory = cancel.unless_stopped(read).await??;
    match store.open_uploads().await {
        Ok(uploads) => inventory.add_uploads(uploads),
        Err(error) => context.ui.note(&format!(
            "open uploads are not shown: {}",
            error.failure.what
        )),
    }
    let mut plans = Vec::with_capacity(inventory.lots.len());
    for lot in &inventory.lots {
        let found = retention::find(store.as_ref(), &inventory, lot);
        let (findings, note) = cancel.unless_stopped(found).await??;
        if let Some(note) = note {
            context.ui.warn(&format!("{destination}: {note}"));
        }
        let plan = retention::plan(&lot.times(), policy, &prune.safety(), &findings, now);
        if let Some(why) = &plan.refused {
            context.ui.warn(&format!(
                "{destination}: cluster `{}`: nothing is deleted: {why}",
                lot.cluster
            ));
        }
        plans.push(Planned {
            plan,
            verified: findings.verified,
            fates: std::collections::BTreeMap::new(),
        });
    }
    if inventory.lots.is_empty() {
        context.ui.note(&format!("no backup in {destination}"));
    }
    Ok(Pruned {
        destination: destination.to_string(),
        store,
        inventory,
        plans,
        cleared: Vec::new(),
    })
}

impl Pruned {
    /// Key, manifest and record of each snapshot that goes, with its places, the oldest first.
    fn going(&self) -> Vec<(usize, usize)> {
        let plans = self.plans.iter().enumerate();
        plans
            .flat_map(|(lot, planned)| {
                let reasons = planned.plan.reasons.iter().enumerate().rev();
                reasons
                    .filter(|(_, reasons)| !reasons.keep())
                    .map(move |(item, _)| (lot, item))
            })
            .collect()
    }
}
