//! Survey and verdict; where the verdict would lead to a wipe, twice.

use std::time::Duration;

use super::prove::Prover;
use super::survey::Survey;
use super::take::{Beforehand, survey};
use super::verdict::{Judgement, Verdict, judge, settle};
use crate::talos::Talos;

/// The pause between two looks, unless told otherwise: a node that reboots is back by then, or
/// further away.
pub const PAUSE: Duration = Duration::from_secs(60);

/// Looks, and looks again after the pause where one look is not enough; `told` is called before
/// it. The survey is that of the last look. With a prover the databases are read that the verdict
/// `blocked` takes for intact.
pub async fn assess(
    talos: &Talos,
    beforehand: &Beforehand,
    (pause, prover): (Duration, Option<&Prover<'_>>),
    told: impl FnOnce(&Judgement),
) -> (Survey, Judgement) {
    let (first, judged) = one(talos, beforehand, prover).await;
    if !judged.verdict.needs_second_look() {
        return (first, judged);
    }
    told(&judged);
    tokio::time::sleep(pause).await;
    let (second, again) = one(talos, beforehand, prover).await;
    (second, settle(&judged, again))
}

async fn one(
    talos: &Talos,
    beforehand: &Beforehand,
    prover: Option<&Prover<'_>>,
) -> (Survey, Judgement) {
    let mut seen = survey(talos, beforehand).await;
    let judged = judge(&seen);
    match prover {
        Some(prover) if judged.verdict == Verdict::Blocked => {
            prover.prove(talos, &mut seen).await;
            let proven = judge(&seen);
            (seen, proven)
        }
        _ => (seen, judged),
    }
}
