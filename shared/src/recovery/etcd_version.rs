//! Which etcd a Talos runs, where its spec does not tell: one minor version for several Talos.

use super::survey::Reached;

/// The etcd of a Talos release, by its own defaults.
pub(super) fn of_talos(reached: &Reached) -> Option<(u32, u32)> {
    match reached.minor()? {
        (1, 0..=10) => Some((3, 5)),
        (1, 11..=13) => Some((3, 6)),
        (1, 14..=15) => Some((3, 7)),
        _ => None,
    }
}
