//! Carries a plan out, one delete at a time, or looks for what would refuse it.

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::retention::{self, OrphanKind, Remover};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::{Fate, Pruned};

/// How many locks are asked for at once in a dry run.
const QUESTIONS: usize = 16;
/// Younger uploads may still be on their way.
const OLD_UPLOAD: SignedDuration = SignedDuration::from_hours(24);

/// Deletes the oldest first, so that whatever stops it leaves the newer ones.
pub(super) async fn delete(
    pruned: &mut Pruned,
    orphans: bool,
    now: Timestamp,
    context: &Context,
) -> Result<(), Failure> {
    let store = std::sync::Arc::clone(&pruned.store);
    let mut remover = Remover::new(store.as_ref(), now);
    let mut cancel = context.cancel.clone();
    for (lot, at) in pruned.going() {
        // A delete that was begun comes to its end; a stop is heeded between two.
        cancel.unless_stopped(std::future::ready(())).await?;
        let (Some(of), Some(planned)) = (pruned.inventory.lots.get(lot), pruned.plans.get_mut(lot))
        else {
            continue;
        };
        let Some(item) = of.items.get(at) else {
            continue;
        };
        let key = pruned.inventory.key(of, item);
        let removed = remover.remove(&key, item.manifest, item.record).await;
        let (fate, failed) = match removed {
            Ok(retention::Fate::Deleted) => (Fate::Deleted, None),
            Ok(retention::Fate::Locked(until)) => (Fate::Locked(until), None),
            Err(failure) => (Fate::Failed, Some(failure)),
        };
        planned.fates.insert(at, fate);
        if let Some(failure) = failed {
            return Err(failure);
        }
    }
    if orphans {
        clear(pruned, &mut remover, now, context).await?;
    }
    if let Some(why) = remover.blind() {
        context.ui.warn(&format!(
            "versions cannot be seen: where {} keeps them, what was deleted is only hidden and still costs: {why}",
            pruned.destination
        ));
    }
    Ok(())
}

/// What belongs to nothing any more.
async fn clear(
    pruned: &mut Pruned,
    remover: &mut Remover<'_>,
    now: Timestamp,
    context: &Context,
) -> Result<(), Failure> {
    let mut cancel = context.cancel.clone();
    for orphan in &pruned.inventory.orphans {
        cancel.unless_stopped(std::future::ready(())).await?;
        let done = match (&orphan.kind, &orphan.upload) {
            (OrphanKind::Upload, Some(upload)) => {
                let old = upload
                    .begun
                    .is_some_and(|begun| now.duration_since(begun) > OLD_UPLOAD);
                if old {
                    pruned.store.end_upload(upload).await?;
                }
                old
            }
            _ => remover.remove_key(&orphan.key).await? == retention::Fate::Deleted,
        };
        pruned.cleared.push(done);
    }
    Ok(())
}

/// In a bucket with object lock a dry run asks which of those that would go are locked.
pub(super) async fn look_for_locks(
    pruned: &mut Pruned,
    now: Timestamp,
    context: &Context,
) -> Result<(), Failure> {
    let going = pruned.going();
    // Whoever may not ask learns it from the refusal.
    let lockable = !going.is_empty() && pruned.store.can_lock().await.unwrap_or(false);
    if !lockable {
        return Ok(());
    }
    let store = std::sync::Arc::clone(&pruned.store);
    let questions: Vec<(usize, usize, String)> = going
        .into_iter()
        .filter_map(|(lot, at)| {
            let of = pruned.inventory.lots.get(lot)?;
            Some((lot, at, pruned.inventory.key(of, of.items.get(at)?)))
        })
        .collect();
    let ask = |(lot, at, key): (usize, usize, String)| {
        let store = store.as_ref();
        async move { (lot, at, store.hold(&key, None).await) }
    };
    let asked = futures::stream::iter(questions)
        .map(ask)
        .buffer_unordered(QUESTIONS)
        .collect::<Vec<_>>();
    let mut unseen = None;
    for (lot, at, hold) in context.cancel.clone().unless_stopped(asked).await? {
        match (hold, pruned.plans.get_mut(lot)) {
            (Ok(hold), Some(planned)) if hold.holds(now) => {
                planned.fates.insert(at, Fate::Locked(hold.to_string()));
            }
            (Err(error), _) if error.failure.exit == Exit::NotPermitted => {
                unseen = Some(error.failure.what);
            }
            (Err(error), _) => return Err(error.into()),
            _ => {}
        }
    }
    if let Some(why) = unseen {
        context.ui.note(&format!("locks are not shown: {why}"));
    }
    Ok(())
}
