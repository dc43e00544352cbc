//! The look at every control plane, as a person hears of it.

use std::time::Duration;

use super::Context;
use crate::recovery::{Beforehand, Judgement, Survey, assess};
use crate::talos::Talos;

/// Survey and verdict; where one look is not enough, another after `pause`, which is told.
pub async fn look(
    context: &Context,
    talos: &Talos,
    beforehand: &Beforehand,
    pause: Duration,
) -> (Survey, Judgement) {
    let again = |judged: &Judgement| {
        context.ui.note(&format!(
            "{}: looking again in {} s, since a node may be rebooting",
            judged.verdict.word(),
            pause.as_secs()
        ));
    };
    assess(talos, beforehand, pause, again).await
}
