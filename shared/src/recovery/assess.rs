//! Survey and verdict; where the verdict would lead to a wipe, twice.

use std::time::Duration;

use super::survey::Survey;
use super::take::{Beforehand, survey};
use super::verdict::{Judgement, judge, settle};
use crate::talos::Talos;

/// The pause between two looks, unless told otherwise: a node that reboots is back by then, or
/// further away.
pub const PAUSE: Duration = Duration::from_secs(60);

/// Looks, and looks again after `pause` where one look is not enough; `told` is called before
/// the pause. The survey is that of the last look.
pub async fn assess(
    talos: &Talos,
    beforehand: &Beforehand,
    pause: Duration,
    told: impl FnOnce(&Judgement),
) -> (Survey, Judgement) {
    let first = survey(talos, beforehand).await;
    let judged = judge(&first);
    if !judged.verdict.needs_second_look() {
        return (first, judged);
    }
    told(&judged);
    tokio::time::sleep(pause).await;
    let second = survey(talos, beforehand).await;
    let settled = settle(&judged, judge(&second));
    (second, settled)
}
