//! The look at every control plane, as a person hears of it.

use std::path::Path;

use super::{Context, Given, LookFlags};
use crate::failure::Failure;
use crate::recovery::machine_config::{ConfigFacts, Configs, take};
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

/// The live machine configs beside saved ones, and what the cluster of the snapshot at hand
/// serves.
///
/// # Errors
/// 74: the snapshot cannot be read.
pub async fn configs(
    talos: &Talos,
    survey: &Survey,
    saved: Vec<ConfigFacts>,
    given: Option<&Given>,
) -> Result<Configs, Failure> {
    let served = match given {
        Some(given) if given.facts.damage.is_empty() => Some(given.served().await?),
        _ => None,
    };
    Ok(take(talos, survey, saved, served.as_ref()).await)
}
