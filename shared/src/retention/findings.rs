//! The few small objects a plan rests on: records of verifications, from the newest on until one
//! says `good`, and the manifest of the newest.

use super::inventory::{Inventory, Lot};
use super::plan::Findings;
use crate::failure::{Exit, Failure};
use crate::store::Store;
use crate::verify::{self, Verdict};

/// Looks for the newest snapshot that was verified and found good, and whether the newest of all
/// has the size its manifest says. What these credentials may not read shows nothing; the note
/// says so.
///
/// # Errors
/// Those of the store: what could not be asked is not taken for absent.
pub async fn find(
    store: &dyn Store,
    inventory: &Inventory,
    lot: &Lot,
) -> Result<(Findings, Option<String>), Failure> {
    let mut findings = Findings::default();
    match newest_verified(store, inventory, lot).await {
        Ok(verified) => findings.verified = verified,
        Err(failure) if failure.exit == Exit::NotPermitted => {
            let note = format!("verifications cannot be read: {}", failure.what);
            return Ok((findings, Some(note)));
        }
        Err(failure) => return Err(failure),
    }
    findings.doubt = doubt(store, inventory, lot).await?;
    Ok((findings, None))
}

async fn newest_verified(
    store: &dyn Store,
    inventory: &Inventory,
    lot: &Lot,
) -> Result<Option<usize>, Failure> {
    let recorded = lot.items.iter().enumerate().filter(|(_, item)| item.record);
    for (number, item) in recorded {
        let kept = verify::read_kept(store, &inventory.key(lot, item)).await?;
        if kept.is_some_and(|kept| kept.verdict == Verdict::Good) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Why the newest is not what was stored, if it is not.
async fn doubt(
    store: &dyn Store,
    inventory: &Inventory,
    lot: &Lot,
) -> Result<Option<String>, Failure> {
    let Some(newest) = lot.items.first().filter(|newest| newest.manifest) else {
        return Ok(None);
    };
    let key = inventory.key(lot, newest);
    let manifest = match verify::read_manifest(store, &key).await {
        Err(failure) if failure.exit == Exit::NotPermitted => None,
        manifest => manifest?,
    };
    let told = manifest.map(|manifest| manifest.stored.bytes);
    Ok(told.filter(|told| *told != newest.size).map(|told| {
        format!(
            "the newest, `{}`, has {} bytes, and its manifest says {told}",
            store.url_of(&key),
            newest.size
        )
    }))
}
