//! The look at every control plane, as a person hears of it.

use std::path::Path;

use super::{Context, LookFlags};
use crate::recovery::{Beforehand, Judgement, NodeSurvey, Prover, Survey, assess};
use crate::talos::Talos;

/// Survey and verdict; where one look is not enough, another after a pause, which is told.
/// Copies of databases that are read lie in `folder` meanwhile.
pub async fn look(
    context: &Context,
    talos: &Talos,
    beforehand: &Beforehand,
    flags: &LookFlags,
    folder: Option<&Path>,
) -> (Survey, Judgement) {
    let pause = flags.survey_pause;
    let again = |judged: &Judgement| {
        context.ui.note(&format!(
            "{}: looking again in {} s, since a node may be rebooting",
            judged.verdict.word(),
            pause.as_secs()
        ));
    };
    let told = |node: &NodeSurvey| {
        let title = node.title();
        context
            .ui
            .note(&format!("reading the database of node {title}, twice"));
    };
    let prover = Prover {
        folder,
        cancel: &context.cancel,
        told: &told,
    };
    let prover = flags.prove_databases.then_some(&prover);
    assess(talos, beforehand, (pause, prover), again).await
}
