//! Whether Kubernetes is back, each question a small unit: a function of what was read.

mod against;
mod api;
mod api_addresses;
mod kubelets;
mod nodes;
mod pods;
mod webhooks;
mod workloads;

pub(super) use against::against;
pub(super) use api::{parts, servers};
pub(super) use api_addresses::addresses;
pub(super) use kubelets::kubelets;
pub(super) use nodes::nodes;
pub(super) use pods::pods;
pub(super) use webhooks::webhooks;
pub(super) use workloads::{volumes, workloads};

use super::super::finding::Finding;
use super::super::known::{Known, Unknown, Why};
use super::super::kubernetes::Kubernetes;
use super::Evidence;

/// Names that are told of many.
const NAMED: usize = 5;

/// Judges a part of what was read; what was not is unknown, with a command to look by hand.
fn judged<T>(
    evidence: &Evidence<'_>,
    part: impl FnOnce(&Kubernetes) -> &Known<T>,
    by_hand: &str,
    judge: impl FnOnce(&Kubernetes, &T) -> Vec<Finding>,
) -> Vec<Finding> {
    let not_asked = Unknown {
        why: Why::NotAsked,
        reason: "Kubernetes was not looked at".to_owned(),
    };
    let Some(kubernetes) = evidence.kubernetes else {
        return vec![Finding::unknown(&not_asked).hint(format!("look with `{by_hand}`"))];
    };
    match part(kubernetes) {
        Known::Is(seen) => judge(kubernetes, seen),
        Known::Unknown(unknown) => {
            vec![Finding::unknown(unknown).hint(format!("look with `{by_hand}`"))]
        }
    }
}

/// `a, b, c and 7 more`.
fn first_of<T: AsRef<str>>(names: &[T]) -> String {
    let told = names.iter().take(NAMED).map(AsRef::as_ref);
    let told = told.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// `1 pod`, `2 pods`.
fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

#[cfg(test)]
mod tests;
