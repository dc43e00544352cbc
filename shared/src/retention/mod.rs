//! Which backups may go, and how they go.
//!
//! *Inventory*: a listing, small enough for a million objects. *Policy* and *plan*: pure
//! functions from times to decisions with reasons. *Findings*: the few small objects that are
//! read, records of verifications and one manifest. *Removal*: one delete at a time, by version
//! where a store keeps them, never past a lock.

mod findings;
mod inventory;
mod plan;
mod policy;
mod reasons;
mod removal;
#[cfg(test)]
mod tests;

pub use findings::find;
pub use inventory::{Inventory, Item, Lot, Orphan, OrphanKind, Other};
pub use plan::{Findings, MIN_KEEP, Plan, Safety, plan};
pub use policy::{Count, Policy, Within};
pub use reasons::{Guard, Reasons, Rule};
pub use removal::{Fate, Remover};

/// Milliseconds as people say them.
fn span(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        ..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}
